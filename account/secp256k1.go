package account

import (
	"crypto/ecdsa"
	"encoding/hex"
	"math/big"

	"github.com/btcsuite/btcd/btcutil"
	"github.com/ethereum/go-ethereum/crypto"
)

const (
	// hash160Size is the length of RIPEMD-160 of SHA-256, in bytes.
	hash160Size = 20
	// compactSize is the length of r ‖ s.
	compactSize = 64
	// maxRecoveryID is the last id that tells a key from the others that could
	// have made a signature.
	maxRecoveryID = 3
)

// secpKey is a private key of secp256k1 for the chains that name an account
// by the hash of its compressed public key.
type secpKey struct {
	key    *ecdsa.PrivateKey
	public []byte // compressed
}

func newSecpKey(secret []byte) (*secpKey, error) {
	key, err := crypto.ToECDSA(secret)
	if err != nil {
		return nil, reason("not a secp256k1 private key, which is 32 bytes below the order of the curve")
	}
	return &secpKey{key: key, public: crypto.CompressPubkey(&key.PublicKey)}, nil
}

// recoverable signs a digest as r ‖ s ‖ recovery id, always with a low s.
func (k *secpKey) recoverable(digest [32]byte) ([]byte, error) {
	return crypto.Sign(digest[:], k.key)
}

func (k *secpKey) bytes() []byte { return crypto.FromECDSA(k.key) }

func (k *secpKey) hex() string { return "0x" + hex.EncodeToString(k.bytes()) }

// hash160 is RIPEMD-160 of SHA-256.
func hash160(public []byte) []byte { return btcutil.Hash160(public) }

// recoverCompressed returns the key that made r ‖ s ‖ recovery id.
func recoverCompressed(digest [32]byte, signature []byte) ([]byte, error) {
	if len(signature) != crypto.SignatureLength || signature[compactSize] > maxRecoveryID {
		return nil, reason("it is not r, s and a recovery id in 65 bytes")
	}
	public, err := crypto.Ecrecover(digest[:], signature)
	if err != nil {
		return nil, reason("no key has made it")
	}
	// 4 ‖ x ‖ y becomes the sign of y and x.
	return append([]byte{2 + public[64]&1}, public[1:33]...), nil
}

// verifySecp checks r ‖ s with a low s by a public key in either form.
func verifySecp(public []byte, digest [32]byte, compact []byte) error {
	if !isSecpPublic(public) {
		return reason("its public key is not one of secp256k1")
	}
	if !crypto.VerifySignature(public, digest[:], compact) {
		return reason("the key did not make it")
	}
	return nil
}

// isSecpPublic reports whether public has the form of a key. Libraries do not
// agree about the others that ancient standards had.
func isSecpPublic(public []byte) bool {
	switch len(public) {
	case 33:
		return public[0] == 2 || public[0] == 3
	case 65:
		return public[0] == 4
	}
	return false
}

// withLowS replaces a high s in r ‖ s by the other s that makes it valid.
func withLowS(compact []byte) []byte {
	if len(compact) != compactSize {
		return compact
	}
	order := crypto.S256().Params().N
	s := new(big.Int).SetBytes(compact[32:])
	if s.Cmp(new(big.Int).Rsh(order, 1)) <= 0 || s.Cmp(order) >= 0 {
		return compact
	}
	low := make([]byte, compactSize)
	copy(low, compact[:32])
	s.Sub(order, s).FillBytes(low[32:])
	return low
}

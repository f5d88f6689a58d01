package account

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"math/big"
	"strings"

	"golang.org/x/crypto/blake2b"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"aleph/message"
)

// tezosCurve is one of the curves of Tezos, with the bytes that make base58check
// begin with readable letters. // spec messages 2.8
type tezosCurve struct {
	publicPrefix    string
	publicSize      int
	addressPrefix   string
	signaturePrefix string
	secretPrefix    string
	// verify checks 64 bytes over a digest.
	verify func(public []byte, digest [32]byte, signature []byte) error
	// open returns the public key of a secret, and what signs with it.
	open func(secret []byte) (public []byte, signs func(digest [32]byte) ([]byte, error), err error)
}

func tezosCurves() []*tezosCurve { return []*tezosCurve{tezosEd25519(), tezosSecp256k1(), tezosP256()} }

func tezosEd25519() *tezosCurve {
	return &tezosCurve{
		publicPrefix: "\x0d\x0f\x25\xd9", publicSize: ed25519.PublicKeySize, // edpk
		addressPrefix:   "\x06\xa1\x9f",         // tz1
		signaturePrefix: "\x09\xf5\xcd\x86\x12", // edsig
		secretPrefix:    "\x0d\x0f\x3a\x07",     // edsk
		verify: func(public []byte, digest [32]byte, signature []byte) error {
			return verifyEd25519(public, digest[:], signature)
		},
		open: func(secret []byte) ([]byte, func([32]byte) ([]byte, error), error) {
			if len(secret) != ed25519.SeedSize {
				return nil, nil, reason("not an Ed25519 seed, which is 32 bytes")
			}
			key := ed25519.NewKeyFromSeed(secret)
			return key[ed25519.SeedSize:], func(digest [32]byte) ([]byte, error) { return ed25519.Sign(key, digest[:]), nil }, nil
		},
	}
}

func tezosSecp256k1() *tezosCurve {
	return &tezosCurve{
		publicPrefix: "\x03\xfe\xe2\x56", publicSize: 33, // sppk
		addressPrefix:   "\x06\xa1\xa1",         // tz2
		signaturePrefix: "\x0d\x73\x65\x13\x3f", // spsig1
		secretPrefix:    "\x11\xa2\xe0\xc9",     // spsk
		verify:          verifySecp,
		open: func(secret []byte) ([]byte, func([32]byte) ([]byte, error), error) {
			key, err := newSecpKey(secret)
			if err != nil {
				return nil, nil, err
			}
			return key.public, func(digest [32]byte) ([]byte, error) {
				signature, err := key.recoverable(digest)
				if err != nil {
					return nil, err
				}
				return signature[:compactSize], nil
			}, nil
		},
	}
}

func tezosP256() *tezosCurve {
	return &tezosCurve{
		publicPrefix: "\x03\xb2\x8b\x7f", publicSize: 33, // p2pk
		addressPrefix:   "\x06\xa1\xa4",     // tz3
		signaturePrefix: "\x36\xf0\x2c\x34", // p2sig
		secretPrefix:    "\x10\x51\xee\xbd", // p2sk
		verify:          verifyP256,
		open: func(secret []byte) ([]byte, func([32]byte) ([]byte, error), error) {
			key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), secret)
			if err != nil {
				return nil, nil, reason("not a P-256 private key, which is 32 bytes below the order of the curve")
			}
			public, err := compressP256(&key.PublicKey)
			if err != nil {
				return nil, nil, err
			}
			return public, func(digest [32]byte) ([]byte, error) { return signP256(key, digest) }, nil
		},
	}
}

// address hashes the bytes of a public key.
func (c *tezosCurve) address(public []byte) message.Address {
	hash, err := blake2b.New(hash160Size, nil)
	if err != nil {
		panic(err) // the size is a constant
	}
	hash.Write(public)
	return message.Address(encodeBase58Check(c.addressPrefix, hash.Sum(nil)))
}

// parseTezosPublic reads a public key, which tells its curve.
func parseTezosPublic(text string) (*tezosCurve, []byte, error) {
	data, ok := decodeBase58Check(text)
	if !ok {
		return nil, nil, reason("its public key is not base58check")
	}
	for _, curve := range tezosCurves() {
		if public, found := strings.CutPrefix(string(data), curve.publicPrefix); found && len(public) == curve.publicSize {
			return curve, []byte(public), nil
		}
	}
	return nil, nil, reason("its public key is not edpk, sppk or p2pk")
}

// parseSignature reads a signature that must be of this curve, if it tells one.
func (c *tezosCurve) parseSignature(text string) ([]byte, error) {
	data, ok := decodeBase58Check(text)
	if !ok {
		return nil, reason("it is not base58check")
	}
	for _, prefix := range []string{c.signaturePrefix, genericSignature} {
		if signature, found := strings.CutPrefix(string(data), prefix); found && len(signature) == compactSize {
			return []byte(signature), nil
		}
	}
	return nil, reason("it is not a signature of the key's curve")
}

func verifyP256(public []byte, digest [32]byte, signature []byte) error {
	x, y := elliptic.UnmarshalCompressed(elliptic.P256(), public)
	if x == nil {
		return reason("its public key is not one of P-256")
	}
	whole := append([]byte{4}, x.FillBytes(make([]byte, 32))...)
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(whole, y.FillBytes(make([]byte, 32))...))
	if err != nil {
		return reason("its public key is not one of P-256")
	}
	r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
	if !ecdsa.Verify(key, digest[:], r, s) {
		return reason("the key did not make it")
	}
	return nil
}

func compressP256(public *ecdsa.PublicKey) ([]byte, error) {
	whole, err := public.Bytes() // 4 ‖ x ‖ y
	if err != nil {
		return nil, err
	}
	return append([]byte{2 + whole[64]&1}, whole[1:33]...), nil
}

// signP256 makes the same signature of the same digest always. // RFC 6979
func signP256(key *ecdsa.PrivateKey, digest [32]byte) ([]byte, error) {
	der, err := key.Sign(nil, digest[:], crypto.SHA256)
	if err != nil {
		return nil, err
	}
	whole := cryptobyte.String(der)
	var sequence cryptobyte.String
	var r, s big.Int
	if !whole.ReadASN1(&sequence, asn1.SEQUENCE) || !sequence.ReadASN1Integer(&r) || !sequence.ReadASN1Integer(&s) {
		return nil, reason("the signature is not DER")
	}
	compact := make([]byte, compactSize)
	r.FillBytes(compact[:32])
	s.FillBytes(compact[32:])
	return compact, nil
}

package account

import (
	"crypto/ecdsa"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/ethereum/go-ethereum/crypto"

	"aleph/message"
)

// evm is the scheme of Ethereum and of the chains that took it over: EIP-191
// "personal sign" with a recoverable secp256k1 signature. // spec messages 2.4
type evm struct{}

func (s evm) verify(m *message.Message) error {
	return s.verifyBytes(m.Sender, m.SigningBuffer(), m.Signature)
}

func (evm) verifyBytes(signer message.Address, buffer []byte, text string) error {
	signature, err := parseEVMSignature(text)
	if err != nil {
		return err
	}
	public, err := crypto.Ecrecover(personalDigest(buffer), signature[:])
	if err != nil {
		return reason("no key has made it")
	}
	// The address is the end of the key's hash, without the format byte.
	address := crypto.Keccak256(public[1:])[12:]
	var made [42]byte
	hex.Encode(made[copy(made[:], "0x"):], address)
	if !strings.EqualFold(string(made[:]), string(signer)) {
		return reason("it was made by %s", made[:])
	}
	return nil
}

// parseEVMSignature reads r ‖ s ‖ v in hex and puts a recovery id of 0 or 1 in
// the place of v. The ranges of r and s are left to recovery.
func parseEVMSignature(text string) (signature [crypto.SignatureLength]byte, err error) {
	if strings.HasPrefix(text, "0x") || strings.HasPrefix(text, "0X") {
		text = text[2:]
	}
	if len(text) != hex.EncodedLen(len(signature)) {
		return signature, reason("it is not 65 bytes in hex")
	}
	if _, err := hex.Decode(signature[:], []byte(text)); err != nil {
		return signature, reason("it is not 65 bytes in hex")
	}
	switch v := signature[64]; {
	case v <= 1:
	case v == 27 || v == 28:
		signature[64] = v - 27
	case v >= 35: // EIP-155
		signature[64] = (v - 35) % 2
	default:
		return signature, reason("its last byte %d is no recovery id", v)
	}
	return signature, nil
}

// personalDigest hashes buffer with the prefix of EIP-191.
func personalDigest(buffer []byte) []byte {
	prefix := make([]byte, 0, 32)
	prefix = append(prefix, "\x19Ethereum Signed Message:\n"...)
	prefix = strconv.AppendInt(prefix, int64(len(buffer)), 10)
	return crypto.Keccak256(prefix, buffer)
}

// checkAddress takes any letter case, as the check of signatures does.
func (evm) checkAddress(address message.Address) error {
	digits, prefixed := strings.CutPrefix(string(address), "0x")
	if data, err := hex.DecodeString(digits); err != nil || !prefixed || len(data) != 20 {
		return reason("the address is not 0x and 20 bytes in hex")
	}
	return nil
}

func (evm) signer(secret []byte) (signer, error) {
	key, err := crypto.ToECDSA(secret)
	if err != nil {
		return nil, reason("not a secp256k1 private key, which is 32 bytes below the order of the curve")
	}
	return &evmKey{key: key, name: message.Address(crypto.PubkeyToAddress(key.PublicKey).Hex())}, nil
}

type evmKey struct {
	key  *ecdsa.PrivateKey
	name message.Address
}

// address is in the mixed case of EIP-55.
func (k *evmKey) address() message.Address { return k.name }

// sign returns 0x and 65 bytes in hex with v of 27 or 28.
func (k *evmKey) sign(buffer []byte) (string, error) {
	signature, err := crypto.Sign(personalDigest(buffer), k.key)
	if err != nil {
		return "", err
	}
	signature[64] += 27
	return "0x" + hex.EncodeToString(signature), nil
}

// signBytes is sign: a message has no other form of signature.
func (k *evmKey) signBytes(buffer []byte) (string, error) { return k.sign(buffer) }

func (k *evmKey) secret() string { return "0x" + hex.EncodeToString(crypto.FromECDSA(k.key)) }

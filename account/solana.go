package account

import (
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"strings"

	"github.com/mr-tron/base58"
	voi "github.com/oasisprotocol/curve25519-voi/primitives/ed25519"

	"aleph/message"
)

// solana is the scheme of Solana and Eclipse: Ed25519 over the plain buffer,
// base58 everywhere. // spec messages 2.5
type solana struct{}

func (solana) verify(m *message.Message) error {
	parts, err := parseObject(m.Signature)
	if err != nil {
		return err
	}
	if version, ok := parts["version"]; ok {
		var number *float64
		if err := json.Unmarshal(version, &number); err != nil || number == nil || *number != 1 {
			return reason("its version is not 1")
		}
	}
	publicText, err := parts.text("publicKey")
	if err != nil {
		return err
	}
	if publicText != string(m.Sender) {
		return reason("its public key is not the sender's")
	}
	signatureText, err := parts.text("signature")
	if err != nil {
		return err
	}
	signature, err := decodeBase58(trimmed(signatureText))
	if err != nil {
		return reason("it is not base58")
	}
	public, err := solanaPublic(message.Address(trimmed(publicText)))
	if err != nil {
		return err
	}
	return verifyEd25519(public, m.SigningBuffer(), signature)
}

// verifyBytes reads the signature as hex, with or without 0x.
func (solana) verifyBytes(signer message.Address, buffer []byte, text string) error {
	signature, err := hex.DecodeString(strings.TrimPrefix(text, "0x"))
	if err != nil {
		return reason("it is not hex")
	}
	public, err := solanaPublic(signer)
	if err != nil {
		return err
	}
	return verifyEd25519(public, buffer, signature)
}

// solanaPublic returns the key that an address is.
func solanaPublic(address message.Address) ([]byte, error) {
	public, err := decodeBase58(string(address))
	if err != nil || len(public) != ed25519.PublicKeySize {
		return nil, reason("the address is not a key of 32 bytes in base58")
	}
	return public, nil
}

// verifyEd25519 checks a signature by a key of 32 bytes, as libsodium does for
// the network's nodes: without the cofactor, and with neither a point of small
// order nor one in another encoding than its own. Who could make a signature that
// only one library takes could split the network.
func verifyEd25519(public, buffer, signature []byte) error {
	if len(signature) != ed25519.SignatureSize {
		return reason("it is not 64 bytes")
	}
	strict := voi.Options{Verify: &voi.VerifyOptions{CofactorlessVerify: true}}
	if !voi.VerifyWithOptions(public, buffer, signature, &strict) {
		return reason("the key did not make it")
	}
	return nil
}

func (solana) checkAddress(address message.Address) error {
	_, err := solanaPublic(address)
	return err
}

// signer takes the 32 bytes of a seed, or these and the 32 bytes of the public
// key, as wallets export them.
func (solana) signer(secret []byte) (signer, error) {
	switch len(secret) {
	case ed25519.SeedSize:
	case ed25519.PrivateKeySize:
		if whole := ed25519.NewKeyFromSeed(secret[:ed25519.SeedSize]); string(whole) != string(secret) {
			return nil, reason("not an Ed25519 private key: its second half is not the public key of the first")
		}
	default:
		return nil, reason("not an Ed25519 private key, which is 32 or 64 bytes")
	}
	key := ed25519.NewKeyFromSeed(secret[:ed25519.SeedSize])
	public := base58.Encode(key[ed25519.SeedSize:])
	return &solanaKey{key: key, name: message.Address(public)}, nil
}

type solanaKey struct {
	key  ed25519.PrivateKey
	name message.Address
}

func (k *solanaKey) address() message.Address { return k.name }

func (k *solanaKey) sign(buffer []byte) (string, error) {
	signature := base58.Encode(ed25519.Sign(k.key, buffer))
	return `{"signature":"` + signature + `","publicKey":"` + string(k.name) + `"}`, nil
}

// signBytes returns 0x and 64 bytes in hex.
func (k *solanaKey) signBytes(buffer []byte) (string, error) { //nolint:unparam // the interface: other schemes can fail
	return "0x" + hex.EncodeToString(ed25519.Sign(k.key, buffer)), nil
}

// secret is the 64-byte form that wallets read.
func (k *solanaKey) secret() string { return base58.Encode(k.key) }

package account

import (
	"crypto/rand"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/oasisprotocol/curve25519-voi/primitives/sr25519"

	"aleph/message"
)

// substrate is the scheme of Polkadot and its relatives: Schnorr signatures on
// Ristretto, by schnorrkel. // spec messages 2.6
type substrate struct{}

// sr25519Curve is the only curve that the network takes.
const sr25519Curve = "sr25519"

// transcript is what a signature of this scheme is over.
func (substrate) transcript(data []byte) *sr25519.SigningTranscript {
	return sr25519.NewSigningContext([]byte("substrate")).NewTranscriptBytes(data)
}

// wrapped is what browser extensions sign in the place of plain bytes.
func wrapped(buffer []byte) []byte {
	return slices.Concat([]byte("<Bytes>"), buffer, []byte("</Bytes>"))
}

func (s substrate) verify(m *message.Message) error {
	parts, err := parseObject(m.Signature)
	if err != nil {
		return err
	}
	if curve, err := parts.textOr("curve", sr25519Curve); err != nil || curve != sr25519Curve {
		return reason("its curve is not " + sr25519Curve)
	}
	text, err := parts.text("data")
	if err != nil {
		return err
	}
	digits, prefixed := strings.CutPrefix(text, "0x")
	data, ok := looseHex(digits)
	if !ok || !prefixed || len(data) != sr25519.SignatureSize {
		return reason("it is not 0x and 64 bytes in hex")
	}
	signature, err := sr25519.NewSignatureFromBytes(data)
	if err != nil {
		return reason("it is no schnorrkel signature")
	}
	sender := string(m.Sender)
	if !strings.HasPrefix(sender, "0x") {
		sender = trimmed(sender)
	}
	account, err := s.accountOf(message.Address(sender))
	if err != nil {
		return err
	}
	public, err := sr25519.NewPublicKeyFromBytes(account)
	if err != nil {
		return reason("the address is no key of sr25519")
	}
	buffer := m.SigningBuffer()
	if !public.Verify(s.transcript(buffer), signature) && !public.Verify(s.transcript(wrapped(buffer)), signature) {
		return reason("the key did not make it")
	}
	return nil
}

// accountOf returns the public key that a sender is: SS58, or plain hex.
func (substrate) accountOf(sender message.Address) ([]byte, error) {
	digits, plain := strings.CutPrefix(string(sender), "0x")
	if !plain {
		return decodeSS58(string(sender))
	}
	public, err := hex.DecodeString(digits)
	if err != nil || len(public) != ss58KeySize {
		return nil, reason("the address is not a key of 32 bytes")
	}
	return public, nil
}

func (s substrate) checkAddress(address message.Address) error {
	public, err := s.accountOf(address)
	if err != nil {
		return err
	}
	if _, err := sr25519.NewPublicKeyFromBytes(public); err != nil {
		return reason("the address is no key of sr25519")
	}
	return nil
}

// signer takes the 32 bytes that Substrate calls a mini secret, or a raw seed,
// or the 64 bytes of the key that one expands to.
func (substrate) signer(secret []byte) (signer, error) {
	switch len(secret) {
	case sr25519.MiniSecretKeySize:
		mini, err := sr25519.NewMiniSecretKeyFromBytes(secret)
		if err != nil {
			return nil, reason("not an sr25519 seed: %s", err)
		}
		return newSubstrateKey(mini.ExpandEd25519(), secret)
	case sr25519.SecretKeySize:
		expanded, err := parseExpanded(secret)
		if err != nil {
			return nil, err
		}
		return newSubstrateKey(expanded, secret)
	}
	return nil, reason("not an sr25519 key: that is a seed of 32 bytes, or 64 bytes")
}

type substrateKey struct {
	pair *sr25519.KeyPair
	name message.Address
	text string
}

// newSubstrateKey makes a key that exports secret.
func newSubstrateKey(expanded *sr25519.SecretKey, secret []byte) (signer, error) {
	pair := expanded.KeyPair()
	public, err := pair.PublicKey().MarshalBinary()
	if err != nil {
		return nil, reason("not an sr25519 key: it gives no public key")
	}
	return &substrateKey{pair: pair, name: message.Address(encodeSS58(public)), text: "0x" + hex.EncodeToString(secret)}, nil
}

func (k *substrateKey) address() message.Address { return k.name }

// sign never returns the same signature twice.
func (k *substrateKey) sign(buffer []byte) (string, error) {
	signature, err := k.pair.Sign(rand.Reader, substrate{}.transcript(buffer))
	if err != nil {
		return "", err
	}
	data, err := signature.MarshalBinary()
	if err != nil {
		return "", err
	}
	return `{"curve":"` + sr25519Curve + `","data":"0x` + hex.EncodeToString(data) + `"}`, nil
}

// signShown signs what browser extensions sign.
func (k *substrateKey) signShown(m *message.Message, _ string) (string, error) {
	return k.sign(wrapped(m.SigningBuffer()))
}

func (k *substrateKey) secret() string { return k.text }

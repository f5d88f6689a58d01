package account

import (
	"encoding/json"
	"strconv"
	"strings"

	"golang.org/x/crypto/blake2b"

	"aleph/message"
)

// tezos is the scheme of Tezos: three curves, and a form of the payload that
// wallets show to their owners. // spec messages 2.8
type tezos struct{}

// The values of a signature's "signingType".
const (
	tezosRaw       = "raw"
	tezosMicheline = "micheline"
)

// tezosSignature is the signature as it is written. What is empty is left out
// and means the plain buffer.
type tezosSignature struct {
	PublicKey   string `json:"publicKey"`
	Signature   string `json:"signature"`
	SigningType string `json:"signingType,omitempty"`
	DAppURL     string `json:"dAppUrl,omitempty"`
}

// genericSignature begins a signature that does not tell its curve.
const genericSignature = "\x04\x82\x2b"

func (tezos) verify(m *message.Message) error {
	parts, err := parseObject(m.Signature)
	if err != nil {
		return err
	}
	publicText, err := parts.text("publicKey")
	if err != nil {
		return err
	}
	curve, public, err := parseTezosPublic(publicText)
	if err != nil {
		return err
	}
	if address := curve.address(public); address != m.Sender {
		return reason("it was made by %s", address)
	}
	signatureText, err := parts.text("signature")
	if err != nil {
		return err
	}
	signature, err := curve.parseSignature(signatureText)
	if err != nil {
		return err
	}
	payload, err := tezosPayload(parts, m)
	if err != nil {
		return err
	}
	return curve.verify(public, blake2b.Sum256(payload), signature)
}

// tezosPayload is what a signature says that it is over.
func tezosPayload(parts object, m *message.Message) ([]byte, error) {
	kind, err := parts.textOr("signingType", tezosRaw)
	if err != nil {
		return nil, err
	}
	dApp, err := parts.textOr("dAppUrl", "aleph.im")
	if err != nil {
		return nil, err
	}
	switch kind {
	case tezosRaw:
		return m.SigningBuffer(), nil
	case tezosMicheline:
		return michelinePayload(dApp, m), nil
	}
	return nil, reason("its signing type is neither raw nor micheline")
}

// michelinePayload is the text that a wallet shows, packed as a Micheline
// string whose length counts hexadecimal digits, in decimal.
func michelinePayload(dApp string, m *message.Message) []byte {
	text := strings.Join([]string{"Tezos Signed Message:", dApp, isoTime(m.Time), string(m.SigningBuffer())}, " ")
	payload := strconv.AppendInt([]byte{5, 1, 0}, int64(2*len(text)), 10)
	return append(payload, text...)
}

// isoTime cuts to milliseconds.
func isoTime(t message.Timestamp) string { return t.Time().Format("2006-01-02T15:04:05.000Z") }

// checkAddress refuses contracts, which sign nothing, and tz4.
func (tezos) checkAddress(address message.Address) error {
	data, ok := decodeBase58Check(string(address))
	for _, curve := range tezosCurves() {
		if rest, found := strings.CutPrefix(string(data), curve.addressPrefix); ok && found && len(rest) == hash160Size {
			return nil
		}
	}
	return reason("the address is not tz1, tz2 or tz3 and base58check")
}

// signer makes an Ed25519 key of a seed. Keys of the other curves are imported
// from text, which tells the curve.
func (tezos) signer(secret []byte) (signer, error) { return newTezosKey(tezosEd25519(), secret) }

// parse reads a secret key in Tezos' own form: edsk, spsk or p2sk.
func (tezos) parse(text string) (signer, bool, error) {
	data, ok := decodeBase58Check(text)
	if !ok {
		return nil, false, nil
	}
	for _, curve := range tezosCurves() {
		if secret, found := strings.CutPrefix(string(data), curve.secretPrefix); found && len(secret) == 32 {
			key, err := newTezosKey(curve, []byte(secret))
			return key, true, err
		}
	}
	// edsk is also a seed and the public key behind it.
	if whole, found := strings.CutPrefix(string(data), "\x2b\xf6\x4e\x07"); found && len(whole) == 64 {
		if _, err := (solana{}).signer([]byte(whole)); err != nil {
			return nil, true, err
		}
		key, err := newTezosKey(tezosEd25519(), []byte(whole[:32]))
		return key, true, err
	}
	return nil, false, nil
}

// derive follows m/44'/1729'/0'/0' by SLIP-0010, as Tezos wallets do. The
// network's own clients take no mnemonic for this chain.
func (tezos) derive(p phrase) ([]byte, error) { return slip10Path(p.seed, 44, 1729, 0, 0), nil }

type tezosKey struct {
	curve  *tezosCurve
	seed   []byte
	public []byte
	signs  func(digest [32]byte) ([]byte, error)
}

func newTezosKey(curve *tezosCurve, secret []byte) (signer, error) {
	public, signs, err := curve.open(secret)
	if err != nil {
		return nil, err
	}
	return &tezosKey{curve: curve, seed: append([]byte(nil), secret...), public: public, signs: signs}, nil
}

func (k *tezosKey) address() message.Address { return k.curve.address(k.public) }

// sign signs the plain buffer.
func (k *tezosKey) sign(buffer []byte) (string, error) {
	return k.signPayload(buffer, tezosSignature{})
}

// signShown signs the text that a wallet shows. A signature that names no
// application would be verified with the nodes' own default.
func (k *tezosKey) signShown(m *message.Message, dApp string) (string, error) {
	if dApp == "" {
		return "", reason("a wallet of Tezos shows who asks: give the application a name")
	}
	return k.signPayload(michelinePayload(dApp, m), tezosSignature{SigningType: tezosMicheline, DAppURL: dApp})
}

// signPayload completes a signature.
func (k *tezosKey) signPayload(payload []byte, form tezosSignature) (string, error) {
	signature, err := k.signs(blake2b.Sum256(payload))
	if err != nil {
		return "", err
	}
	form.PublicKey = encodeBase58Check(k.curve.publicPrefix, k.public)
	form.Signature = encodeBase58Check(k.curve.signaturePrefix, signature)
	text, err := json.Marshal(form)
	return string(text), err
}

func (k *tezosKey) secret() string { return encodeBase58Check(k.curve.secretPrefix, k.seed) }

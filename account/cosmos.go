package account

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"aleph/message"
)

// cosmos is the scheme of chains made with the Cosmos SDK: ECDSA over an amino
// document that holds the buffer. // spec messages 2.7
type cosmos struct{}

const (
	cosmosKeyType = "tendermint/PubKeySecp256k1"
	// cosmosHRP begins the addresses of our own keys; any other is verified too.
	cosmosHRP = "cosmos"
)

// cosmosDigest hashes the document that wallets sign: keys in order, no white
// space, nothing but ASCII. Bytes that are no text have no place in one.
func cosmosDigest(buffer []byte, signer message.Address) ([32]byte, error) {
	if !utf8.Valid(buffer) || !utf8.ValidString(string(signer)) {
		return [32]byte{}, reason("what is signed is not UTF-8")
	}
	var b strings.Builder
	b.WriteString(`{"account_number":"0","chain_id":"signed-message-v1","fee":{"amount":[],"gas":"0"},"memo":"",` +
		`"msgs":[{"type":"signutil/MsgSignText","value":{"message":`)
	writeASCII(&b, string(buffer))
	b.WriteString(`,"signer":`)
	writeASCII(&b, string(signer))
	b.WriteString(`}}],"sequence":"0"}`)
	return sha256.Sum256([]byte(b.String())), nil
}

// writeASCII writes text as a JSON string in which only ASCII stands plainly.
func writeASCII(b *strings.Builder, text string) {
	const digits = "0123456789abcdef"
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteByte(byte(r))
		case r >= ' ' && r <= 0x7f:
			b.WriteByte(byte(r))
		case strings.ContainsRune("\b\f\n\r\t", r):
			b.WriteByte('\\')
			b.WriteByte("btn\vfr"[r-'\b'])
		default:
			for _, unit := range utf16.Encode([]rune{r}) {
				b.WriteString(`\u`)
				for shift := 12; shift >= 0; shift -= 4 {
					b.WriteByte(digits[unit>>shift&0xf])
				}
			}
		}
	}
	b.WriteByte('"')
}

func (cosmos) verify(m *message.Message) error {
	parts, err := parseObject(m.Signature)
	if err != nil {
		return err
	}
	key, err := parseObject(string(parts["pub_key"]))
	if err != nil {
		return reason("it has no public key")
	}
	if kind, err := key.text("type"); err != nil || kind != cosmosKeyType {
		return reason("its public key is not of type " + cosmosKeyType)
	}
	publicText, err := key.text("value")
	if err != nil {
		return err
	}
	public, ok := looseBase64(publicText)
	if !ok || !isASCII(publicText) {
		return reason("its public key is not base64")
	}
	signatureText, err := parts.text("signature")
	if err != nil {
		return err
	}
	signature, ok := looseBase64(signatureText)
	if !ok {
		return reason("it is not base64")
	}
	hrp, _, found := strings.Cut(string(m.Sender), "1")
	if !found {
		return reason("the address is not bech32")
	}
	address, err := encodeBech32(hrp, hash160(public))
	if err != nil {
		return err
	}
	if address != string(m.Sender) {
		return reason("it was made by %s", address)
	}
	digest, err := cosmosDigest(m.SigningBuffer(), m.Sender)
	if err != nil {
		return err
	}
	return verifySecp(plainKey(public, true), digest, withLowS(signature))
}

func (cosmos) checkAddress(address message.Address) error {
	_, err := checkBech32(string(address))
	return err
}

func (cosmos) signer(secret []byte) (signer, error) {
	key, err := newSecpKey(secret)
	if err != nil {
		return nil, err
	}
	address, err := encodeBech32(cosmosHRP, hash160(key.public))
	if err != nil {
		return nil, err
	}
	return &cosmosKey{secpKey: key, name: message.Address(address)}, nil
}

// derive follows m/44'/118'/0'/0/0. // spec clients 2.7
func (cosmos) derive(p phrase) ([]byte, error) {
	return bip32(p.seed, 44+hardened, 118+hardened, hardened, 0, 0)
}

type cosmosKey struct {
	*secpKey

	name message.Address
}

func (k *cosmosKey) address() message.Address { return k.name }

func (k *cosmosKey) sign(buffer []byte) (string, error) {
	digest, err := cosmosDigest(buffer, k.name)
	if err != nil {
		return "", err
	}
	signature, err := k.recoverable(digest)
	if err != nil {
		return "", err
	}
	encode := base64.StdEncoding.EncodeToString
	return `{"pub_key":{"type":"` + cosmosKeyType + `","value":"` + encode(k.public) + `"},"signature":"` +
		encode(signature[:compactSize]) + `"}`, nil
}

func (k *cosmosKey) secret() string { return k.hex() }

package account

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math/big"

	"github.com/mr-tron/base58"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"aleph/message"
)

// nuls is the scheme of the first NULS chain: ECDSA with the public key beside
// the signature. // spec messages 2.9
type nuls struct{}

const (
	nulsPrefix = "\x18NULS Signed Message:\n"
	// nulsMainnet is the chain id of our own keys; any other is verified too.
	nulsMainnet = 8964
	// nulsAddressSize is chain id, account type, hash and check byte.
	nulsAddressSize = 2 + 1 + hash160Size + 1
)

// nulsAddress encodes a key, without the prefix of version 2. chainID is in
// little endian.
func nulsAddress(chainID [2]byte, public []byte) string {
	data := append([]byte{chainID[0], chainID[1], 1}, hash160(public)...)
	return base58.Encode(append(data, nulsCheck(data)))
}

// nulsCheck is the exclusive or of all bytes.
func nulsCheck(data []byte) (check byte) {
	for _, b := range data {
		check ^= b
	}
	return check
}

// nulsChainID returns the chain id of an address, in little endian.
func nulsChainID(address string) (id [2]byte, err error) {
	data, err := decodeBase58(address)
	if err != nil || len(data) != nulsAddressSize || nulsCheck(data) != 0 {
		return id, reason("the address is not one of NULS")
	}
	return [2]byte(data), nil
}

// withLength puts the length of data before it, as Bitcoin writes one.
func withLength(data []byte) []byte {
	var head []byte
	switch n := len(data); {
	case n < 0xfd:
		head = []byte{byte(n)}
	case n <= 0xffff:
		head = binary.LittleEndian.AppendUint16([]byte{0xfd}, uint16(n))
	default:
		head = binary.LittleEndian.AppendUint32([]byte{0xfe}, uint32(n))
	}
	return append(head, data...)
}

// nulsDigest is what both versions of NULS sign.
func nulsDigest(buffer []byte) [32]byte {
	return sha256.Sum256(append([]byte(nulsPrefix), withLength(buffer)...))
}

// nulsPrintedDigest is what the network's nodes hash in its place: the bytes
// as Python prints them. Q-04
func nulsPrintedDigest(buffer []byte) [32]byte {
	return sha256.Sum256(append([]byte(nulsPrefix), pythonBytes(withLength(buffer))...))
}

// pythonBytes is a literal of Python for data.
func pythonBytes(data []byte) []byte {
	quote := byte('\'')
	if bytes.IndexByte(data, '\'') >= 0 && bytes.IndexByte(data, '"') < 0 {
		quote = '"'
	}
	text := []byte{'b', quote}
	for _, c := range data {
		switch {
		case c == '\t':
			text = append(text, `\t`...)
		case c == '\n':
			text = append(text, `\n`...)
		case c == '\r':
			text = append(text, `\r`...)
		case c == quote || c == '\\':
			text = append(text, '\\', c)
		case c < ' ' || c > '~':
			text = append(append(text, `\x`...), hex.EncodeToString([]byte{c})...)
		default:
			text = append(text, c)
		}
	}
	return append(text, quote)
}

func (nuls) verify(m *message.Message) error {
	public, compact, err := parseNULSSignature(m.Signature)
	if err != nil {
		return err
	}
	chainID, err := nulsChainID(string(m.Sender))
	if err != nil {
		return err
	}
	if address := nulsAddress(chainID, public); address != string(m.Sender) {
		return reason("it was made by %s", address)
	}
	public = plainKey(public, false)
	buffer := m.SigningBuffer()
	if verifySecp(public, nulsPrintedDigest(buffer), compact) == nil {
		return nil
	}
	return verifySecp(public, nulsDigest(buffer), compact)
}

// parseNULSSignature reads the public key, a byte for the kind of curve that
// nobody looks at, and the signature in DER, which it returns as r ‖ s.
func parseNULSSignature(text string) (public, compact []byte, err error) {
	data, ok := looseHex(text)
	if !ok {
		return nil, nil, reason("it is not hex")
	}
	public, data, _ = takePart(data)
	if len(data) == 0 {
		return nil, nil, reason("it is not a public key and a signature")
	}
	part, _, ok := takePart(data[1:]) // what follows does not count either
	if !ok {
		return nil, nil, reason("it is not a public key and a signature")
	}
	der := cryptobyte.String(part)
	var sequence cryptobyte.String
	var r, s big.Int
	if !der.ReadASN1(&sequence, asn1.SEQUENCE) || !der.Empty() ||
		!sequence.ReadASN1Integer(&r) || !sequence.ReadASN1Integer(&s) || !sequence.Empty() ||
		r.Sign() < 0 || s.Sign() < 0 || r.BitLen() > 256 || s.BitLen() > 256 {
		return nil, nil, reason("its signature is not DER")
	}
	compact = make([]byte, compactSize)
	r.FillBytes(compact[:32])
	s.FillBytes(compact[32:])
	return public, compact, nil
}

func (nuls) checkAddress(address message.Address) error {
	_, err := nulsChainID(string(address))
	return err
}

func (nuls) signer(secret []byte) (signer, error) {
	key, err := newSecpKey(secret)
	if err != nil {
		return nil, err
	}
	id := [2]byte(binary.LittleEndian.AppendUint16(nil, nulsMainnet))
	return &nulsKey{secpKey: key, name: message.Address(nulsAddress(id, key.public))}, nil
}

// derive returns the master key, as for the second version.
func (nuls) derive(p phrase) ([]byte, error) { return bip32(p.seed) }

type nulsKey struct {
	*secpKey

	name message.Address
}

func (k *nulsKey) address() message.Address { return k.name }

// sign hashes the bytes as Python prints them: the network's nodes verify no
// other form, while [Verify] takes both. Q-04
func (k *nulsKey) sign(buffer []byte) (string, error) {
	signature, err := k.recoverable(nulsPrintedDigest(buffer))
	if err != nil {
		return "", err
	}
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1BigInt(new(big.Int).SetBytes(signature[:32]))
		b.AddASN1BigInt(new(big.Int).SetBytes(signature[32:compactSize]))
	})
	der, err := b.Bytes()
	if err != nil {
		return "", err
	}
	blob := append(withLength(k.public), 0)
	return hex.EncodeToString(append(blob, withLength(der)...)), nil
}

// secret is hex without 0x, as the tools of NULS write it.
func (k *nulsKey) secret() string { return hex.EncodeToString(k.bytes()) }

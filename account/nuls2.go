package account

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"strings"

	"github.com/ethereum/go-ethereum/crypto"

	"aleph/message"
)

// nuls2 is the scheme of the second NULS chain: a recoverable signature.
// // spec messages 2.10
type nuls2 struct{}

// nuls2Mainnet is the chain id of our own keys.
const nuls2Mainnet = 1

// nuls2Prefix is what stands before an address of a chain: its name, and a
// letter that tells how long the name is.
func nuls2Prefix(chainID [2]byte) (string, error) {
	switch id := binary.LittleEndian.Uint16(chainID[:]); id {
	case nuls2Mainnet:
		return "NULSd", nil
	case 2:
		return "tNULSe", nil
	default:
		return "", reason("the chain id %d of the address is not known", id)
	}
}

// nuls2ChainID returns the chain id of an address, in little endian.
func nuls2ChainID(address message.Address) ([2]byte, error) {
	head := 5
	switch {
	case strings.HasPrefix(string(address), "NULS"):
	case strings.HasPrefix(string(address), "tNULS"):
		head = 6
	default:
		return [2]byte{}, reason("the address begins with neither NULS nor tNULS")
	}
	if len(address) < head {
		return [2]byte{}, reason("the address is cut")
	}
	return nulsChainID(string(address[head:]))
}

func (nuls2) verify(m *message.Message) error {
	data, ok := looseBase64(m.Signature)
	if !ok || !isASCII(m.Signature) || len(data) != crypto.SignatureLength || data[0] < 27 || data[0] > 27+maxRecoveryID {
		return reason("it is not a recovery id and 64 bytes in base64")
	}
	chainID, err := nuls2ChainID(m.Sender)
	if err != nil {
		return err
	}
	prefix, err := nuls2Prefix(chainID)
	if err != nil {
		return err
	}
	public, err := recoverCompressed(nulsDigest(m.SigningBuffer()), append(data[1:], data[0]-27))
	if err != nil {
		return err
	}
	if address := prefix + nulsAddress(chainID, public); address != string(m.Sender) {
		return reason("it was made by %s", address)
	}
	return nil
}

func (nuls2) checkAddress(address message.Address) error {
	chainID, err := nuls2ChainID(address)
	if err != nil {
		return err
	}
	prefix, err := nuls2Prefix(chainID)
	if err != nil {
		return err
	}
	if !strings.HasPrefix(string(address), prefix) {
		return reason("the address does not begin with %s", prefix)
	}
	return nil
}

func (nuls2) signer(secret []byte) (signer, error) {
	key, err := newSecpKey(secret)
	if err != nil {
		return nil, err
	}
	id := [2]byte(binary.LittleEndian.AppendUint16(nil, nuls2Mainnet))
	prefix, err := nuls2Prefix(id)
	if err != nil {
		return nil, err
	}
	return &nuls2Key{secpKey: key, name: message.Address(prefix + nulsAddress(id, key.public))}, nil
}

// derive returns the master key of BIP-32 itself. // spec clients 2.7
func (nuls2) derive(p phrase) ([]byte, error) { return bip32(p.seed) }

type nuls2Key struct {
	*secpKey

	name message.Address
}

func (k *nuls2Key) address() message.Address { return k.name }

func (k *nuls2Key) sign(buffer []byte) (string, error) {
	signature, err := k.recoverable(nulsDigest(buffer))
	if err != nil {
		return "", err
	}
	data := append([]byte{27 + signature[compactSize]}, signature[:compactSize]...)
	return base64.StdEncoding.EncodeToString(data), nil
}

// secret is hex without 0x, as the tools of NULS write it.
func (k *nuls2Key) secret() string { return hex.EncodeToString(k.bytes()) }

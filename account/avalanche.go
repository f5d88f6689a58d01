package account

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"

	"aleph/message"
)

// avalanche is the scheme of Avalanche's own addresses, those of its X, P and C
// chains in bech32. Accounts of its C chain that begin with 0x are Ethereum's
// and sign as such. // spec messages 2.11
type avalanche struct{}

const (
	// avalancheHRP is in every address: those of test networks never verify. Q-05
	avalancheHRP = "avax"
	// avalancheKey begins a private key as Avalanche's tools write it.
	avalancheKeyPrefix = "PrivateKey-"
	// avalancheChain is the chain of a key that names none.
	avalancheChain = "X"
)

func avalancheDigest(buffer []byte) [32]byte {
	const prefix = "\x1aAvalanche Signed Message:\n"
	data := binary.BigEndian.AppendUint32([]byte(prefix), uint32(len(buffer)))
	return sha256.Sum256(append(data, buffer...))
}

// avalancheAddress names a key on one of the chains.
func avalancheAddress(chain string, public []byte) (string, error) {
	text, err := encodeBech32(avalancheHRP, hash160(public))
	return chain + "-" + text, err
}

func (avalanche) verify(m *message.Message) error {
	chain, rest, found := strings.Cut(string(m.Sender), "-")
	if !found || !strings.Contains(rest, "1") {
		return reason("the address is not a chain, a dash and bech32")
	}
	signature, ok := decodeCB58(trimmed(m.Signature))
	if !ok {
		return reason("it is not CB58")
	}
	public, err := recoverCompressed(avalancheDigest(m.SigningBuffer()), signature)
	if err != nil {
		return err
	}
	address, err := avalancheAddress(chain, public)
	if err != nil {
		return err
	}
	if address != string(m.Sender) {
		return reason("it was made by %s", address)
	}
	return nil
}

func (avalanche) checkAddress(address message.Address) error {
	chain, rest, _ := strings.Cut(string(address), "-")
	if !isAvalancheChain(chain) {
		return reason("the address does not begin with X-, P- or C-")
	}
	hrp, err := checkBech32(rest)
	if err != nil {
		return err
	}
	if hrp != avalancheHRP {
		return reason("the address is one of the network %q, and only those of %q verify", hrp, avalancheHRP)
	}
	return nil
}

func isAvalancheChain(letter string) bool { return slices.Contains([]string{"X", "P", "C"}, letter) }

func (avalanche) signer(secret []byte) (signer, error) {
	return newAvalancheKey(avalancheChain, secret)
}

// parse reads PrivateKey- and CB58, after P- or C- when the address shall be
// one of these chains.
func (avalanche) parse(text string) (signer, bool, error) {
	chain, rest, found := strings.Cut(text, "-")
	if !found || !isAvalancheChain(chain) {
		chain, rest = avalancheChain, text
	}
	encoded, found := strings.CutPrefix(rest, avalancheKeyPrefix)
	if !found {
		return nil, false, nil
	}
	secret, ok := decodeCB58(encoded)
	if !ok {
		return nil, true, reason("what follows " + avalancheKeyPrefix + " is not CB58")
	}
	key, err := newAvalancheKey(chain, secret)
	return key, true, err
}

// derive follows m/44'/9000'/0'/0/0, as Avalanche's wallets do. The network's
// own clients take no mnemonic for this chain.
func (avalanche) derive(p phrase) ([]byte, error) {
	return bip32(p.seed, 44+hardened, 9000+hardened, hardened, 0, 0)
}

type avalancheKey struct {
	*secpKey

	chain string
	name  message.Address
}

func newAvalancheKey(chain string, secret []byte) (signer, error) {
	key, err := newSecpKey(secret)
	if err != nil {
		return nil, err
	}
	address, err := avalancheAddress(chain, key.public)
	if err != nil {
		return nil, err
	}
	return &avalancheKey{secpKey: key, chain: chain, name: message.Address(address)}, nil
}

func (k *avalancheKey) address() message.Address { return k.name }

func (k *avalancheKey) sign(buffer []byte) (string, error) {
	signature, err := k.recoverable(avalancheDigest(buffer))
	if err != nil {
		return "", err
	}
	return encodeCB58(signature), nil
}

func (k *avalancheKey) secret() string {
	text := avalancheKeyPrefix + encodeCB58(k.bytes())
	if k.chain != avalancheChain {
		text = k.chain + "-" + text
	}
	return text
}

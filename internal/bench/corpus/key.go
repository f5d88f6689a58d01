package corpus

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"

	"github.com/mr-tron/base58"
	"github.com/oasisprotocol/curve25519-voi/primitives/sr25519"

	"aleph/account"
	"aleph/message"
)

// secretOf derives the secret of a key from the seed.
func secretOf(seed uint64, name string) [32]byte {
	return sha256.Sum256(fmt.Appendf(nil, "aleph corpus %d %s", seed, name))
}

// newKey makes the key of that name, whose signatures are always the same.
func newKey(seed uint64, chain message.Chain, name string) (account.Account, error) {
	secret := secretOf(seed, name)
	if chain.Family() == message.FamilySubstrate {
		return newSubstrateKey(chain, secret)
	}
	return account.ImportBytes(chain, secret[:])
}

// Prefixes of secret keys of Tezos' other curves, which are imported as text.
const (
	tezosSecp256k1 = "\x11\xa2\xe0\xc9" // spsk
	tezosP256      = "\x10\x51\xee\xbd" // p2sk
)

// newTezosKey makes a key of one of Tezos' other curves.
func newTezosKey(seed uint64, prefix, name string) (account.Account, error) {
	secret := secretOf(seed, name)
	data := append([]byte(prefix), secret[:]...)
	first := sha256.Sum256(data)
	second := sha256.Sum256(first[:])
	return account.ImportKey("TEZOS", base58.Encode(append(data, second[:4]...)))
}

// substrateKey signs as package account does, except that the randomness which
// sr25519 mixes into its secret nonce is made of what is signed: the same
// message then has the same signature.
type substrateKey struct {
	chain   message.Chain
	address message.Address
	pair    *sr25519.KeyPair
}

func newSubstrateKey(chain message.Chain, secret [32]byte) (account.Account, error) {
	named, err := account.ImportBytes(chain, secret[:])
	if err != nil {
		return nil, err
	}
	mini, err := sr25519.NewMiniSecretKeyFromBytes(bytes.Clone(secret[:]))
	if err != nil {
		return nil, fmt.Errorf("make a key of chain %s: %w", chain, err)
	}
	return &substrateKey{chain: chain, address: named.Address(), pair: mini.ExpandEd25519().KeyPair()}, nil
}

func (k *substrateKey) Chain() message.Chain     { return k.chain }
func (k *substrateKey) Address() message.Address { return k.address }

// Sign implements [account.Account]. // spec messages 2.6
func (k *substrateKey) Sign(buffer []byte) (string, error) {
	transcript := sr25519.NewSigningContext([]byte("substrate")).NewTranscriptBytes(buffer)
	signature, err := k.pair.Sign(rand.NewChaCha8(sha256.Sum256(buffer)), transcript)
	if err != nil {
		return "", err
	}
	data, err := signature.MarshalBinary()
	if err != nil {
		return "", err
	}
	return `{"curve":"sr25519","data":"0x` + hex.EncodeToString(data) + `"}`, nil
}

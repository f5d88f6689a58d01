package account

import (
	"crypto/hmac"
	"crypto/sha512"
	"encoding/binary"
	"math/big"
	"strings"

	"github.com/btcsuite/btcd/btcutil/hdkeychain"
	"github.com/btcsuite/btcd/chaincfg"
	"github.com/cosmos/go-bip39"
)

// phrase is a BIP-39 mnemonic in English, without a passphrase.
type phrase struct {
	words []string
	seed  []byte
}

func parsePhrase(text string) (phrase, error) {
	words := strings.Fields(strings.ToLower(text))
	seed, err := bip39.NewSeedWithErrorChecking(strings.Join(words, " "), "")
	if err != nil {
		// The library's text may repeat a word.
		return phrase{}, reason("not a BIP-39 mnemonic: check the number, the spelling and the order of the words")
	}
	return phrase{words: words, seed: seed}, nil
}

// entropy returns what the words were made of: eleven bits each, of which one
// in 33 is checksum.
func (p phrase) entropy() []byte {
	all, err := bip39.MnemonicToByteArray(strings.Join(p.words, " "))
	if err != nil {
		panic(err) // the words were checked
	}
	checksum := uint(len(p.words) / 3)
	number := new(big.Int).SetBytes(all)
	return number.Rsh(number, checksum).FillBytes(make([]byte, len(p.words)/3*4))
}

// hardened marks a step of a derivation path.
const hardened = hdkeychain.HardenedKeyStart

// bip32 follows a path from the master key of a seed.
func bip32(seed []byte, path ...uint32) ([]byte, error) {
	key, err := hdkeychain.NewMaster(seed, &chaincfg.MainNetParams)
	if err != nil {
		return nil, reason("mnemonic gives no key: choose another one")
	}
	for _, step := range path {
		if key, err = key.Derive(step); err != nil {
			return nil, reason("mnemonic gives no key: choose another one")
		}
	}
	private, err := key.ECPrivKey()
	if err != nil {
		return nil, reason("mnemonic gives no key: choose another one")
	}
	return private.Serialize(), nil
}

// derive follows m/44'/60'/0'/0/0. // spec clients 2.7
func (evm) derive(p phrase) ([]byte, error) {
	return bip32(p.seed, 44+hardened, 60+hardened, hardened, 0, 0)
}

// derive follows m/44'/501'/0'/0', as Solana wallets do. The network's own
// clients take no mnemonic for this chain.
func (solana) derive(p phrase) ([]byte, error) { return slip10Path(p.seed, 44, 501, 0, 0), nil }

// slip10Path follows a path of hardened steps by SLIP-0010 for Ed25519.
func slip10Path(seed []byte, path ...uint32) []byte {
	key, chain := slip10([]byte("ed25519 seed"), seed)
	for _, step := range path {
		data := append([]byte{0}, key...)
		key, chain = slip10(chain, binary.BigEndian.AppendUint32(data, hardened+step))
	}
	return key
}

// slip10 returns the key and the chain code of one derivation.
func slip10(key, data []byte) (private, chain []byte) {
	mac := hmac.New(sha512.New, key)
	mac.Write(data)
	sum := mac.Sum(nil)
	return sum[:32], sum[32:]
}

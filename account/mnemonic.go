package account

import (
	"crypto/hmac"
	"crypto/sha512"
	"encoding/binary"
	"strings"

	"github.com/btcsuite/btcd/btcutil/hdkeychain"
	"github.com/btcsuite/btcd/chaincfg"
	"github.com/cosmos/go-bip39"
)

// seedOf returns the BIP-39 seed of English words, without a passphrase.
func seedOf(words string) ([]byte, error) {
	seed, err := bip39.NewSeedWithErrorChecking(strings.ToLower(strings.Join(strings.Fields(words), " ")), "")
	if err != nil {
		// The library's text may repeat a word.
		return nil, reason("not a BIP-39 mnemonic: check the number, the spelling and the order of the words")
	}
	return seed, nil
}

// hardened marks a step of a derivation path.
const hardened = hdkeychain.HardenedKeyStart

// derive follows m/44'/60'/0'/0/0 by BIP-32. // spec clients 2.7
func (evm) derive(seed []byte) ([]byte, error) {
	key, err := hdkeychain.NewMaster(seed, &chaincfg.MainNetParams)
	if err != nil {
		return nil, reason("mnemonic gives no key: choose another one")
	}
	for _, step := range []uint32{hardened + 44, hardened + 60, hardened + 0, 0, 0} {
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

// derive follows m/44'/501'/0'/0' by SLIP-0010, as Solana wallets do. The
// network's own clients take no mnemonic for this chain.
func (solana) derive(seed []byte) ([]byte, error) {
	key, chain := slip10([]byte("ed25519 seed"), seed)
	for _, step := range []uint32{44, 501, 0, 0} {
		data := append([]byte{0}, key...)
		key, chain = slip10(chain, binary.BigEndian.AppendUint32(data, hardened+step))
	}
	return key, nil
}

// slip10 returns the key and the chain code of one derivation.
func slip10(key, data []byte) (private, chain []byte) {
	mac := hmac.New(sha512.New, key)
	mac.Write(data)
	sum := mac.Sum(nil)
	return sum[:32], sum[32:]
}

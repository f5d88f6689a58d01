package account

import (
	"strings"

	"github.com/btcsuite/btcd/btcutil/bech32"
)

// encodeBech32 writes a hash by BIP-173 after the human-readable part hrp.
func encodeBech32(hrp string, hash []byte) (string, error) {
	text, err := bech32.EncodeFromBase256(hrp, hash)
	if err != nil || hrp == "" {
		return "", reason("%q can not begin an address", hrp)
	}
	return text, nil
}

// checkBech32 reports whether text is the hash of a key by BIP-173, and
// returns what it begins with.
func checkBech32(text string) (hrp string, err error) {
	hrp, data, version, err := bech32.DecodeGeneric(text)
	if err != nil || version != bech32.Version0 || text != strings.ToLower(text) {
		return "", reason("%q is not bech32", text)
	}
	if hash, err := bech32.ConvertBits(data, 5, 8, false); err != nil || len(hash) != hash160Size {
		return "", reason("%q does not hold 20 bytes", text)
	}
	return hrp, nil
}

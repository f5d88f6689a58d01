package account

import (
	"slices"
	"strings"

	"github.com/mr-tron/base58"
)

// UseCheapCost makes the keystore's encryption fast enough for tests.
func (s *Keystore) UseCheapCost() { s.cost = scryptCost{N: 16, R: 1, P: 1} }

// SLIP10 exposes one derivation for the standard's vectors.
var SLIP10 = slip10

// Base58Check exposes the encoding of Tezos.
var Base58Check = encodeBase58Check

// CB58 exposes the encoding of Avalanche.
var CB58 = encodeCB58

// SS58 exposes the encoding of Substrate, for any network.
func SS58(prefix, public []byte) string {
	data := slices.Concat(prefix, public)
	return base58.Encode(append(data, ss58Checksum(data)...))
}

// ASCIIString exposes the text form of Cosmos' documents.
func ASCIIString(text string) string {
	var b strings.Builder
	writeASCII(&b, text)
	return b.String()
}

// PythonBytes exposes what the nodes print of bytes.
var PythonBytes = pythonBytes

// WithLength exposes the lengths of NULS.
var WithLength = withLength

// ISOTime exposes the time of Tezos' wallets.
var ISOTime = isoTime

// Entropy exposes what a mnemonic was made of.
func Entropy(words string) ([]byte, error) {
	p, err := parsePhrase(words)
	if err != nil {
		return nil, err
	}
	return p.entropy(), nil
}

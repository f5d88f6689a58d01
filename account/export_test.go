package account

import (
	"slices"
	"strings"

	"github.com/btcsuite/btcd/btcutil/bech32"
	"github.com/mr-tron/base58"

	"aleph/message"
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

// ReadFile reads the content of a key file without a passphrase, or with one
// when it is encrypted so cheaply that a test can open it.
func ReadFile(chain message.Chain, data []byte, passphrase string) (*Key, error) {
	if !isSealed(data) {
		return importFile(chain, data)
	}
	box, err := parseSealed(data)
	if err != nil {
		return nil, err
	}
	if c := box.Scrypt; c.N > 64 || c.R > 8 || c.P > 4 {
		return nil, message.ErrForbidden
	}
	return box.open(passphrase)
}

// Seal encrypts a key as cheaply as [ReadFile] opens it.
func Seal(k *Key, passphrase string) ([]byte, error) {
	return seal(k, passphrase, scryptCost{N: 16, R: 1, P: 1})
}

// SplitFile exposes the names of key files.
var SplitFile = splitFile

// SS58Key exposes the reading of Substrate's addresses.
var SS58Key = decodeSS58

// Bech32 writes the hash of another address after a part of its own.
func Bech32(hrp, address string) (string, error) {
	_, data, _, err := bech32.DecodeGeneric(strings.TrimPrefix(address, "X-"))
	if err != nil {
		return "", err
	}
	return bech32.Encode(hrp, data)
}

package account

import (
	"bytes"
	"crypto/sha256"

	"github.com/mr-tron/base58"
)

// checksumSize is what base58check and CB58 append, in bytes.
const checksumSize = 4

// maxBase58 bounds what is decoded, in characters: the time grows with the
// square of the length, and no key, address or signature is as long.
const maxBase58 = 128

func decodeBase58(text string) ([]byte, error) {
	if len(text) > maxBase58 {
		return nil, reason("it is longer than any key, address or signature in base58")
	}
	return base58.Decode(text)
}

// encodeBase58Check is the form of Tezos: prefix, payload, and the start of the
// double SHA-256 of both. // spec messages 2.8
func encodeBase58Check(prefix string, payload []byte) string {
	data := append([]byte(prefix), payload...)
	return base58.Encode(append(data, doubleSHA256(data)[:checksumSize]...))
}

// decodeBase58Check undoes [encodeBase58Check] but leaves the prefix in place.
func decodeBase58Check(text string) (data []byte, ok bool) {
	return decodeChecked(text, doubleSHA256)
}

// encodeCB58 is Avalanche's form: payload and the end of its SHA-256.
// // spec messages 2.11
func encodeCB58(payload []byte) string {
	return base58.Encode(append(bytes.Clone(payload), endOfSHA256(payload)...))
}

// decodeCB58 undoes [encodeCB58].
func decodeCB58(text string) (payload []byte, ok bool) { return decodeChecked(text, endOfSHA256) }

// decodeChecked splits off a checksum, which must be the start of sum.
func decodeChecked(text string, sum func([]byte) []byte) ([]byte, bool) {
	data, err := decodeBase58(text)
	if err != nil || len(data) < checksumSize {
		return nil, false
	}
	data, checksum := data[:len(data)-checksumSize], data[len(data)-checksumSize:]
	return data, bytes.Equal(sum(data)[:checksumSize], checksum)
}

func doubleSHA256(data []byte) []byte {
	first := sha256.Sum256(data)
	second := sha256.Sum256(first[:])
	return second[:]
}

func endOfSHA256(data []byte) []byte {
	sum := sha256.Sum256(data)
	return sum[len(sum)-checksumSize:]
}

package account

import (
	"bytes"

	"github.com/mr-tron/base58"
	"golang.org/x/crypto/blake2b"
)

const (
	// ss58Generic is the network prefix of addresses that belong to no chain.
	ss58Generic = 42
	// ss58KeySize is the length of an account id, in bytes.
	ss58KeySize = 32
	// ss58ChecksumSize is the length of the checksum of such an address.
	ss58ChecksumSize = 2
)

// encodeSS58 writes a public key after the generic prefix.
func encodeSS58(public []byte) string {
	data := append([]byte{ss58Generic}, public...)
	return base58.Encode(append(data, ss58Checksum(data)...))
}

// decodeSS58 returns the account id of an address of any network.
// // spec messages 2.6
func decodeSS58(address string) ([]byte, error) {
	data, err := decodeBase58(address)
	if err != nil || len(data) == 0 {
		return nil, reason("the address is not base58")
	}
	prefixSize, network := 1, int(data[0])
	switch {
	case data[0] >= 0x80:
		return nil, reason("the address has a reserved prefix")
	case data[0] >= 0x40: // two bytes, with the bits in an order of their own
		if len(data) < 2 {
			return nil, reason("the address is cut")
		}
		prefixSize, network = 2, int(data[0]&0x3f)<<2|int(data[1]>>6)|int(data[1]&0x3f)<<8
	}
	if network == 46 || network == 47 {
		return nil, reason("the address has the reserved prefix %d", network)
	}
	if len(data) != prefixSize+ss58KeySize+ss58ChecksumSize {
		return nil, reason("the address does not hold a key of 32 bytes")
	}
	data, checksum := data[:len(data)-ss58ChecksumSize], data[len(data)-ss58ChecksumSize:]
	if !bytes.Equal(checksum, ss58Checksum(data)) {
		return nil, reason("the checksum of the address is wrong")
	}
	return data[prefixSize:], nil
}

func ss58Checksum(data []byte) []byte {
	sum := blake2b.Sum512(append([]byte("SS58PRE"), data...))
	return sum[:ss58ChecksumSize]
}

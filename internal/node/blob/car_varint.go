package blob

import (
	"io"
	"strconv"
)

// mostVarint is the most bytes of a number of 64 bits in groups of seven.
const mostVarint = 10

// readVarint reads a number as archives write it; reason says what is wrong.
func readVarint(r io.ByteReader) (n uint64, reason string) {
	for i := range mostVarint {
		b, err := r.ReadByte()
		if err != nil {
			return 0, "truncated"
		}
		if i == mostVarint-1 && b > 1 {
			break // more than 64 bits
		}
		n |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			return n, ""
		}
	}
	return 0, "exceeds 10 bytes"
}

func badHeader(reason string) error { return &HeaderError{reason} }

func decimal(n uint64) string { return strconv.FormatUint(n, 10) }

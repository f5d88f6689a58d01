package account

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
	"unicode"
)

// This file reads the spellings of bytes that the network's nodes take in a
// signature beside the plain ones. Whoever signs may choose one of them, and a
// node that refused it would hold another state than the others. Addresses and
// keys have one spelling. // spec messages 2.3

// looseHex skips white space between the bytes.
func looseHex(text string) ([]byte, bool) {
	const blank = " \t\n\v\f\r"
	var digits strings.Builder
	for rest := strings.TrimLeft(text, blank); rest != ""; rest = strings.TrimLeft(rest, blank) {
		if len(rest) < 2 {
			return nil, false
		}
		digits.WriteString(rest[:2])
		rest = rest[2:]
	}
	data, err := hex.DecodeString(digits.String())
	return data, err == nil
}

// looseBase64 skips characters that are no digit, ends where the padding is
// complete, and ignores the bits that are left over.
func looseBase64(text string) (data []byte, ok bool) {
	var group uint32
	digits, pads := 0, 0
	for i := range len(text) {
		c := text[i]
		if c == '=' {
			if digits%4 >= 2 {
				if pads++; digits%4+pads >= 4 {
					return data, true
				}
			}
			continue
		}
		digit := strings.IndexByte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", c)
		if digit < 0 {
			continue
		}
		pads = 0
		group = group<<6 | uint32(digit)
		if digits++; digits%4 != 1 {
			data = append(data, byte(group>>(6-2*((digits+3)%4))))
		}
	}
	return data, digits%4 == 0
}

// trimmed is text without the white space after it, where nodes read base58.
func trimmed(text string) string {
	return strings.TrimRightFunc(text, func(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f })
}

// isASCII reports whether text has nothing but ASCII.
func isASCII(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r > unicode.MaxASCII }) < 0
}

// takePart splits off what follows its own length, in 1, 3, 5 or 9 bytes. The
// part may be shorter than it says, and then nothing is left.
func takePart(data []byte) (part, rest []byte, ok bool) {
	if len(data) == 0 {
		return nil, nil, false
	}
	head, length := 1, uint64(data[0])
	if wide := int(data[0]) - 0xfc; wide > 0 {
		head += 1 << wide
		if len(data) < head {
			return nil, nil, false
		}
		var number [8]byte
		copy(number[:], data[1:head])
		length = binary.LittleEndian.Uint64(number[:])
	}
	data = data[head:]
	length = min(length, uint64(len(data)))
	return data[:length], data[length:], true
}

// plainKey returns a key of secp256k1 in one of its two usual forms: the hybrid
// one has a first byte of 6 or 7, and the raw one, which not every chain takes,
// has none.
func plainKey(public []byte, raw bool) []byte {
	switch {
	case len(public) == 65 && (public[0] == 6 || public[0] == 7) && public[0]&1 == public[64]&1:
		return append([]byte{4}, public[1:]...)
	case len(public) == 64 && raw:
		return append([]byte{4}, public...)
	}
	return public
}

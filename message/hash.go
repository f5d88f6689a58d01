package message

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Hash names a message, a file or an IPFS object. Make one with [ParseHash],
// [ParseLooseHash] or [HashOf]; the zero value names nothing.
type Hash string

// HashOf returns the storage hash of b: lower-case hex of its SHA-256.
func HashOf(b []byte) Hash {
	sum := sha256.Sum256(b)
	return Hash(hex.EncodeToString(sum[:]))
}

// ParseHash accepts a hash by the strict rule, which holds for every hash
// inside a content. // spec messages 1.4
func ParseHash(s string) (Hash, error) {
	switch kindOf(s) {
	case ItemStorage:
		if isHex(s) {
			return Hash(s), nil
		}
	case ItemIPFS:
		if s[0] == 'Q' && isAll(s, "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz") {
			return Hash(s), nil
		}
		if s[0] == 'b' && isAll(s, "abcdefghijklmnopqrstuvwxyz234567") {
			return Hash(s), nil
		}
	default: // no hash at all
	}
	return "", fmt.Errorf("%w: unknown item hash %q", ErrInvalid, clip(s))
}

// ParseLooseHash accepts a hash by the loose rule, which holds for envelopes,
// storage URLs and the file of a STORE. // spec messages 1.4
func ParseLooseHash(s string) (Hash, error) {
	if kindOf(s) == "" {
		return "", fmt.Errorf("%w: unknown item hash %q", ErrInvalid, clip(s))
	}
	return Hash(s), nil
}

// Kind returns [ItemStorage] or [ItemIPFS], or "" for a value that no parser made.
func (h Hash) Kind() ItemType { return kindOf(string(h)) }

// kindOf applies the loose recogniser, which counts characters. The order
// matters: 64 characters that start with Qm are a storage hash, since the Qm
// rule needs 44 to 46.
func kindOf(s string) ItemType {
	length := utf8.RuneCountInString(s)
	switch {
	case strings.HasPrefix(s, "Qm") && length >= 44 && length <= 46:
		return ItemIPFS
	case strings.HasPrefix(s, "bafy") && length == 59:
		return ItemIPFS
	case length == 64:
		return ItemStorage
	}
	return ""
}

// isHex reports whether s has lower-case hex digits only.
func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func isAll(s, alphabet string) bool {
	for i := range len(s) {
		if strings.IndexByte(alphabet, s[i]) < 0 {
			return false
		}
	}
	return true
}

// clip shortens s for an error text.
func clip(s string) string {
	const most = 80
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}

package message

import "strings"

// Address names an account, in the spelling of its chain. State is keyed by
// the exact text; permissions compare without case. // spec messages 2.12
type Address string

// EqualFold reports whether a and b name the same account for the purpose of
// permissions, which compare the lower-case forms. // spec messages 2.12
func (a Address) EqualFold(b Address) bool {
	//nolint:gocritic,staticcheck // EqualFold would take a long s for an s
	return a == b || strings.ToLower(string(a)) == strings.ToLower(string(b))
}

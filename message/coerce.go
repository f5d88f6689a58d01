package message

import (
	"math"
	"strings"
)

// This file holds the type coercions of the network's schemas: what a node
// accepts in place of the JSON type that a member is meant to have.
// // spec messages, appendix A

// integer is a whole number of the schemas, whose range is wider than int64 on
// both sides.
type integer struct {
	negative bool
	// abs is the magnitude; the largest value when over is set.
	abs uint64
	// over marks a number that 64 bits cannot hold.
	over bool
}

// within reports whether the number lies in [low, high].
func (n integer) within(low, high int64) bool {
	if n.over || n.abs > math.MaxInt64 {
		return false
	}
	i := n.int64()
	return i >= low && i <= high
}

// int64 returns the number, or the nearest one that int64 holds.
func (n integer) int64() int64 {
	switch {
	case n.abs > math.MaxInt64 && n.negative:
		return math.MinInt64
	case n.abs > math.MaxInt64:
		return math.MaxInt64
	case n.negative:
		return -int64(n.abs)
	}
	return int64(n.abs)
}

// coerceInt reads what the network accepts as an integer. The returned fault
// is the validator's error type, or "".
func coerceInt(v value) (n integer, fault string) {
	switch v.kind() {
	case kindTrue:
		return integer{abs: 1}, ""
	case kindFalse:
		return integer{}, ""
	case kindNumber:
		if n, ok := v.integer(); ok {
			return n, ""
		}
		f := v.float()
		switch {
		case f != math.Trunc(f):
			return integer{}, "int_from_float"
		case f <= math.MinInt64 || f >= math.MaxInt64:
			return integer{}, "int_parsing_size"
		}
		return integer{negative: f < 0, abs: uint64(math.Abs(f))}, ""
	case kindString:
		return parseInt(string(v.text()))
	}
	return integer{}, "int_type"
}

// maxIntText is the longest text that is read as an integer, in bytes.
const maxIntText = 4300

// parseInt reads a decimal integer in a string: blanks around it, a sign,
// leading zeros, single underscores between digits and a zero fraction are
// accepted; exponents and other bases are not.
func parseInt(s string) (n integer, fault string) {
	if len(s) > maxIntText {
		return integer{}, "int_parsing_size"
	}
	s = strings.TrimSpace(s)
	switch {
	case strings.HasPrefix(s, "-"):
		n.negative = true
		s = s[1:]
	case strings.HasPrefix(s, "+"):
		s = s[1:]
	}
	if whole, fraction, ok := strings.Cut(s, "."); ok {
		if fraction == "" || strings.Trim(fraction, "0") != "" {
			return integer{}, "int_parsing"
		}
		s = whole
	}
	if s == "" || strings.HasPrefix(s, "_") || strings.HasSuffix(s, "_") || strings.Contains(s, "__") {
		return integer{}, "int_parsing"
	}
	for i := range len(s) {
		c := s[i]
		if c == '_' {
			continue
		}
		if c < '0' || c > '9' {
			return integer{}, "int_parsing"
		}
		digit := uint64(c - '0')
		if n.abs > (math.MaxUint64-digit)/10 {
			n.over = true
		}
		n.abs = n.abs*10 + digit
	}
	if n.over {
		n.abs = math.MaxUint64
	}
	if n.abs == 0 {
		n.negative = false
	}
	return n, ""
}

// coerceBool reads what the network accepts as a boolean. The returned fault
// is the validator's error type, or "".
func coerceBool(v value) (b bool, fault string) {
	switch v.kind() {
	case kindTrue:
		return true, ""
	case kindFalse:
		return false, ""
	case kindNumber:
		switch v.float() {
		case 0:
			return false, ""
		case 1:
			return true, ""
		}
		return false, "bool_parsing"
	case kindString:
		switch strings.ToLower(string(v.text())) {
		case "1", "on", "t", "true", "y", "yes":
			return true, ""
		case "0", "off", "f", "false", "n", "no":
			return false, ""
		}
		return false, "bool_parsing"
	}
	return false, "bool_type"
}

package message

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// value is the text of one JSON value that [scanJSON] has accepted, without
// white space around it; nil stands for an absent value. It is a window on the
// text it came from: looking into it costs a walk over its bytes and no
// allocation, and number spellings stay readable.
type value []byte

// The kinds of value, named by the byte that starts one. Every number is a
// kindNumber.
const (
	kindAbsent = 0
	kindObject = '{'
	kindArray  = '['
	kindString = '"'
	kindTrue   = 't'
	kindFalse  = 'f'
	kindNull   = 'n'
	kindNumber = '0'
)

func (v value) kind() byte {
	if len(v) == 0 {
		return kindAbsent
	}
	switch c := v[0]; c {
	case kindObject, kindArray, kindString, kindTrue, kindFalse, kindNull:
		return c
	}
	return kindNumber
}

// given reports whether the value is there and not null.
func (v value) given() bool { return len(v) != 0 && v[0] != kindNull }

// members yields the members of an object in the order of the text, duplicate
// keys included: the last one counts. Keys come without escapes. A value that
// is no object has none.
func (v value) members(yield func(key []byte, member value) bool) {
	if v.kind() != kindObject {
		return
	}
	for pos := skipSpace(v, 1); v[pos] != '}'; {
		end := skipValue(v, pos)
		key := v[pos:end].text()
		pos = skipSpace(v, skipSpace(v, end)+1)
		end = skipValue(v, pos)
		if !yield(key, v[pos:end]) {
			return
		}
		pos = skipSpace(v, end)
		if v[pos] == ',' {
			pos = skipSpace(v, pos+1)
		}
	}
}

// elements yields the elements of an array. A value that is no array has none.
func (v value) elements(yield func(index int, element value) bool) {
	if v.kind() != kindArray {
		return
	}
	index := 0
	for pos := skipSpace(v, 1); v[pos] != ']'; index++ {
		end := skipValue(v, pos)
		if !yield(index, v[pos:end]) {
			return
		}
		pos = skipSpace(v, end)
		if v[pos] == ',' {
			pos = skipSpace(v, pos+1)
		}
	}
}

// member returns the last member of an object that has the key.
func (v value) member(key string) (found value) {
	for k, m := range v.members {
		if string(k) == key {
			found = m
		}
	}
	return found
}

// length counts the elements of an array, or the distinct keys of an object.
func (v value) length() int {
	n := 0
	if v.kind() == kindArray {
		for range v.elements {
			n++
		}
		return n
	}
	for range v.members {
		n++
	}
	if n < 2 {
		return n
	}
	distinct := make(map[string]struct{}, n)
	for key := range v.members {
		distinct[string(key)] = struct{}{}
	}
	return len(distinct)
}

// text returns the characters of a string. It shares the value's memory when
// the string has no escapes.
func (v value) text() []byte {
	inner := v[1 : len(v)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return inner
	}
	return appendUnescaped(make([]byte, 0, len(inner)), inner)
}

// appendUnescaped appends the characters that the inside of a string stands for.
func appendUnescaped(dst, inner []byte) []byte {
	for {
		i := bytes.IndexByte(inner, '\\')
		if i < 0 {
			return append(dst, inner...)
		}
		dst = append(dst, inner[:i]...)
		escape := inner[i+1]
		inner = inner[i+2:]
		switch escape {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r, _ := hex4(inner)
			inner = inner[4:]
			if utf16.IsSurrogate(r) {
				low, _ := hex4(inner[2:])
				inner = inner[6:]
				r = utf16.DecodeRune(r, low)
			}
			dst = utf8.AppendRune(dst, r)
		default: // a quote, a backslash or a slash
			dst = append(dst, escape)
		}
	}
}

// float returns a number as a double.
func (v value) float() float64 {
	f, err := strconv.ParseFloat(string(v), 64)
	if err != nil {
		return 0 // cannot happen: the scanner refuses what overflows
	}
	return f
}

// integer returns a number whose token is an integer of at most 64 bits.
// Larger ones are doubles to the network. // spec messages 1.8
func (v value) integer() (integer, bool) {
	digits, negative := bytes.CutPrefix(v, []byte("-"))
	abs, err := strconv.ParseUint(string(digits), 10, 64)
	if err != nil || negative && abs > 1<<63 {
		return integer{}, false
	}
	return integer{negative: negative && abs != 0, abs: abs}, true
}

func skipSpace(b []byte, pos int) int {
	for isSpace(b[pos]) {
		pos++
	}
	return pos
}

// skipValue returns the position after the value that starts at pos.
func skipValue(b []byte, pos int) int {
	switch b[pos] {
	case '"':
		return skipString(b, pos)
	case '{', '[':
		for depth := 0; ; {
			switch b[pos] {
			case '"':
				pos = skipString(b, pos)
				continue
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return pos + 1
				}
			}
			pos++
		}
	}
	for pos < len(b) {
		switch b[pos] {
		case ',', '}', ']', ':', ' ', '\n', '\t', '\r':
			return pos
		}
		pos++
	}
	return pos
}

func skipString(b []byte, pos int) int {
	pos++
	if end := pos + bytes.IndexByte(b[pos:], '"'); b[end-1] != '\\' {
		return end + 1
	}
	for ; b[pos] != '"'; pos++ {
		if b[pos] == '\\' {
			pos++
		}
	}
	return pos + 1
}

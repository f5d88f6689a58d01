package message

import (
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// maxDepth is the deepest nesting that the network accepts, in levels of
// arrays and objects. // spec messages 1.8
const maxDepth = 1024

// scanJSON checks that data is exactly one JSON value by the strict rules of
// the network and returns it without the white space around it. It allocates
// nothing. // spec messages 1.8
//
// It differs from encoding/json, which replaces invalid UTF-8 and lone
// surrogates instead of refusing them, and accepts deeper nesting. Duplicate
// keys are legal here too; readers of the value let the last one win.
func scanJSON(data []byte) (value, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("not valid JSON: text is not valid UTF-8")
	}
	s := scanner{data: data}
	s.space()
	start := s.pos
	if err := s.value(0); err != nil {
		return nil, err
	}
	end := s.pos
	s.space()
	if s.pos != len(data) {
		return nil, s.fail("text after the value")
	}
	return data[start:end], nil
}

// scanner walks a JSON text once and stops at the first fault.
type scanner struct {
	data []byte
	pos  int
}

func (s *scanner) fail(what string) error {
	return fmt.Errorf("not valid JSON: %s at byte %d", what, s.pos)
}

func (s *scanner) space() {
	for s.pos < len(s.data) && isSpace(s.data[s.pos]) {
		s.pos++
	}
}

// peek returns the byte at the position, or 0 at the end; 0 is never legal.
func (s *scanner) peek() byte {
	if s.pos < len(s.data) {
		return s.data[s.pos]
	}
	return 0
}

func (s *scanner) value(depth int) error {
	switch c := s.peek(); c {
	case '{', '[':
		if depth == maxDepth {
			return s.fail("nesting too deep")
		}
		if c == '{' {
			return s.object(depth + 1)
		}
		return s.array(depth + 1)
	case '"':
		return s.text()
	case 't':
		return s.literal("true")
	case 'f':
		return s.literal("false")
	case 'n':
		return s.literal("null")
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return s.number()
	}
	if s.pos >= len(s.data) {
		return s.fail("unexpected end")
	}
	return s.fail("unexpected character")
}

func (s *scanner) object(depth int) error {
	s.pos++
	s.space()
	if s.peek() == '}' {
		s.pos++
		return nil
	}
	for {
		if s.peek() != '"' {
			return s.fail("expected a key")
		}
		if err := s.text(); err != nil {
			return err
		}
		s.space()
		if s.peek() != ':' {
			return s.fail("expected a colon")
		}
		s.pos++
		s.space()
		if err := s.value(depth); err != nil {
			return err
		}
		s.space()
		switch s.peek() {
		case ',':
			s.pos++
			s.space()
		case '}':
			s.pos++
			return nil
		default:
			return s.fail("expected a comma or a closing brace")
		}
	}
}

func (s *scanner) array(depth int) error {
	s.pos++
	s.space()
	if s.peek() == ']' {
		s.pos++
		return nil
	}
	for {
		if err := s.value(depth); err != nil {
			return err
		}
		s.space()
		switch s.peek() {
		case ',':
			s.pos++
			s.space()
		case ']':
			s.pos++
			return nil
		default:
			return s.fail("expected a comma or a closing bracket")
		}
	}
}

func (s *scanner) text() error {
	s.pos++
	for {
		rest := s.data[s.pos:]
		plain := 0
		for plain < len(rest) && rest[plain] >= 0x20 && rest[plain] != '"' && rest[plain] != '\\' {
			plain++
		}
		s.pos += plain
		switch {
		case plain == len(rest):
			return s.fail("unterminated string")
		case rest[plain] == '"':
			s.pos++
			return nil
		case rest[plain] == '\\':
			if err := s.escape(); err != nil {
				return err
			}
		default:
			return s.fail("control character in a string")
		}
	}
}

// escape passes one escape sequence, or two that form a surrogate pair.
func (s *scanner) escape() error {
	s.pos++
	switch s.peek() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.pos++
		return nil
	case 'u':
		unit, ok := hex4(s.data[s.pos+1:])
		if !ok {
			return s.fail("invalid unicode escape")
		}
		if unit < 0xD800 || unit > 0xDFFF {
			s.pos += 5
			return nil
		}
		rest := s.data[s.pos+5:]
		if unit <= 0xDBFF && len(rest) >= 6 && rest[0] == '\\' && rest[1] == 'u' {
			if low, ok := hex4(rest[2:]); ok && low >= 0xDC00 && low <= 0xDFFF {
				s.pos += 11
				return nil
			}
		}
		return s.fail("lone surrogate")
	}
	return s.fail("invalid escape")
}

func (s *scanner) number() error {
	start := s.pos
	if s.peek() == '-' {
		s.pos++
	}
	switch c := s.peek(); {
	case c == '0':
		s.pos++
	case c >= '1' && c <= '9':
		s.digits()
	default:
		return s.fail("invalid number")
	}
	exponent := false
	if s.peek() == '.' {
		s.pos++
		if !s.digits() {
			return s.fail("invalid number")
		}
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		exponent = true
		s.pos++
		if c := s.peek(); c == '+' || c == '-' {
			s.pos++
		}
		if !s.digits() {
			return s.fail("invalid number")
		}
	}
	// Only these can overflow a double, which reads as an infinity.
	if exponent || s.pos-start > 300 {
		if _, err := strconv.ParseFloat(string(s.data[start:s.pos]), 64); err != nil {
			return s.fail("number too large")
		}
	}
	return nil
}

// digits passes decimal digits and reports whether there was one.
func (s *scanner) digits() bool {
	start := s.pos
	for s.pos < len(s.data) && s.data[s.pos] >= '0' && s.data[s.pos] <= '9' {
		s.pos++
	}
	return s.pos > start
}

func (s *scanner) literal(word string) error {
	if len(s.data)-s.pos < len(word) || string(s.data[s.pos:s.pos+len(word)]) != word {
		return s.fail("unexpected character")
	}
	s.pos += len(word)
	return nil
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

// hex4 reads four hexadecimal digits.
func hex4(b []byte) (rune, bool) {
	if len(b) < 4 {
		return 0, false
	}
	var r rune
	for _, c := range b[:4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"aleph/message"
)

// maxDepth is the deepest nesting that the network accepts. // spec messages 1.8
const maxDepth = 1024

var (
	errNotJSON  = errors.New("the text is not JSON")
	errTooDeep  = errors.New("the JSON is nested too deeply")
	errNotUTF8  = errors.New("the JSON is not UTF-8")
	errNumber   = errors.New("the JSON holds a number that is too large")
	errHalfPair = errors.New("the JSON holds half of a surrogate pair")
)

// canonicalJSON rewrites a JSON text in the form whose hash names it: compact,
// members sorted, characters unescaped, numbers in their shortest form. Of
// members with one name the last counts. It uses raw as its working memory: what
// is in there afterwards means nothing. // spec ccn-http-api 10.4
func canonicalJSON(raw []byte) ([]byte, error) {
	if !utf8.Valid(raw) {
		return nil, errNotUTF8
	}
	if !json.Valid(raw) {
		return nil, errNotJSON
	}
	c := canonicalizer{raw: raw, out: make([]byte, 0, len(raw))}
	if err := c.value(0); err != nil {
		return nil, err
	}
	return c.out, nil
}

// canonicalizer walks a text that is known to be JSON.
type canonicalizer struct {
	raw []byte
	pos int
	out []byte
}

// next skips blanks and returns the byte that follows.
func (c *canonicalizer) next() byte {
	for {
		switch b := c.raw[c.pos]; b {
		case ' ', '\t', '\r', '\n':
			c.pos++
		default:
			return b
		}
	}
}

func (c *canonicalizer) value(depth int) error {
	if depth > maxDepth {
		return errTooDeep
	}
	switch c.next() {
	case '{':
		return c.object(depth)
	case '[':
		return c.array(depth)
	case '"':
		return c.text()
	case 't', 'n':
		c.copy(4)
	case 'f':
		c.copy(5)
	default:
		return c.number()
	}
	return nil
}

func (c *canonicalizer) copy(n int) {
	c.out = append(c.out, c.raw[c.pos:c.pos+n]...)
	c.pos += n
}

func (c *canonicalizer) array(depth int) error {
	c.copy(1)
	for c.next() != ']' {
		if c.raw[c.pos] == ',' {
			c.copy(1)
		}
		if err := c.value(depth + 1); err != nil {
			return err
		}
	}
	c.copy(1)
	return nil
}

// written is a member that is in the output already: its name, with quotes, and
// where it ends.
type written struct{ start, colon, end int }

func (c *canonicalizer) object(depth int) error {
	c.copy(1)
	begin := len(c.out)
	var members []written
	for c.next() != '}' {
		if c.raw[c.pos] == ',' {
			c.copy(1)
			c.next()
		}
		m := written{start: len(c.out)}
		if err := c.text(); err != nil {
			return err
		}
		m.colon = len(c.out)
		c.next()
		c.copy(1)
		if err := c.value(depth + 1); err != nil {
			return err
		}
		m.end = len(c.out)
		members = append(members, m)
	}
	c.sort(begin, members)
	c.copy(1)
	return nil
}

// sort puts the members that begin at an offset of the output in order.
func (c *canonicalizer) sort(begin int, members []written) {
	order := func(x, y written) int { return compareNames(c.out[x.start:x.colon], c.out[y.start:y.colon]) }
	sorted := true
	for i := 1; i < len(members) && sorted; i++ {
		sorted = order(members[i-1], members[i]) < 0
	}
	if sorted {
		return
	}
	slices.SortStableFunc(members, order)
	// What was read of the input is room for the members in their new order;
	// only a text full of short numbers grows beyond it.
	scratch := c.raw[:0:c.pos]
	for i, m := range members {
		if i+1 < len(members) && order(m, members[i+1]) == 0 {
			continue // a later member of the same name counts
		}
		if len(scratch) > 0 {
			scratch = append(scratch, ',')
		}
		scratch = append(scratch, c.out[m.start:m.end]...)
	}
	c.out = append(c.out[:begin], scratch...)
}

// compareNames compares two quoted names by their characters. The escapes that
// canonical text keeps are of characters below all others but the blank, the
// quote and the backslash, so those names are compared unescaped.
func compareNames(x, y []byte) int {
	if bytes.IndexByte(x, '\\') < 0 && bytes.IndexByte(y, '\\') < 0 {
		return bytes.Compare(x[1:len(x)-1], y[1:len(y)-1])
	}
	var a, b string
	if json.Unmarshal(x, &a) != nil || json.Unmarshal(y, &b) != nil {
		return bytes.Compare(x, y)
	}
	return strings.Compare(a, b)
}

// text rewrites a string: only what must be escaped stays so.
func (c *canonicalizer) text() error {
	c.pos++
	c.out = append(c.out, '"')
	for {
		b := c.raw[c.pos]
		switch {
		case b == '"':
			c.pos++
			c.out = append(c.out, '"')
			return nil
		case b != '\\':
			c.out = append(c.out, b)
			c.pos++
		case c.raw[c.pos+1] != 'u':
			c.out = appendEscaped(c.out, c.raw[c.pos+1])
			c.pos += 2
		default:
			if err := c.unit(); err != nil {
				return err
			}
		}
	}
}

func appendEscaped(dst []byte, letter byte) []byte {
	switch letter {
	case '/':
		return append(dst, '/')
	default:
		return append(dst, '\\', letter)
	}
}

// unit rewrites a character given by its number.
func (c *canonicalizer) unit() error {
	r := c.hex()
	if utf16.IsSurrogate(r) {
		if !bytes.HasPrefix(c.raw[c.pos:], []byte(`\u`)) {
			return errHalfPair
		}
		if r = utf16.DecodeRune(r, c.hex()); r == utf8.RuneError {
			return errHalfPair
		}
	}
	if r < 0x20 || r == '"' || r == '\\' {
		c.out = appendEscape(c.out, byte(r))
		return nil
	}
	c.out = utf8.AppendRune(c.out, r)
	return nil
}

func (c *canonicalizer) hex() rune {
	n, _ := strconv.ParseUint(string(c.raw[c.pos+2:c.pos+6]), 16, 32) // valid JSON has four digits here
	c.pos += 6
	return rune(n)
}

// number rewrites a number: whole ones keep their digits, others become the
// shortest text of the same value.
func (c *canonicalizer) number() error {
	start := c.pos
	for c.pos < len(c.raw) && strings.IndexByte("+-.eE0123456789", c.raw[c.pos]) >= 0 {
		c.pos++
	}
	text := c.raw[start:c.pos]
	if bytes.ContainsAny(text, ".eE") {
		f, err := strconv.ParseFloat(string(text), 64)
		if err != nil || math.IsInf(f, 0) {
			return errNumber
		}
		c.out = append(c.out, message.FormatSeconds(f)...)
		return nil
	}
	if string(text) == "-0" {
		text = text[1:]
	}
	c.out = append(c.out, text...)
	return nil
}

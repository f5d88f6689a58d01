package api

import (
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf8"

	"aleph/message"
)

// style is how JSON text is laid out. The network's first node has three
// encoders; clients read any of them, and byte-level comparisons between nodes
// need the same one. // spec ccn-http-api 2.5
type style struct {
	// spaced puts ", " and ": " between values.
	spaced bool
	// ascii escapes every character above 0x7E.
	ascii bool
}

var (
	// compactJSON is J1 and J2; for J1 the members are given in sorted order.
	compactJSON = style{}
	// spacedJSON is J3.
	spacedJSON = style{spaced: true, ascii: true}
)

// member is one name and value of an [object].
type member struct {
	name  string
	value any
}

// object is a JSON object whose members keep their order.
type object []member

func (s style) comma(dst []byte) []byte {
	if s.spaced {
		return append(dst, ", "...)
	}
	return append(dst, ',')
}

func (s style) name(dst []byte, name string) []byte {
	dst = s.text(dst, name)
	if s.spaced {
		return append(dst, ": "...)
	}
	return append(dst, ':')
}

// value appends v. It takes the few types that answers are made of and nothing
// else: an unknown type is an error of the program.
func (s style) value(dst []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...)
	case bool:
		return strconv.AppendBool(dst, v)
	case int:
		return strconv.AppendInt(dst, int64(v), 10)
	case int64:
		return strconv.AppendInt(dst, v, 10)
	case *int64:
		if v == nil {
			return append(dst, "null"...)
		}
		return strconv.AppendInt(dst, *v, 10)
	case float64:
		return append(dst, message.FormatSeconds(v)...)
	case message.Timestamp:
		return append(dst, message.FormatSeconds(v.Seconds())...)
	case *message.Timestamp:
		if v == nil {
			return append(dst, "null"...)
		}
		return append(dst, message.FormatSeconds(v.Seconds())...)
	case string:
		return s.text(dst, v)
	case *string:
		if v == nil {
			return append(dst, "null"...)
		}
		return s.text(dst, *v)
	case message.Hash:
		return s.text(dst, string(v))
	case message.Address:
		return s.text(dst, string(v))
	case message.Chain:
		return s.text(dst, string(v))
	case message.Type:
		return s.text(dst, string(v))
	case message.ItemType:
		return s.text(dst, string(v))
	case message.Status:
		return s.text(dst, string(v))
	case json.RawMessage:
		return s.raw(dst, v)
	case object:
		return s.object(dst, v)
	case []object:
		return appendList(dst, s, v)
	case []json.RawMessage:
		return appendList(dst, s, v)
	case []string:
		return appendList(dst, s, v)
	case []message.Hash:
		return appendList(dst, s, v)
	case []any:
		return appendList(dst, s, v)
	}
	panic(fmt.Sprintf("api: no JSON form for %T", v))
}

func (s style) object(dst []byte, o object) []byte {
	dst = append(dst, '{')
	for i, m := range o {
		if i > 0 {
			dst = s.comma(dst)
		}
		dst = s.name(dst, m.name)
		dst = s.value(dst, m.value)
	}
	return append(dst, '}')
}

func appendList[T any](dst []byte, s style, list []T) []byte {
	dst = append(dst, '[')
	for i, v := range list {
		if i > 0 {
			dst = s.comma(dst)
		}
		dst = s.value(dst, v)
	}
	return append(dst, ']')
}

const hexDigits = "0123456789abcdef"

// text appends a JSON string. What is not UTF-8 becomes the replacement character.
func (s style) text(dst []byte, text string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf {
			if c >= 0x20 && c != '"' && c != '\\' && (c != 0x7f || !s.ascii) {
				i++
				continue
			}
			dst = append(dst, text[start:i]...)
			dst = appendEscape(dst, c)
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		if s.ascii || (r == utf8.RuneError && size == 1) {
			dst = append(dst, text[start:i]...)
			dst = s.rune(dst, r)
			start = i + size
		}
		i += size
	}
	dst = append(dst, text[start:]...)
	return append(dst, '"')
}

// appendEscape appends an ASCII character that cannot stand in a string.
func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	case '\b':
		return append(dst, '\\', 'b')
	case '\f':
		return append(dst, '\\', 'f')
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
}

// rune appends a character above ASCII: escaped, as a pair when it needs one,
// where the style wants ASCII.
func (s style) rune(dst []byte, r rune) []byte {
	if !s.ascii {
		return utf8.AppendRune(dst, r)
	}
	if r > 0xFFFF {
		r -= 0x10000
		dst = appendUnit(dst, 0xD800+(r>>10)&0x3FF)
		return appendUnit(dst, 0xDC00+r&0x3FF)
	}
	return appendUnit(dst, r)
}

func appendUnit(dst []byte, u rune) []byte {
	return append(dst, '\\', 'u', hexDigits[u>>12&0xf], hexDigits[u>>8&0xf], hexDigits[u>>4&0xf], hexDigits[u&0xf])
}

// raw appends JSON that is already valid, laid out in the style. Numbers keep
// their digits and members keep their order.
func (s style) raw(dst []byte, raw []byte) []byte {
	if len(raw) == 0 {
		return append(dst, "null"...)
	}
	inString := false
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		if inString {
			switch {
			case c == '\\' && i+1 < len(raw):
				dst = append(dst, c, raw[i+1])
				i++
			case c == '"':
				inString = false
				dst = append(dst, c)
			case c >= utf8.RuneSelf && s.ascii:
				r, size := utf8.DecodeRune(raw[i:])
				dst = s.rune(dst, r)
				i += size - 1
			default:
				dst = append(dst, c)
			}
			continue
		}
		switch c {
		case ' ', '\t', '\r', '\n':
		case '"':
			inString = true
			dst = append(dst, c)
		case ',':
			dst = s.comma(dst)
		case ':':
			dst = append(dst, c)
			if s.spaced {
				dst = append(dst, ' ')
			}
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// isoZ prints an instant as most answers do: 2024-05-01T12:00:00.250000Z.
// // spec ccn-http-api 2.6
func isoZ(t message.Timestamp) string { return isoText(t) + "Z" }

// isoOffset prints an instant as posts and aggregates do, with +00:00.
func isoOffset(t message.Timestamp) string { return isoText(t) + "+00:00" }

func isoText(t message.Timestamp) string {
	if t%1e6 == 0 {
		return t.Time().Format("2006-01-02T15:04:05")
	}
	return t.Time().Format("2006-01-02T15:04:05.000000")
}

package message

import (
	"bytes"
	"encoding/json"
	"strings"
)

// Authorization is one entry of the list in which an owner says who else may act,
// as it is shown to people. What a sender may really do is decided more strictly.
// // spec ccn-http-api 7.3
type Authorization struct {
	// Address is whom the entry names, never empty.
	Address Address
	// Entry is the entry without its address, its other members in their order.
	Entry json.RawMessage
	// What the entry is restricted to.
	Chain, Channels, Types, PostTypes, AggregateKeys Restriction
}

// Restriction is what an entry is restricted to. A nil one restricts nothing; one
// that is empty has only values that are no texts, which nobody can ask for.
type Restriction []string

// ParseAuthorizations reads the entries of a list. What is malformed names
// nobody. // spec messages 5.2
func ParseAuthorizations(list json.RawMessage) []Authorization {
	var raw []json.RawMessage
	if json.Unmarshal(list, &raw) != nil {
		return nil
	}
	entries := make([]Authorization, 0, len(raw))
	for _, item := range raw {
		if a, ok := parseAuthorization(item); ok {
			entries = append(entries, a)
		}
	}
	return entries
}

func parseAuthorization(raw json.RawMessage) (a Authorization, ok bool) {
	in := json.NewDecoder(bytes.NewReader(raw))
	if start, err := in.Token(); err != nil || start != json.Delim('{') {
		return a, false
	}
	rest := []byte{'{'}
	for in.More() {
		begin := in.InputOffset()
		name, err := in.Token()
		if err != nil {
			return a, false
		}
		var value json.RawMessage
		if err := in.Decode(&value); err != nil {
			return a, false
		}
		if name == "address" {
			if json.Unmarshal(value, &a.Address) != nil {
				return a, false
			}
			continue
		}
		if len(rest) > 1 {
			rest = append(rest, ',')
		}
		// As its owner wrote it, name and value.
		rest = append(rest, bytes.TrimLeft(raw[begin:in.InputOffset()], ", \t\r\n")...)
		if r := a.restriction(name.(string)); r != nil {
			*r = parseRestriction(value)
		}
	}
	rest = append(rest, '}')
	a.Entry = rest
	return a, a.Address != ""
}

func (a *Authorization) restriction(name string) *Restriction {
	switch name {
	case "chain":
		return &a.Chain
	case "channels":
		return &a.Channels
	case "types":
		return &a.Types
	case "post_types":
		return &a.PostTypes
	case "aggregate_keys":
		return &a.AggregateKeys
	}
	return nil
}

// parseRestriction reads a text, or a list of texts. An empty one restricts
// nothing.
func parseRestriction(value json.RawMessage) Restriction {
	var one *string
	if json.Unmarshal(value, &one) == nil {
		if one == nil || *one == "" {
			return nil
		}
		return Restriction{*one}
	}
	set := Restriction{}
	var list []any
	if json.Unmarshal(value, &list) != nil {
		return set
	}
	if len(list) == 0 {
		return nil
	}
	for _, v := range list {
		if text, ok := v.(string); ok {
			set = append(set, text)
		}
	}
	return set
}

// Text returns the restriction as one text in which [RestrictionValue] of each of
// its values is found, and of no other. It is empty when nothing is restricted.
func (r Restriction) Text() string {
	if r == nil {
		return ""
	}
	var b strings.Builder
	b.WriteByte('\n')
	for _, value := range r {
		b.WriteString(RestrictionValue(value)[1:])
	}
	return b.String()
}

// RestrictionValue returns the part of [Restriction.Text] that stands for a value.
func RestrictionValue(value string) string {
	return "\n" + strings.NewReplacer(`\`, `\\`, "\n", `\n`).Replace(value) + "\n"
}

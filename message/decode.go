package message

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxFieldErrors is how many faults of one message are kept.
const maxFieldErrors = 32

// step is one step of the way to a member.
type step struct {
	key   string
	index int
	kind  stepKind
}

type stepKind byte

const (
	stepKey stepKind = iota
	stepIndex
	stepNone // names the object that the path leads to, not a member
)

func key(k string) step { return step{key: k} }
func index(i int) step  { return step{index: i, kind: stepIndex} }
func itself() step      { return step{kind: stepNone} }

// slot is a member that a schema knows: its key and, after [decoder.object],
// its value.
type slot struct {
	key   string
	value value
}

// decoder turns JSON values into Go values by the rules of a schema and
// gathers what is wrong. After an error it goes on with zero values; results
// count only when errs is empty.
type decoder struct {
	path []step // the way to the object being decoded
	errs []FieldError
}

// rejection returns nil when nothing was wrong.
func (d *decoder) rejection() error {
	if len(d.errs) == 0 {
		return nil
	}
	r := &Rejection{Code: CodeInvalidFormat, Errors: make([]any, len(d.errs))}
	for i, e := range d.errs {
		r.Errors[i] = e
	}
	return r
}

// enter and leave bracket the decoding of a member's own members.
func (d *decoder) enter(s step) { d.path = append(d.path, s) }
func (d *decoder) leave()       { d.path = d.path[:len(d.path)-1] }

// fail records a fault at the last step of the path.
func (d *decoder) fail(last step, input value, fault, format string, args ...any) {
	if len(d.errs) == maxFieldErrors {
		return
	}
	loc := make([]any, 0, len(d.path)+1)
	for _, s := range append(slices.Clip(d.path), last) {
		switch s.kind {
		case stepKey:
			loc = append(loc, s.key)
		case stepIndex:
			loc = append(loc, s.index)
		case stepNone:
		}
	}
	d.errs = append(d.errs, FieldError{Type: fault, Loc: loc, Msg: fmt.Sprintf(format, args...), Input: shorten(input)})
}

// invalid records the breach of a rule that is not one of plain types.
func (d *decoder) invalid(last step, input value, format string, args ...any) {
	d.fail(last, input, "value_error", "Value error, "+format, args...)
}

// faults says the message of each fault that coercions report.
var faults = map[string]string{
	"int_type":         "Input should be a valid integer",
	"int_parsing":      "Input should be a valid integer, unable to parse string as an integer",
	"int_parsing_size": "Unable to parse input string as an integer, exceeded maximum size",
	"int_from_float":   "Input should be a valid integer, got a number with a fractional part",
	"bool_type":        "Input should be a valid boolean",
	"bool_parsing":     "Input should be a valid boolean, unable to interpret input",
}

// object spreads the members of v over slots; of duplicates the last one
// counts. A closed object must not have other members. // spec messages 3.2
func (d *decoder) object(v value, closed bool, slots ...*slot) bool {
	if v.kind() != kindObject {
		d.fail(itself(), v, "dict_type", "Input should be an object")
		return false
	}
	for name, member := range v.members {
		known := false
		for _, s := range slots {
			if s.key == string(name) {
				s.value, known = member, true
				break
			}
		}
		if closed && !known {
			d.fail(key(string(name)), member, "extra_forbidden", "Extra inputs are not permitted")
		}
	}
	return true
}

// present reports whether a required member is there.
func (d *decoder) present(s slot) bool {
	if s.value == nil {
		d.fail(key(s.key), nil, "missing", "Field required")
		return false
	}
	return true
}

// anyLength lifts the limit of a text or a list.
const anyLength = -1

// text reads a required string of at most most code points.
func (d *decoder) text(s slot, most int) string {
	if !d.present(s) {
		return ""
	}
	return d.textValue(key(s.key), s.value, most)
}

// optText reads a string that may be absent or null.
func (d *decoder) optText(s slot, most int) string {
	if !s.value.given() {
		return ""
	}
	return d.textValue(key(s.key), s.value, most)
}

func (d *decoder) textValue(last step, v value, most int) string {
	if v.kind() != kindString {
		d.fail(last, v, "string_type", "Input should be a valid string")
		return ""
	}
	text := v.text()
	if most >= 0 && len(text) > most && utf8.RuneCount(text) > most {
		d.fail(last, v, "string_too_long", "String should have at most %d characters", most)
		return ""
	}
	return string(text)
}

// hash reads a required hash by the strict rule.
func (d *decoder) hash(s slot) Hash {
	if !d.present(s) {
		return ""
	}
	return d.hashValue(key(s.key), s.value)
}

// optHash reads a hash that may be absent or null.
func (d *decoder) optHash(s slot) Hash {
	if !s.value.given() {
		return ""
	}
	return d.hashValue(key(s.key), s.value)
}

func (d *decoder) hashValue(last step, v value) Hash {
	if v.kind() != kindString {
		d.fail(last, v, "string_type", "Input should be a valid string")
		return ""
	}
	h, err := ParseHash(string(v.text()))
	if err != nil {
		d.invalid(last, v, "could not determine the kind of the hash")
	}
	return h
}

// enum reads a required string that must be one of the choices.
func (d *decoder) enum(s slot, choices ...string) string {
	if !d.present(s) {
		return ""
	}
	return d.enumValue(s, choices)
}

// optEnum reads a choice that may be absent or null.
func (d *decoder) optEnum(s slot, choices ...string) string {
	if !s.value.given() {
		return ""
	}
	return d.enumValue(s, choices)
}

func (d *decoder) enumValue(s slot, choices []string) string {
	if s.value.kind() == kindString {
		text := s.value.text()
		for _, choice := range choices {
			if choice == string(text) {
				return choice
			}
		}
	}
	d.fail(key(s.key), s.value, "enum", "Input should be one of: %s", strings.Join(choices, ", "))
	return ""
}

// boolean reads a boolean with the coercions; absent is absentValue.
func (d *decoder) boolean(s slot, absentValue bool) bool {
	if s.value == nil {
		return absentValue
	}
	b, fault := coerceBool(s.value)
	if fault != "" {
		d.fail(key(s.key), s.value, fault, "%s", faults[fault])
	}
	return b
}

// optBoolean is boolean for a member that may also be null.
func (d *decoder) optBoolean(s slot, absentValue bool) bool {
	if !s.value.given() {
		return absentValue
	}
	return d.boolean(s, absentValue)
}

// integer reads an integer in [low, high] with the coercions; absent is
// absentValue.
func (d *decoder) integer(s slot, low, high, absentValue int) int {
	if s.value == nil {
		return absentValue
	}
	n, ok := d.anyInteger(s)
	if !ok {
		return absentValue
	}
	if !n.within(int64(low), int64(high)) {
		d.outOfRange(s, low, high)
		return absentValue
	}
	return int(n.int64())
}

// anyInteger reads an integer of any size with the coercions.
func (d *decoder) anyInteger(s slot) (integer, bool) {
	n, fault := coerceInt(s.value)
	if fault != "" {
		d.fail(key(s.key), s.value, fault, "%s", faults[fault])
		return integer{}, false
	}
	return n, true
}

// strictInteger reads a required integer in [low, high] that is written as
// one: no fraction, no string, no boolean. // spec messages 3.8
func (d *decoder) strictInteger(s slot, low, high int) int {
	if !d.present(s) {
		return low
	}
	if s.value.kind() != kindNumber {
		d.fail(key(s.key), s.value, "int_type", "%s", faults["int_type"])
		return low
	}
	n, ok := s.value.integer()
	if !ok {
		d.fail(key(s.key), s.value, "int_type", "%s", faults["int_type"])
		return low
	}
	if !n.within(int64(low), int64(high)) {
		d.outOfRange(s, low, high)
		return low
	}
	return int(n.int64())
}

func (d *decoder) outOfRange(s slot, low, high int) {
	if n, _ := coerceInt(s.value); n.negative || n.within(math.MinInt64, int64(low)-1) {
		d.fail(key(s.key), s.value, "greater_than_equal", "Input should be greater than or equal to %d", low)
		return
	}
	d.fail(key(s.key), s.value, "less_than_equal", "Input should be less than or equal to %d", high)
}

// list checks that a member is an array of at most most elements.
func (d *decoder) list(s slot, most int) bool {
	if s.value.kind() != kindArray {
		d.fail(key(s.key), s.value, "list_type", "Input should be a valid list")
		return false
	}
	if most >= 0 && s.value.length() > most {
		d.fail(key(s.key), s.value, "too_long", "List should have at most %d items", most)
		return false
	}
	return true
}

// optTexts reads a list of strings that may be absent or null. The result is
// nil only then.
func (d *decoder) optTexts(s slot, most, mostText int) []string {
	if !s.value.given() || !d.list(s, most) {
		return nil
	}
	texts := []string{}
	d.enter(key(s.key))
	defer d.leave()
	for i, element := range s.value.elements {
		texts = append(texts, d.textValue(index(i), element, mostText))
	}
	return texts
}

// hashes reads a required list of hashes by the strict rule.
func (d *decoder) hashes(s slot, most int) []Hash {
	if !d.present(s) || !d.list(s, most) {
		return nil
	}
	hashes := []Hash{}
	d.enter(key(s.key))
	defer d.leave()
	for i, element := range s.value.elements {
		hashes = append(hashes, d.hashValue(index(i), element))
	}
	return hashes
}

// optObject returns an object of free members that may be absent or null; nil
// then.
func (d *decoder) optObject(s slot, most int) json.RawMessage {
	if !s.value.given() {
		return nil
	}
	if s.value.kind() != kindObject {
		d.fail(key(s.key), s.value, "dict_type", "Input should be an object")
		return nil
	}
	if most >= 0 && s.value.length() > most {
		d.fail(key(s.key), s.value, "too_long", "Object should have at most %d members", most)
	}
	return json.RawMessage(s.value)
}

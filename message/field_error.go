package message

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// FieldError says what is wrong with one member of a message. It is an element
// of [Rejection.Errors] and has the shape of the network's validator entries.
// // spec ccn-http-api 2.2
type FieldError struct {
	// Type is the validator's name of the fault, such as "missing".
	Type string `json:"type"`
	// Loc is the way to the member: keys, and indexes of lists.
	Loc []any `json:"loc"`
	// Msg is for people.
	Msg string `json:"msg"`
	// Input is the refused JSON value, shortened when it is long.
	Input json.RawMessage `json:"input"`
}

// String returns the way to the member and what is wrong with it.
func (e FieldError) String() string {
	var b strings.Builder
	for i, step := range e.Loc {
		switch step := step.(type) {
		case int:
			fmt.Fprintf(&b, "[%d]", step)
		default:
			if i > 0 {
				b.WriteByte('.')
			}
			fmt.Fprint(&b, step)
		}
	}
	if b.Len() > 0 {
		b.WriteString(": ")
	}
	return b.String() + e.Msg
}

// maxErrorInput is how much of a refused value an entry repeats, in bytes.
const maxErrorInput = 256

// shorten returns input, or its beginning as a JSON string when it is long.
func shorten(input value) json.RawMessage {
	if len(input) <= maxErrorInput {
		if input == nil {
			return json.RawMessage("null")
		}
		return slices.Clone(json.RawMessage(input))
	}
	text, err := json.Marshal(strings.ToValidUTF8(string(input[:maxErrorInput]), "") + "…")
	if err != nil {
		return json.RawMessage("null")
	}
	return text
}

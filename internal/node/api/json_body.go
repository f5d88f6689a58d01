package api

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// objectMembers returns the members of a JSON object, or what is wrong with the
// text. Of members with one name the last counts.
func objectMembers(raw []byte) (map[string]json.RawMessage, []issue) {
	var members map[string]json.RawMessage
	// The decoder would replace what is not UTF-8 instead of refusing it.
	text := utf8.Valid(raw)
	if err := json.Unmarshal(raw, &members); err != nil || members == nil || !text {
		if !text || !json.Valid(raw) {
			return nil, []issue{{kind: "json_invalid", text: "Invalid JSON", input: inputText(raw)}}
		}
		return nil, []issue{{kind: "model_type", text: "Input should be an object", input: inputText(raw)}}
	}
	return members, nil
}

// mostInput is how much of an input is repeated in an error.
const mostInput = 256

func inputText(raw []byte) string {
	return string(bytes.ToValidUTF8(raw[:min(len(raw), mostInput)], []byte("\uFFFD")))
}

func missingIssue(name string) issue {
	return issue{kind: "missing", loc: []any{name}, text: "Field required"}
}

// messageIssue says what is wrong with the member that holds an envelope.
func messageIssue(raw json.RawMessage) (issue, bool) {
	const name = "message"
	trimmed := bytes.TrimSpace(raw)
	switch {
	case raw == nil:
		return missingIssue(name), false
	case len(trimmed) == 0 || trimmed[0] != '{':
		return issue{kind: "dict_type", loc: []any{name}, text: "Input should be a valid dictionary", input: inputText(trimmed)}, false
	}
	return issue{}, true
}

// jsonBool reads a truth value: a JSON one, a number that is one, or a text in
// any of its usual spellings.
func jsonBool(raw json.RawMessage) (truth, ok bool) {
	text := string(bytes.TrimSpace(raw))
	switch text {
	case "true", "1", "1.0":
		return true, true
	case "false", "0", "0.0":
		return false, true
	}
	var spelled string
	if len(text) == 0 || text[0] != '"' || json.Unmarshal(raw, &spelled) != nil {
		return false, false
	}
	return parseBool(spelled)
}

func boolIssue(name string, raw json.RawMessage) issue {
	return issue{kind: "bool_parsing", loc: []any{name}, text: "Input should be a valid boolean, unable to interpret input", input: inputText(raw)}
}

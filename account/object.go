package account

import (
	"encoding/json"
)

// object is a signature that is a JSON object. It is a map, since field names
// of a struct would match in any letter case.
type object map[string]json.RawMessage

func parseObject(text string) (object, error) {
	var parts object
	if err := json.Unmarshal([]byte(text), &parts); err != nil || parts == nil {
		return nil, reason("it is not a JSON object")
	}
	return parts, nil
}

// text returns a member that must be a string.
func (o object) text(key string) (string, error) {
	var text *string
	if err := json.Unmarshal(o[key], &text); err != nil || text == nil {
		return "", reason("it has no text %q", key)
	}
	return *text, nil
}

// textOr returns a member that must be a string if it is there.
func (o object) textOr(key, otherwise string) (string, error) {
	if _, ok := o[key]; !ok {
		return otherwise, nil
	}
	return o.text(key)
}

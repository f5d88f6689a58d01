package api

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"aleph/message"
)

// mostPerCursor is the largest page in cursor mode. // spec ccn-http-api 2.9
const mostPerCursor = 200

// paging is which part of a list a request asks for.
type paging struct {
	// size is the number of items on a page, 0 for all.
	size int64
	// number is the page, from 1; it counts in page mode only.
	number int64
	// cursor says that the request is in cursor mode, and token where to go on;
	// an empty token is the first page.
	cursor bool
	token  string
}

// paging reads the three parameters of a list. pathPage, when not empty, is the
// page given in the path, which overrides the query's.
func (q *query) paging(size int64, pathPage string) (paging, error) {
	p := paging{size: q.int(size, 0, "pagination"), number: 1}
	if pathPage != "" {
		number, kind := parseInt(pathPage)
		if kind != "" {
			return p, failText(http.StatusBadRequest, "Invalid page value in path: %s", pathPage)
		}
		if number < 1 {
			return p, failText(http.StatusUnprocessableEntity, "Page number must be greater than 1.")
		}
		p.number = number
	} else {
		p.number = q.int(1, 1, "page")
	}
	if p.token, p.cursor = q.get("cursor"); !p.cursor || len(q.issues) > 0 {
		return p, nil
	}
	if p.size == 0 {
		return p, failText(http.StatusUnprocessableEntity, "pagination=0 is not allowed with cursor-based pagination")
	}
	p.size, p.number = min(p.size, mostPerCursor), 1
	return p, nil
}

// offset returns how many items come before the page.
func (p paging) offset() int64 {
	if p.size == 0 || p.number < 2 {
		return 0
	}
	const most = 1 << 62
	if p.number-1 > most/p.size {
		return most
	}
	return (p.number - 1) * p.size
}

// total returns how many items a list has when the page tells, and false when
// they have to be counted.
func (p paging) total(onPage int64) (int64, bool) {
	switch {
	case p.size == 0:
		return onPage, true
	case onPage < p.size && (onPage > 0 || p.number == 1):
		return p.offset() + onPage, true
	}
	return 0, false
}

// cursor tokens are base64 of a JSON object with sorted keys, so that they work
// on any node behind one name. // spec ccn-http-api 2.9
func encodeCursor(o object) string {
	return base64.RawURLEncoding.EncodeToString(compactJSON.object(nil, o))
}

func cursorFailure(format string, args ...any) *failure {
	return failText(http.StatusUnprocessableEntity, format, args...)
}

// cursorMembers returns the members of a token. All of names must be there.
func cursorMembers(token string, names ...string) (map[string]json.RawMessage, error) {
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(token, "="))
	if err != nil {
		return nil, cursorFailure("Invalid cursor: %s", err)
	}
	if trimmed := bytes.TrimSpace(raw); json.Valid(raw) && trimmed[0] != '{' {
		return nil, cursorFailure("Invalid cursor: payload is not a dict")
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, cursorFailure("Invalid cursor: %s", err)
	}
	for _, name := range names {
		if _, ok := members[name]; !ok {
			return nil, cursorFailure("Invalid cursor: missing required fields")
		}
	}
	return members, nil
}

// decodeCursor returns the text members of a token. All of names must be there.
func decodeCursor(token string, names ...string) (map[string]string, error) {
	members, err := cursorMembers(token, names...)
	if err != nil {
		return nil, err
	}
	values := make(map[string]string, len(names))
	for _, name := range names {
		if values[name], err = cursorText(members, name); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// cursorText returns a text of a token.
func cursorText(members map[string]json.RawMessage, name string) (string, error) {
	var text *string
	if err := json.Unmarshal(members[name], &text); err != nil || text == nil {
		return "", cursorFailure("Invalid cursor: %s is not a string", strconv.Quote(name))
	}
	return storable(*text), nil
}

// cursorInt returns a whole number of a token.
func cursorInt(members map[string]json.RawMessage, name string) (int64, error) {
	var n *int64
	if err := json.Unmarshal(members[name], &n); err != nil || n == nil {
		return 0, cursorFailure("Invalid cursor: %s is not an integer", strconv.Quote(name))
	}
	return *n, nil
}

// decodeTimeCursor returns the instant and the name that a list continues after.
func decodeTimeCursor(token string) (message.Timestamp, string, error) {
	values, err := decodeCursor(token, "h", "t")
	if err != nil {
		return 0, "", err
	}
	at, err := parseISO(values["t"])
	return at, values["h"], err
}

func encodeTimeCursor(at message.Timestamp, h message.Hash) string {
	return encodeCursor(object{{"h", h}, {"t", isoOffset(at)}})
}

func parseISO(text string) (message.Timestamp, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02"} {
		if at, err := time.Parse(layout, text); err == nil {
			return message.TimestampOf(at), nil
		}
	}
	return 0, cursorFailure("Invalid isoformat string: '%s'", text)
}

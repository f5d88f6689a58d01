package client

import (
	"encoding/json"
	"fmt"
	"time"

	"aleph/message"
)

// Received is a message as a node handed it over.
type Received struct {
	*message.Message
	// Size is the length of the content; zero when the node did not say.
	Size int64
	// Confirmations are the transactions that anchor the message on a chain.
	Confirmations []Confirmation
	// Forgotten is set for an entry of a list of forgotten or removed messages,
	// which has no content any more.
	Forgotten *Tombstone
	// Invalid says why Content is nil although the node sent one: it breaks the
	// rules, or its bytes do not have the hash that the sender signed.
	Invalid error
	raw     json.RawMessage
}

// Raw returns the JSON object that the node sent.
func (r *Received) Raw() json.RawMessage { return r.raw }

// MarshalJSON writes the object that the node sent.
func (r *Received) MarshalJSON() ([]byte, error) { return r.raw, nil }

// Confirmation is a transaction that anchors messages on a chain.
type Confirmation struct {
	Chain  message.Chain `json:"chain"`
	Height int64         `json:"height"`
	Hash   string        `json:"hash"`
}

// Tombstone is what a node keeps of a message that is gone.
type Tombstone struct {
	Status      message.Status
	Owner       message.Address
	ForgottenBy []message.Hash
	// At is when it was forgotten or removed; zero when unknown.
	At time.Time
}

// wireMessage holds the members of every shape of a message.
// // spec ccn-http-api 3
type wireMessage struct {
	Sender        message.Address  `json:"sender"`
	Chain         message.Chain    `json:"chain"`
	Type          message.Type     `json:"type"`
	Channel       *string          `json:"channel"`
	Time          wireTime         `json:"time"`
	ItemType      message.ItemType `json:"item_type"`
	ItemHash      string           `json:"item_hash"`
	ItemContent   *string          `json:"item_content"`
	Signature     *string          `json:"signature"`
	Content       json.RawMessage  `json:"content"`
	Size          *int64           `json:"size"`
	Confirmations []Confirmation   `json:"confirmations"`
	Status        message.Status   `json:"status"`
	Owner         message.Address  `json:"owner"`
	ForgottenBy   []message.Hash   `json:"forgotten_by"`
	ForgottenAt   wireTime         `json:"forgotten_at"`
	RemovedAt     wireTime         `json:"removed_at"`
}

// wireTime reads the two spellings of an instant: seconds and ISO 8601.
// // spec ccn-http-api 2.6
type wireTime struct{ time.Time }

// UnmarshalJSON accepts a number, a text or null.
func (t *wireTime) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	if b[0] == '"' {
		var text string
		if err := json.Unmarshal(b, &text); err != nil {
			return err
		}
		parsed, err := time.Parse(time.RFC3339Nano, text)
		t.Time = parsed
		return err
	}
	var seconds float64
	if err := json.Unmarshal(b, &seconds); err != nil {
		return err
	}
	t.Time = message.TimestampFromSeconds(seconds).Time()
	return nil
}

// decodeReceived reads a message of any shape. The error says that the bytes
// are no message at all; a message that breaks a rule is returned with Invalid
// set, so that one bad entry does not hide a whole list.
func decodeReceived(raw json.RawMessage) (*Received, error) {
	var w wireMessage
	if err := json.Unmarshal(raw, &w); err != nil {
		return nil, err
	}
	hash, err := message.ParseLooseHash(w.ItemHash)
	if err != nil {
		return nil, err
	}
	m := &message.Message{
		Sender: w.Sender, Chain: w.Chain, Type: w.Type, ItemHash: hash, ItemType: w.ItemType, Channel: w.Channel,
	}
	if !w.Time.IsZero() {
		m.Time = message.TimestampOf(w.Time.Time)
	}
	if w.Signature != nil {
		m.Signature = *w.Signature
	}
	if w.ItemContent != nil {
		m.ItemContent = *w.ItemContent
	}
	r := &Received{Message: m, Confirmations: w.Confirmations, raw: raw}
	if w.Size != nil {
		r.Size = *w.Size
	}
	if w.Status != "" || !w.ForgottenAt.IsZero() || !w.RemovedAt.IsZero() {
		r.Forgotten = &Tombstone{Status: w.Status, Owner: w.Owner, ForgottenBy: w.ForgottenBy, At: w.ForgottenAt.Time}
		if r.Forgotten.At.IsZero() {
			r.Forgotten.At = w.RemovedAt.Time
		}
	}
	m.Content, r.Invalid = parseBody(m, w.Content)
	return r, nil
}

// parseBody parses the content of a message. The bytes of an inline message
// must have the signed hash, whatever the node put into the content member.
func parseBody(m *message.Message, content json.RawMessage) (message.Content, error) {
	body := []byte(content)
	if m.ItemType == message.ItemInline && m.ItemContent != "" {
		if got := message.HashOf([]byte(m.ItemContent)); got != m.ItemHash {
			return nil, fmt.Errorf("%w: message %s: its content has the hash %s", message.ErrInvalid, m.ItemHash, got)
		}
		body = []byte(m.ItemContent)
	}
	if len(body) == 0 || string(body) == "null" {
		return nil, nil
	}
	parsed, err := message.ParseContent(m.Type, body)
	if err != nil {
		return nil, fmt.Errorf("message %s: %w", m.ItemHash, err)
	}
	return parsed, nil
}

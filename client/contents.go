package client

import (
	"encoding/json"

	"aleph/message"
)

// PostContent is the content of a POST. // spec messages 3.4
type PostContent struct {
	Address message.Address   `json:"address"`
	Time    message.Timestamp `json:"time"`
	Content json.RawMessage   `json:"content,omitempty"`
	Ref     string            `json:"ref,omitempty"`
	// Type is the user's type; [message.AmendType] replaces the post Ref.
	Type string `json:"type"`
}

// AggregateContent is the content of an AGGREGATE. // spec messages 3.5
type AggregateContent struct {
	Address message.Address   `json:"address"`
	Time    message.Timestamp `json:"time"`
	Key     string            `json:"key"`
	// Content is a JSON object; its members replace those of the same name.
	Content json.RawMessage `json:"content"`
}

// StoreContent is the content of a STORE. // spec messages 3.6
type StoreContent struct {
	Address  message.Address   `json:"address"`
	Time     message.Timestamp `json:"time"`
	ItemType message.ItemType  `json:"item_type"`
	ItemHash message.Hash      `json:"item_hash"`
	// Ref names the file: a name of the owner's choice, or the hash of the
	// STORE message of which this is a new version.
	Ref      string          `json:"ref,omitempty"`
	Metadata json.RawMessage `json:"metadata,omitempty"`
}

// ForgetContent is the content of a FORGET. // spec messages 3.7
type ForgetContent struct {
	Address message.Address   `json:"address"`
	Time    message.Timestamp `json:"time"`
	Hashes  []message.Hash    `json:"hashes"`
	Reason  string            `json:"reason,omitempty"`
}

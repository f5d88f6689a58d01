package message

import "encoding/json"

// Content is what a message says: one of [*Post], [*Aggregate], [*Store],
// [*Forget], [*Program], [*Instance], [*VProgram]. The fields hold values after
// the protocol's coercions; Raw holds the object as it was sent.
type Content interface {
	// Owner is content.address: whose state the message changes.
	Owner() Address
	// CreatedAt is content.time, which the signature covers.
	CreatedAt() Timestamp
	// Raw is the content as sent, byte for byte. It is shared: do not modify.
	Raw() json.RawMessage
}

// Base holds what every content has. // spec messages 3.3
type Base struct {
	Address Address
	Time    Timestamp
	raw     json.RawMessage
}

// Owner returns content.address.
func (b *Base) Owner() Address { return b.Address }

// CreatedAt returns content.time.
func (b *Base) CreatedAt() Timestamp { return b.Time }

// Raw returns the content as it was sent.
func (b *Base) Raw() json.RawMessage { return b.raw }

// Post publishes a free document, or amends one. // spec messages 3.4
type Post struct {
	Base
	Type string
	// Content is any JSON value; nil when absent or null.
	Content json.RawMessage
	// Ref is empty when absent.
	Ref string
}

// AmendType is the post type that amends another post.
const AmendType = "amend"

// IsAmend reports whether the post amends another.
func (p *Post) IsAmend() bool { return p.Type == AmendType }

// Aggregate merges members into a document named by owner and key. // spec messages 3.5
type Aggregate struct {
	Base
	Key string
	// Content is a JSON object.
	Content json.RawMessage
}

// Store keeps a file on the network. // spec messages 3.6
type Store struct {
	Base
	ItemType    ItemType
	ItemHash    Hash
	Size        *int64
	ContentType string
	Ref         string
	Metadata    json.RawMessage
	Payment     *Payment
}

// Forget removes messages. // spec messages 3.7
type Forget struct {
	Base
	Hashes     []Hash
	Aggregates []Hash
	Reason     string
}

// Payment says how an owner pays for a resource. // spec messages 3.8
type Payment struct {
	Type     PaymentType
	Chain    Chain
	Receiver string
}

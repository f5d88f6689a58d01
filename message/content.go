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
	// Ref names the post that an amend changes, and is free otherwise.
	Ref string
	// HasRef tells an empty ref from an absent or null one.
	HasRef bool
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
	ItemType ItemType
	ItemHash Hash
	// Size and ContentType are what the sender says; nothing depends on them.
	// A size that int64 cannot hold is the nearest one that it can.
	Size        *int64
	ContentType string
	// Ref chooses the tag that names the latest version. // spec messages 6.3
	Ref string
	// HasRef tells an empty ref, which makes the tag "<owner>/", from an absent
	// or null one, which makes it the message's own hash.
	HasRef bool
	// Metadata is a JSON object; nil when absent or null.
	Metadata json.RawMessage
	// Payment is nil when absent, which means [PaymentHold].
	Payment *Payment
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
	Chain    Chain  // empty when absent
	Receiver string // whom a stream pays; empty when absent
}

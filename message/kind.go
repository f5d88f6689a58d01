package message

// Type says what a message does to the state of the network.
type Type string

// The legal values of an envelope's type. // spec messages 1.1
const (
	TypePost      Type = "POST"
	TypeAggregate Type = "AGGREGATE"
	TypeStore     Type = "STORE"
	TypeProgram   Type = "PROGRAM"
	TypeInstance  Type = "INSTANCE"
	TypeForget    Type = "FORGET"
	TypeVProgram  Type = "V-PROGRAM"
)

// Types lists every legal message type in the order of the specification.
func Types() []Type {
	return []Type{TypePost, TypeAggregate, TypeStore, TypeProgram, TypeInstance, TypeForget, TypeVProgram}
}

// Valid reports whether t is one of [Types]; the comparison is case-sensitive.
func (t Type) Valid() bool {
	switch t {
	case TypePost, TypeAggregate, TypeStore, TypeProgram, TypeInstance, TypeForget, TypeVProgram:
		return true
	}
	return false
}

// ItemType says where the bytes of a content live. // spec messages 1.2
type ItemType string

// The legal item types, lower case only.
const (
	ItemInline  ItemType = "inline"
	ItemStorage ItemType = "storage"
	ItemIPFS    ItemType = "ipfs"
)

// Valid reports whether k is a legal item type.
func (k ItemType) Valid() bool {
	return k == ItemInline || k == ItemStorage || k == ItemIPFS
}

// Status is where a message stands in a node. // spec messages 4.1
type Status string

// The statuses of a message.
const (
	StatusPending   Status = "pending"
	StatusProcessed Status = "processed"
	StatusRejected  Status = "rejected"
	StatusForgotten Status = "forgotten"
	StatusRemoving  Status = "removing"
	StatusRemoved   Status = "removed"
)

// Statuses lists every status.
func Statuses() []Status {
	return []Status{StatusPending, StatusProcessed, StatusRejected, StatusForgotten, StatusRemoving, StatusRemoved}
}

// Valid reports whether s is one of [Statuses].
func (s Status) Valid() bool {
	switch s {
	case StatusPending, StatusProcessed, StatusRejected, StatusForgotten, StatusRemoving, StatusRemoved:
		return true
	}
	return false
}

// PaymentType says how the owner of a resource pays for it.
type PaymentType string

// The payment types. // spec messages 3.8
const (
	PaymentHold       PaymentType = "hold"
	PaymentSuperfluid PaymentType = "superfluid"
	PaymentCredit     PaymentType = "credit"
)

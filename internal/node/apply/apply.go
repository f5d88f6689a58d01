// Package apply says what each message type does to the state of the node, and
// who may do it. There is one file per type.
//
// [Rules] hold what never changes. [Rules.Within] starts a [Session] for one
// transaction; [Session.Plan] decides by reading alone whether a message may be
// processed and returns the [Effect] that will process it. A plan that is
// refused has written nothing, so a transaction can go on with the next
// message. The error of a plan is a [*message.Rejection], perhaps inside a
// [*Missing], or an unexpected failure of the store.
//
// The package knows no SQL, no queue and no clock. A Session belongs to the
// goroutine that runs the transaction. It implements chapters 4.3 (steps 3 to
// 9), 4.7, 5 and 6 of docs/spec/messages.md.
package apply

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"aleph/internal/node/store"
	"aleph/message"
)

// Rules is what the effects of messages depend on besides the state. It is
// safe for concurrent use.
type Rules struct {
	// FileSize returns the size of a file of the local store and whether the
	// store has it.
	FileSize func(message.Hash) (int64, bool)
	// IsDirectory reports whether the local store has a directory of that hash.
	// Nil knows no directories.
	IsDirectory func(message.Hash) bool
	// KnownRuntime reports whether a hash is configured to stand for a runtime,
	// which then needs no STORE message. Nil knows none.
	KnownRuntime func(message.Hash) bool
	// NoAggregates are owners whose elements are stored but never merged. // spec messages 6.1
	NoAggregates []message.Address
	// GracePeriod is how long a file is kept that nothing pins any more.
	GracePeriod time.Duration
	// Network says who sets prices and reports balances, and since when what
	// must be paid for. Without an owner of settings nothing costs anything.
	Network message.Network

	tariff atomic.Pointer[tariff] // the last one parsed
}

// Effect writes what a message does. It is called at most once, in the
// transaction in which it was planned, before any other message is planned.
type Effect func() error

// Session plans and applies messages inside one transaction. It remembers what
// it read where that pays.
type Session struct {
	rules *Rules
	read  store.Reader
	tx    *store.Tx
	ctx   context.Context //nolint:containedctx // lives as long as one transaction
	now   message.Timestamp
	auth  map[message.Address][]authorization
	// published is what the network says about costs; nil until it is asked.
	published *tariff
	// forgotten are the messages that went, until somebody takes note.
	forgotten []message.Hash
}

// Within returns a session for tx. All of it happens at the instant now.
func (r *Rules) Within(ctx context.Context, tx *store.Tx, now message.Timestamp) *Session {
	return &Session{rules: r, read: tx.Reader, tx: tx, ctx: ctx, now: now}
}

// Received is a message at the point where its effects are decided.
type Received struct {
	*message.Message                   // with Content
	Time             message.Timestamp // when the node got it first
	Size             int64             // spec messages 1.5
}

// Missing is a rejection that the arrival of a file or a message would cure.
type Missing struct {
	*message.Rejection
	What message.Hash
}

// Unwrap returns the rejection.
func (m *Missing) Unwrap() error { return m.Rejection }

func missing(what message.Hash, code message.Code, element any) error {
	rej := &message.Rejection{Code: code}
	if element != nil {
		rej.Errors = []any{element}
	}
	return &Missing{Rejection: rej, What: what}
}

// Plan decides whether a message is processed. The steps are numbered as in
// spec messages 4.3.
func (s *Session) Plan(m Received) (Effect, error) {
	var effect Effect
	var err error
	// Steps 3 to 5: permissions, then files, then dependencies.
	switch c := m.Content.(type) {
	case *message.Post:
		effect, err = s.planPost(m, c)
	case *message.Aggregate:
		effect, err = s.planAggregate(m, c)
	case *message.Store:
		effect, err = s.planStore(m, c)
	case *message.Forget:
		effect, err = s.planForget(m, c)
	case *message.Program:
		effect, err = s.planProgram(m, c)
	case *message.Instance:
		effect, err = s.planInstance(m, c)
	case *message.VProgram:
		effect, err = s.planVProgram(m, c)
	default:
		return nil, fmt.Errorf("message %s has no content", m.ItemHash)
	}
	if err != nil {
		return nil, err
	}
	return func() error {
		// Steps 7 and 9.
		if err := s.insert(m); err != nil {
			return err
		}
		return effect()
	}, nil
}

// insert records a message as processed. // spec messages 4.3 step 7
func (s *Session) insert(m Received) error {
	row := rowOf(m)
	if err := s.tx.InsertMessage(row); err != nil {
		return err
	}
	if m.ItemType == message.ItemInline {
		return nil
	}
	// The body of a message is a file, and the message keeps it. // spec messages 4.3 step 7
	err := s.tx.SetFile(store.FileRow{Hash: m.ItemHash, Size: m.Size, Type: store.FileRegular})
	if err != nil {
		return err
	}
	return s.tx.InsertPin(store.PinRow{
		FileHash: m.ItemHash, Type: store.PinContent, Created: m.Content.CreatedAt(), Owner: m.Sender, ItemHash: m.ItemHash,
	})
}

// rowOf returns the record of a message with its derived columns.
func rowOf(m Received) *store.MessageRow {
	d := message.DerivedOf(m.Message)
	row := &store.MessageRow{
		Message: *m.Message, Size: m.Size, Status: message.StatusProcessed, ReceptionTime: m.Time,
		Owner: d.Owner, ContentType: d.ContentType, ContentRef: d.ContentRef, ContentItemHash: d.ContentItemHash,
		PaymentType: d.PaymentType, Tags: unique(d.Tags),
	}
	if m.Type == message.TypeAggregate || d.ContentKey != "" {
		row.ContentKey = &d.ContentKey
	}
	if m.ItemType != message.ItemInline {
		row.Body = string(m.Content.Raw())
	}
	return row
}

// unique returns the list without repetitions, in order. A message names as
// many tags or targets as fit into it, so the time must not grow faster.
func unique[T comparable](list []T) []T {
	seen := make(map[T]bool, len(list))
	var out []T
	for _, v := range list {
		if !seen[v] {
			seen[v] = true
			out = append(out, v)
		}
	}
	return out
}

// found turns "not found" into false.
func found(err error) (bool, error) {
	if errors.Is(err, message.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

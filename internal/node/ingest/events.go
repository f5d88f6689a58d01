package ingest

import (
	"sync"

	"aleph/internal/node/store"
	"aleph/message"
)

// EventKind says what happened to a message. // spec messages 4.1
type EventKind string

// The kinds of event.
const (
	EventProcessed EventKind = "processed"
	EventConfirmed EventKind = "confirmed"
	EventRetry     EventKind = "retry"
	EventRejected  EventKind = "rejected"
)

// Event tells where a message stands after a commit. A message that a
// transaction brought is processed without one, so that a node that catches up
// with a chain does not flood who listens; that it is confirmed is told.
type Event struct {
	Kind   EventKind
	Hash   message.Hash
	Status message.Status
	// Message has its content; set when Kind is processed or confirmed. It is
	// shared: do not modify.
	Message *message.Message
	// Confirmations are the transactions that confirm Message.
	Confirmations []store.Confirmation
	// Rejection is set when Kind is rejected.
	Rejection *message.Rejection
}

// Subscribe returns the events from now on, in the order of the commits. A
// subscriber that lags by more than buffer events is dropped: its channel is
// closed. It is also closed by cancel, which may be called twice, and when the
// queue has stopped.
func (q *Queue) Subscribe(buffer int) (events <-chan Event, cancel func()) {
	return q.events.Subscribe(buffer)
}

// Broadcast copies events to subscribers. The zero value is ready; it is safe
// for concurrent use.
type Broadcast struct {
	mu     sync.Mutex
	subs   map[chan Event]bool
	closed bool
	lost   int64 // subscribers dropped because they lagged
}

// Subscribe returns the events from now on. A subscriber that lags by more than
// buffer events is dropped: its channel is closed. It is also closed by cancel,
// which may be called twice, and by [Broadcast.Close].
func (b *Broadcast) Subscribe(buffer int) (events <-chan Event, cancel func()) {
	ch := make(chan Event, buffer)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		close(ch)
		return ch, func() {}
	}
	if b.subs == nil {
		b.subs = map[chan Event]bool{}
	}
	b.subs[ch] = true
	return ch, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.dropLocked(ch)
	}
}

func (b *Broadcast) dropLocked(ch chan Event) {
	if b.subs[ch] {
		delete(b.subs, ch)
		close(ch)
	}
}

// Send hands an event to every subscriber and waits for none.
func (b *Broadcast) Send(e Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for ch := range b.subs {
		select {
		case ch <- e:
		default:
			b.lost++
			b.dropLocked(ch)
		}
	}
}

// Subscribers returns how many there are.
func (b *Broadcast) Subscribers() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.subs)
}

// Drop ends the subscriptions that there are: their owners must begin anew.
func (b *Broadcast) Drop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for ch := range b.subs {
		b.dropLocked(ch)
	}
}

// Close ends every subscription, now and later.
func (b *Broadcast) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	for ch := range b.subs {
		b.dropLocked(ch)
	}
}

// dropped returns how many subscribers lagged too much.
func (b *Broadcast) dropped() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.lost
}

package api

import (
	"context"
	"encoding/json"
	"sync"
	"sync/atomic"

	"github.com/coder/websocket"

	"aleph/internal/node/ingest"
	"aleph/internal/node/store"
	"aleph/message"
)

// eventBuffer is how many events may wait for all WebSockets together.
const eventBuffer = 4096

// sockets are the open WebSockets. While there is one, one goroutine takes the
// events of the queue, compares each with every filter, writes its text once
// for each form and puts it where it matches.
type sockets struct {
	most    int
	sent    atomic.Int64
	refused atomic.Int64
	running sync.WaitGroup

	mu     sync.Mutex
	open   map[*socket]struct{}
	closed bool
	// events are those that the running goroutine takes, nil while there is
	// none, and stop ends them.
	events <-chan ingest.Event
	stop   func()
}

func newSockets(most int) *sockets { return &sockets{most: most, open: make(map[*socket]struct{})} }

// counts returns the open sockets, the live messages sent and the sockets
// refused.
func (s *sockets) counts() (open int, sent, refused int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open), s.sent.Load(), s.refused.Load()
}

// add opens a socket to live messages, or says why not.
func (s *sockets) add(ctx context.Context, c *socket) (websocket.StatusCode, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return websocket.StatusGoingAway, "the node is stopping"
	case len(s.open) >= s.most:
		s.refused.Add(1)
		return websocket.StatusTryAgainLater, "Too many connections"
	}
	s.open[c] = struct{}{}
	s.running.Add(1)
	if s.events == nil {
		s.events, s.stop = c.api.subscribe(ctx, eventBuffer)
		events := s.events
		s.running.Go(func() { s.forward(events) })
	}
	return 0, ""
}

// remove takes a socket out; the last one ends the goroutine.
func (s *sockets) remove(c *socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, c)
	if len(s.open) == 0 && s.events != nil {
		s.stop()
		s.events = nil
	}
	s.running.Done()
}

// forward hands events out until they end: messages that are newly processed,
// and neither confirmations nor failures. // spec ccn-http-api 11.1
func (s *sockets) forward(events <-chan ingest.Event) {
	for event := range events {
		if event.Kind == ingest.EventProcessed {
			s.deliver(&live{message: event.Message, derived: message.DerivedOf(event.Message), confirmations: event.Confirmations})
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.events != events {
		return // the last socket left
	}
	// The queue ended, or dropped this subscriber because it did not keep up:
	// who is still here would miss messages without knowing.
	s.events = nil
	for c := range s.open {
		s.endLocked(c, websocket.StatusTryAgainLater, "the node did not keep up")
	}
}

// deliver puts a message where it matches. A socket whose queue is full is ended.
func (s *sockets) deliver(l *live) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.open {
		if !l.matches(&c.filter) {
			continue
		}
		select {
		case c.frames <- l.frame(c.filter.format):
		default:
			if s.endLocked(c, websocket.StatusTryAgainLater, "too slow") {
				c.api.metrics.dropped.Inc()
			}
		}
	}
}

// endLocked tells a socket to close, and reports whether it was open until now.
func (s *sockets) endLocked(c *socket, code websocket.StatusCode, reason string) bool {
	select {
	case <-c.gone:
		return false
	default:
	}
	c.code, c.reason = code, reason
	close(c.gone)
	return true
}

// close ends all sockets and refuses new ones.
func (s *sockets) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for c := range s.open {
		s.endLocked(c, websocket.StatusGoingAway, "the node is stopping")
	}
}

// wait waits until all sockets are closed, or ctx ends.
func (s *sockets) wait(ctx context.Context) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.running.Wait()
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// live is a message that was just processed, and its texts as far as somebody
// needed them. It belongs to one goroutine.
type live struct {
	message *message.Message
	derived message.Derived
	// confirmations came before the message could be processed.
	confirmations []store.Confirmation
	frames        map[contentFormat]*frame
}

// frame returns the message in shape S, with as much content as is wanted.
// // spec ccn-http-api 11.1
func (l *live) frame(format contentFormat) *frame {
	if f, ok := l.frames[format]; ok {
		return f
	}
	f := &frame{hash: l.message.ItemHash, text: compactJSON.value(nil, l.shape(format))}
	if l.frames == nil {
		l.frames = make(map[contentFormat]*frame, 1)
	}
	l.frames[format] = f
	return f
}

func (l *live) shape(format contentFormat) object {
	var content json.RawMessage
	if l.message.Content != nil {
		content = l.message.Content.Raw()
		if form, err := message.Normalized(l.message.Content); err == nil {
			content = form
		}
	}
	o := singleShape(l.message, content, l.confirmations)
	for i, m := range o {
		if m.name != "content" {
			continue
		}
		switch format {
		case contentNone:
			return append(o[:i], o[i+1:]...)
		case contentHeaders:
			o[i].value = headersOf(l.message.Type, l.derived)
		case contentFull:
		}
		break
	}
	return o
}

package client

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/coder/websocket"

	"aleph/message"
)

// stream reads one WebSocket into a bounded channel and keeps it alive. When
// the reader of the channel is slower than the node, the connection breaks in
// the end; the next one fetches what was missed.
type stream struct {
	frames chan *Received
	// err says why frames was closed; read it only after that.
	err     error
	running sync.WaitGroup
}

// startStream takes over conn. Cancel ctx and then call wait.
func startStream(ctx context.Context, conn *websocket.Conn, target string) *stream {
	s := &stream{frames: make(chan *Received, watchBuffer)}
	ctx, cancel := context.WithCancel(ctx)
	s.running.Go(func() {
		defer cancel()
		defer close(s.frames)
		defer conn.CloseNow()
		s.err = s.read(ctx, conn, target)
	})
	s.running.Go(func() { keepAlive(ctx, cancel, conn) })
	return s
}

// wait returns when both goroutines have ended.
func (s *stream) wait() { s.running.Wait() }

func (s *stream) read(ctx context.Context, conn *websocket.Conn, target string) error {
	for {
		_, frame, err := conn.Read(ctx)
		if err != nil {
			return unreachable(ctx, target, err)
		}
		received, err := decodeReceived(json.RawMessage(frame))
		if err != nil {
			return fmt.Errorf("%w: %w", message.ErrUnavailable, decodeError(target, err))
		}
		select {
		case s.frames <- received:
		case <-ctx.Done():
			return unreachable(ctx, target, ctx.Err())
		}
	}
}

// keepAlive ends the connection when the node does not answer a ping.
func keepAlive(ctx context.Context, cancel context.CancelFunc, conn *websocket.Conn) {
	tick := time.NewTicker(pingInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		ping, done := context.WithTimeout(ctx, pongDeadline)
		err := conn.Ping(ping)
		done()
		if err != nil {
			cancel()
			return
		}
	}
}

// seenSet remembers the last hashes, a bounded number of them.
type seenSet struct {
	known map[message.Hash]struct{}
	ring  []message.Hash
	next  int
}

func newSeenSet(capacity int) *seenSet {
	return &seenSet{known: make(map[message.Hash]struct{}), ring: make([]message.Hash, capacity)}
}

// add reports whether h was not in the set.
func (s *seenSet) add(h message.Hash) bool {
	if _, ok := s.known[h]; ok {
		return false
	}
	delete(s.known, s.ring[s.next])
	s.ring[s.next] = h
	s.known[h] = struct{}{}
	s.next = (s.next + 1) % len(s.ring)
	return true
}

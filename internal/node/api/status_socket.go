package api

import (
	"bytes"
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// statusSockets counts the open status WebSockets. It is safe for concurrent use.
type statusSockets struct {
	most    int
	running sync.WaitGroup
	// gone is closed when the node stops.
	gone chan struct{}

	mu      sync.Mutex
	open    int
	refused int64
	closed  bool
}

func newStatusSockets(most int) *statusSockets {
	return &statusSockets{most: most, gone: make(chan struct{})}
}

// counts returns the open sockets and those refused.
func (s *statusSockets) counts() (open int, refused int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open, s.refused
}

// add counts a socket, or says why it must not stay.
func (s *statusSockets) add() (websocket.StatusCode, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return websocket.StatusGoingAway, "the node is stopping"
	case s.open >= s.most:
		s.refused++
		return websocket.StatusTryAgainLater, "Too many connections"
	}
	s.open++
	s.running.Add(1)
	return 0, ""
}

func (s *statusSockets) remove() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
	s.running.Done()
}

// close ends all sockets and refuses new ones.
func (s *statusSockets) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		close(s.gone)
	}
}

// wait waits until all sockets are closed, or ctx ends.
func (s *statusSockets) wait(ctx context.Context) {
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

// socketStatus answers GET /api/ws0/status: the figures of metrics.json at once,
// and again when they have changed. // spec ccn-http-api 11.2
func (a *API) socketStatus(w http.ResponseWriter, r *http.Request) error {
	closed, err := a.throttle.openSocket(r.Context())
	if err != nil {
		return err
	}
	defer closed()
	conn, err := a.upgrade(w, r)
	if conn == nil {
		return err
	}
	defer conn.CloseNow()
	if code, reason := a.status.add(); code != 0 {
		a.metrics.refused.Inc()
		_ = conn.Close(code, reason)
		return nil
	}
	defer a.status.remove()
	// What the client sends is refused, except that it leaves: that ends ctx.
	ctx := conn.CloseRead(r.Context())
	look := time.NewTicker(a.cfg.StatusInterval)
	defer look.Stop()
	var shown []byte
	for {
		figures, err := a.networkFigures(ctx, false)
		if err != nil {
			if ctx.Err() == nil {
				a.log.ErrorContext(ctx, "figures of a WebSocket", "error", err)
				_ = conn.Close(websocket.StatusInternalError, "figures are not available")
			}
			return nil
		}
		if text := spacedJSON.value(nil, figures); !bytes.Equal(text, shown) {
			if err := a.writeStatus(ctx, conn, text); err != nil {
				return nil // the client left
			}
			shown = text
		}
		select {
		case <-ctx.Done():
			return nil
		case <-a.status.gone:
			_ = conn.Close(websocket.StatusGoingAway, "the node is stopping")
			return nil
		case <-look.C:
		}
	}
}

func (a *API) writeStatus(ctx context.Context, conn *websocket.Conn, text []byte) error {
	ctx, cancel := context.WithTimeout(ctx, a.cfg.WriteTimeout)
	defer cancel()
	return conn.Write(ctx, websocket.MessageText, text)
}

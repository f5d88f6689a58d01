package api

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/coder/websocket"

	"aleph/message"
)

// mostHistory is the first number of past messages that is too many. // spec ccn-http-api 11.1
const mostHistory = 200

// socketMessages answers GET /api/ws0/messages: past messages that match, then
// each message that matches as it is processed. // spec ccn-http-api 11.1
func (a *API) socketMessages(w http.ResponseWriter, r *http.Request) error {
	q := newQuery(r)
	f := q.messageFilter()
	history := q.int(10, 0, "history")
	if history >= mostHistory {
		q.add(issue{
			kind: "less_than", loc: []any{"history"}, text: "Input should be less than 200",
			input: q.text("history"), bounds: object{{"lt", mostHistory}},
		})
	}
	if err := q.err(); err != nil {
		return err
	}
	closed, err := a.throttle.openSocket(r.Context())
	if err != nil {
		return err
	}
	defer closed()
	conn, err := a.upgrade(w, r)
	if conn == nil {
		return err
	}
	s := &socket{api: a, conn: conn, filter: f, frames: make(chan *frame, a.cfg.SocketQueue), gone: make(chan struct{})}
	s.run(r.Context(), history)
	return nil
}

// upgrade makes a WebSocket of a request. Without one, what was wrong is the
// error, or has been answered.
func (a *API) upgrade(w http.ResponseWriter, r *http.Request) (*websocket.Conn, error) {
	if !headerHas(r.Header, "Upgrade", "websocket") || !headerHas(r.Header, "Connection", "upgrade") {
		upgrade := r.Header.Get("Upgrade")
		if upgrade == "" {
			upgrade = "None"
		}
		return nil, failText(http.StatusBadRequest, "No WebSocket UPGRADE hdr: %s\n Can \"Upgrade\" only to \"WebSocket\".", upgrade)
	}
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		a.log.DebugContext(r.Context(), "a WebSocket was not opened", "error", err)
		return nil, nil //nolint:nilnil // Accept has answered
	}
	return conn, nil
}

// headerHas reports whether a comma-separated header has a word in any case.
func headerHas(header http.Header, name, word string) bool {
	for _, value := range header.Values(name) {
		for one := range strings.SplitSeq(value, ",") {
			if strings.EqualFold(strings.TrimSpace(one), word) {
				return true
			}
		}
	}
	return false
}

// socket is one open connection. Its fields belong to the goroutine that
// serves the request; frames and gone are shared with [sockets].
type socket struct {
	api    *API
	conn   *websocket.Conn
	filter messageFilter
	// frames are live messages that wait to be sent.
	frames chan *frame
	// gone is closed, with a code and a reason, when the connection must end.
	gone   chan struct{}
	code   websocket.StatusCode
	reason string
}

// frame is a live message ready to be sent.
type frame struct {
	hash message.Hash
	text []byte
}

// run serves the connection until it ends.
func (s *socket) run(ctx context.Context, history int64) {
	defer s.conn.CloseNow()
	// Live messages are collected before history is read, so that none is lost
	// between the two.
	if code, reason := s.api.sockets.add(ctx, s); code != 0 {
		s.api.metrics.refused.Inc()
		_ = s.conn.Close(code, reason)
		return
	}
	s.api.metrics.sockets.Inc()
	defer func() {
		s.api.sockets.remove(s)
		s.api.metrics.sockets.Dec()
	}()
	// The reader goes on until the closing handshake is done: to end its
	// context is to cut the connection.
	ctx, cancel := context.WithCancel(ctx)
	read := make(chan struct{})
	go func() {
		defer close(read)
		s.discardInput(ctx)
	}()
	if code, reason := s.serve(ctx, history, read); code != cutOff {
		_ = s.conn.Close(code, reason)
	}
	cancel()
	<-read
}

// cutOff is the code of a peer that does not react: it is told nothing more.
const cutOff websocket.StatusCode = -1

// serve sends history and then live messages, and returns how to close.
func (s *socket) serve(ctx context.Context, history int64, read <-chan struct{}) (websocket.StatusCode, string) {
	seen, err := s.sendHistory(ctx, history)
	if err != nil {
		return websocket.StatusInternalError, "history is not available"
	}
	return s.sendLive(ctx, seen, read)
}

// discardInput reads and ignores what the client sends, which also answers its
// pings and notices that it leaves.
func (s *socket) discardInput(ctx context.Context) {
	for {
		_, reader, err := s.conn.Reader(ctx)
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, reader); err != nil {
			return
		}
	}
}

// sendHistory sends the newest messages that match, the oldest of them first,
// and returns their hashes.
func (s *socket) sendHistory(ctx context.Context, history int64) (map[message.Hash]bool, error) {
	seen := make(map[message.Hash]bool, history)
	if history == 0 {
		return seen, nil
	}
	list := s.filter.list()
	list.Limit = history
	rows, err := s.api.confirmedMessages(ctx, list)
	if err != nil {
		s.api.log.ErrorContext(ctx, "history of a WebSocket", "error", err)
		return nil, err
	}
	for _, row := range slices.Backward(rows) {
		seen[row.Message.ItemHash] = true
		if err := s.write(ctx, compactJSON.value(nil, listShape(row, s.filter.format))); err != nil {
			return seen, nil // the client left, which sendLive notices
		}
	}
	return seen, nil
}

// sendLive sends messages as they are processed until the connection ends.
func (s *socket) sendLive(ctx context.Context, seen map[message.Hash]bool, read <-chan struct{}) (websocket.StatusCode, string) {
	heartbeat := time.NewTicker(s.api.cfg.Heartbeat)
	defer heartbeat.Stop()
	for {
		select {
		case <-read:
			return websocket.StatusNormalClosure, ""
		case <-s.gone:
			return s.code, s.reason
		case <-heartbeat.C:
			if err := s.ping(ctx); err != nil {
				return cutOff, ""
			}
		case f := <-s.frames:
			if seen[f.hash] {
				continue
			}
			if err := s.write(ctx, f.text); err != nil {
				return cutOff, ""
			}
			s.api.metrics.sent.Inc()
			s.api.sockets.sent.Add(1)
		}
	}
}

func (s *socket) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.api.cfg.Heartbeat/2)
	defer cancel()
	return s.conn.Ping(ctx)
}

func (s *socket) write(ctx context.Context, text []byte) error {
	ctx, cancel := context.WithTimeout(ctx, s.api.cfg.WriteTimeout)
	defer cancel()
	return s.conn.Write(ctx, websocket.MessageText, text)
}

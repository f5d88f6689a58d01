package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"

	"aleph/internal/compute/vm"
	"aleph/message"
)

// logLine is one line in the spelling of the system's journal. // spec crn 1.8
type logLine struct {
	Identifier string `json:"SYSLOG_IDENTIFIER"`
	Message    string `json:"MESSAGE"`
	File       string `json:"file"`
	Time       string `json:"__REALTIME_TIMESTAMP"`
}

// logs sends what is kept of a function's log. // spec crn 1.8
func (s *Server) logs(w http.ResponseWriter, _ *http.Request, hash message.Hash) error {
	entries, ok := s.host.Log(hash)
	if !ok {
		return failf(http.StatusNotFound, "No execution found for this VM")
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	out := bufio.NewWriterSize(w, 32<<10)
	_, _ = out.WriteString("[")
	for i, e := range entries {
		b, err := json.Marshal(logLine{
			Identifier: "vm-" + string(hash) + "-" + e.Stream, Message: e.Text, File: e.Stream,
			Time: time.UnixMicro(e.Time).UTC().Format(stampLayout),
		})
		if err != nil {
			return err
		}
		if i > 0 {
			_, _ = out.WriteString(",\n")
		}
		_, _ = out.Write(b)
	}
	_, _ = out.WriteString("]")
	_ = out.Flush() // a broken connection has nobody to tell
	return nil
}

// Bounds of the followers of logs. // spec crn 1.8
const (
	maxFollowers   = 20
	authTimeout    = 30 * time.Second
	followerWrite  = 15 * time.Second
	maxAuthMessage = 64 << 10
	pingInterval   = 30 * time.Second
)

// followers counts who follows logs; the oldest makes room for a new one.
type followers struct {
	mu   sync.Mutex // guards list
	list []*follower
}

type follower struct{ cancel context.CancelFunc }

func newFollowers() *followers { return &followers{} }

// add makes room and returns what removes the follower.
func (f *followers) add(cancel context.CancelFunc) (remove func()) {
	one := &follower{cancel}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.list) >= maxFollowers {
		f.list[0].cancel()
		f.list = f.list[1:]
	}
	f.list = append(f.list, one)
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		for i, other := range f.list {
			if other == one {
				f.list = append(f.list[:i], f.list[i+1:]...)
				return
			}
		}
	}
}

// frame is one message of the log stream. // spec crn 1.8
type frame struct {
	Status  string `json:"status,omitempty"`
	Reason  string `json:"reason,omitempty"`
	Type    string `json:"type,omitempty"`
	Message string `json:"message,omitempty"`
}

// streamLogs follows a log over a WebSocket. // spec crn 1.8
func (s *Server) streamLogs(w http.ResponseWriter, r *http.Request) error {
	ref := r.PathValue("ref")
	hash, ok := parseRef(ref)
	if !ok {
		return failf(http.StatusBadRequest, "Invalid ref: '%s'", ref)
	}
	owner, err := s.host.Owner(r.Context(), hash)
	if errors.Is(err, message.ErrNotFound) || errors.Is(err, ErrNotProgram) {
		return failf(http.StatusNotFound, "No virtual machine with ref %s", ref)
	}
	if err != nil {
		return err
	}
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true}) // any origin: the first frame authenticates
	if err != nil {
		return nil // Accept has answered
	}
	defer func() { _ = conn.CloseNow() }()
	conn.SetReadLimit(maxAuthMessage)
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	if err := s.authorizeStream(ctx, conn, owner); err != nil {
		_ = send(ctx, conn, frame{Status: "failed", Reason: err.Error()})
		_ = conn.Close(websocket.StatusPolicyViolation, "")
		return nil
	}
	defer s.followers.add(cancel)()
	if send(ctx, conn, frame{Status: "connected"}) == nil {
		s.follow(ctx, conn, hash)
	}
	_ = conn.Close(websocket.StatusNormalClosure, "")
	return nil
}

// authorizeStream reads the first frame. // spec crn 1.4.1
func (s *Server) authorizeStream(ctx context.Context, conn *websocket.Conn, owner message.Address) error {
	readCtx, cancel := context.WithTimeout(ctx, authTimeout)
	defer cancel()
	_, raw, err := conn.Read(readCtx)
	if err != nil {
		return errors.New("missing 'auth' key in message")
	}
	var first struct {
		Auth *struct {
			PubKey    *signed `json:"X-SignedPubKey"`
			Operation *signed `json:"X-SignedOperation"`
		} `json:"auth"`
	}
	if json.Unmarshal(raw, &first) != nil || first.Auth == nil {
		return errors.New("missing 'auth' key in message")
	}
	if first.Auth.PubKey == nil {
		return errors.New("Missing X-SignedPubKey header") //nolint:staticcheck // the protocol's text
	}
	key, err := s.verifyPubKey(first.Auth.PubKey)
	if err != nil {
		return err
	}
	if first.Auth.Operation == nil {
		return errors.New("Missing X-SignedOperation header") //nolint:staticcheck // the protocol's text
	}
	if err := s.verifyOperation(key, first.Auth.Operation, nil); err != nil {
		return err
	}
	if !s.host.MayOperate(ctx, owner, key.address) {
		return errors.New("unauthorized sender")
	}
	return nil
}

// follow sends the past and, while the function has a machine, what comes.
func (s *Server) follow(ctx context.Context, conn *websocket.Conn, hash message.Hash) {
	past, next, cancel, _ := s.host.FollowLog(hash)
	defer cancel()
	for _, e := range past {
		if sendEntry(ctx, conn, e) != nil {
			return
		}
	}
	if next == nil {
		_ = send(ctx, conn, frame{Type: "system", Message: "VM is not running, past logs sent"})
		return
	}
	ctx = conn.CloseRead(ctx) // ends when the client leaves
	ping := time.NewTicker(pingInterval)
	defer ping.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ping.C:
			if err := pingOnce(ctx, conn); err != nil {
				return
			}
		case e, ok := <-next:
			if !ok || sendEntry(ctx, conn, e) != nil {
				return
			}
		}
	}
}

func pingOnce(ctx context.Context, conn *websocket.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, followerWrite)
	defer cancel()
	return conn.Ping(ctx)
}

func sendEntry(ctx context.Context, conn *websocket.Conn, e vm.Entry) error {
	b, err := json.Marshal(struct { // an empty line has a message too
		Type    string `json:"type"`
		Message string `json:"message"`
	}{e.Stream, e.Text})
	if err != nil {
		return err
	}
	return write(ctx, conn, b)
}

func send(ctx context.Context, conn *websocket.Conn, f frame) error {
	b, err := json.Marshal(f)
	if err != nil {
		return err
	}
	return write(ctx, conn, b)
}

func write(ctx context.Context, conn *websocket.Conn, b []byte) error {
	ctx, cancel := context.WithTimeout(ctx, followerWrite)
	defer cancel()
	return conn.Write(ctx, websocket.MessageText, b)
}

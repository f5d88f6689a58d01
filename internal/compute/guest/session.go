package guest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/vmihailenco/msgpack/v5"
)

// Bounds of the control messages. // spec crn 3.4
const (
	maxReady       = 4 << 10
	maxSetupReply  = 1_000_000
	controlTimeout = 60 * time.Second
	haltTimeout    = 5 * time.Second
)

// ReadySignal waits for a guest to come up.
type ReadySignal struct{ listener net.Listener }

// ListenReady prepares for the ready signal. Call it before the guest starts.
func ListenReady(t Transport) (*ReadySignal, error) {
	l, err := t.Listen(ControlPort)
	if err != nil {
		return nil, err
	}
	return &ReadySignal{l}, nil
}

// Wait returns the version that the guest announces. It ends when ctx does,
// and uses the signal up.
func (s *ReadySignal) Wait(ctx context.Context) (version string, err error) {
	defer func() { _ = s.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = s.listener.Close() })
	defer stop()
	conn, err := s.listener.Accept()
	if err != nil {
		return "", fmt.Errorf("wait for the guest's ready signal: %w", cause(ctx, err))
	}
	defer conn.Close()
	_ = conn.SetReadDeadline(time.Now().Add(controlTimeout))
	defer interrupt(ctx, conn)()
	raw, err := io.ReadAll(io.LimitReader(conn, maxReady+1))
	if err != nil {
		return "", fmt.Errorf("read the guest's ready signal: %w", cause(ctx, err))
	}
	if len(raw) == 0 {
		return Version1, nil
	}
	if len(raw) > maxReady {
		return "", fmt.Errorf("read the guest's ready signal: %w: more than %d bytes", ErrTooLarge, maxReady)
	}
	var ready struct {
		Version string `msgpack:"version"`
	}
	if err := decodeValue(raw, &ready); err != nil {
		return "", fmt.Errorf("read the guest's ready signal: %w", err)
	}
	if ready.Version == "" || len(ready.Version) > 64 {
		return "", fmt.Errorf("read the guest's ready signal: %w: no version", ErrMalformed)
	}
	return ready.Version, nil
}

// Close gives the wait up.
func (s *ReadySignal) Close() error { return s.listener.Close() }

// Ready is [ListenReady] and [ReadySignal.Wait], for a guest that starts later.
func Ready(ctx context.Context, t Transport) (version string, err error) {
	s, err := ListenReady(t)
	if err != nil {
		return "", err
	}
	return s.Wait(ctx)
}

// Session is the host's side of the conversation with one guest. It keeps no
// connection between calls, so that a restarted host makes a new one with the
// version that it saved. It is safe for concurrent use.
type Session struct {
	transport Transport
	version   string
}

// NewSession talks to a guest that announced version in its ready signal. The
// caller keeps the transport and closes it after the session's last call.
func NewSession(t Transport, version string) *Session {
	return &Session{transport: t, version: version}
}

// Version is what the guest announced.
func (s *Session) Version() string { return s.version }

// Streams reports whether bodies stream; otherwise each is bounded by
// [MaxMessage] and arrives as a whole.
func (s *Session) Streams() bool { return s.version == Version3 }

// Configure tells the guest what to run and waits until the program is ready.
// The error is a [SetupError] when the guest refuses. Without a deadline of
// ctx it waits a minute.
func (s *Session) Configure(ctx context.Context, c *Config) error {
	ctx, cancel := context.WithTimeout(ctx, orDeadline(ctx, controlTimeout))
	defer cancel()
	payload, err := c.encode(s.version)
	if err != nil {
		return fmt.Errorf("encode the configuration of %s: %w", c.VMHash, err)
	}
	message := append(strconv.AppendInt(nil, int64(len(payload)), 10), '\n')
	conn, stop, err := s.open(ctx, append(message, payload...))
	if err != nil {
		return fmt.Errorf("configure the guest of %s: %w", c.VMHash, err)
	}
	defer stop()
	raw, err := readValue(bufio.NewReader(conn), maxSetupReply)
	if errors.Is(err, io.EOF) {
		err = ErrNoReply
	}
	if err != nil {
		return fmt.Errorf("configure the guest of %s: %w", c.VMHash, cause(ctx, err))
	}
	var reply struct {
		Success   bool   `msgpack:"success"`
		Error     string `msgpack:"error"`
		Traceback string `msgpack:"traceback"`
	}
	if err := decodeValue(raw, &reply); err != nil {
		return fmt.Errorf("configure the guest of %s: %w", c.VMHash, err)
	}
	if !reply.Success {
		return &SetupError{Message: reply.Error, Traceback: reply.Traceback}
	}
	return nil
}

// Call runs the program for one request and returns when its response starts.
// ctx governs the whole call, the body of the response included; when it ends,
// the program sees its client disconnect. Errors: [ProgramError],
// [ErrNoReply] (the VM crashed), [ErrMalformed], [ErrTooLarge], or the cause of
// ctx.
func (s *Session) Call(ctx context.Context, r *Request) (*Response, error) {
	if s.Streams() {
		return s.stream(ctx, r)
	}
	scope, err := singleScope(r)
	if err != nil {
		return nil, err
	}
	reply, err := s.single(ctx, scope)
	if err != nil {
		return nil, err
	}
	return reply.response()
}

// Event runs the program for a message of the network: body is its JSON text.
// It returns when the program has handled it. // spec crn 3.6
func (s *Session) Event(ctx context.Context, body string) error {
	if s.Streams() {
		return s.streamEvent(ctx, body)
	}
	_, err := s.single(ctx, map[string]any{"type": "aleph.message", "body": body})
	return err
}

// Halt lets the program end in order. It waits five seconds at most; stop the
// VM afterwards whatever it returns. // spec crn 3.4
func (s *Session) Halt(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, haltTimeout)
	defer cancel()
	conn, stop, err := s.open(ctx, []byte("halt"))
	if err != nil {
		return fmt.Errorf("halt the guest: %w", err)
	}
	defer stop()
	const want = "STOP\nSTOPZ\n"
	got, err := io.ReadAll(io.LimitReader(conn, int64(len(want))))
	if err != nil {
		return fmt.Errorf("halt the guest: %w", cause(ctx, err))
	}
	if !bytes.Equal(got, []byte(want)) {
		return fmt.Errorf("halt the guest: %w: answered %q", ErrMalformed, got)
	}
	return nil
}

// open dials the control port and sends first. When ctx ends, the connection
// does. stop closes it.
func (s *Session) open(ctx context.Context, first []byte) (conn net.Conn, stop func(), err error) {
	conn, err = s.transport.Dial(ctx, ControlPort)
	if err != nil {
		return nil, nil, err
	}
	release := interrupt(ctx, conn)
	stop = func() {
		release()
		hangUp(conn)
	}
	if _, err := conn.Write(first); err != nil {
		stop()
		return nil, nil, fmt.Errorf("send: %w", cause(ctx, err))
	}
	return conn, stop, nil
}

// interrupt closes conn when ctx ends, so that both ends notice.
func interrupt(ctx context.Context, conn net.Conn) (release func() bool) {
	return context.AfterFunc(ctx, func() { hangUp(conn) })
}

// cause prefers the reason why ctx ended to the error that this led to.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// orDeadline is the time that ctx leaves, or d when it leaves more or does not say.
func orDeadline(ctx context.Context, d time.Duration) time.Duration {
	if _, ok := ctx.Deadline(); ok {
		return 1 << 62
	}
	return d
}

// ready is the ready signal of the given version.
func ready(version string) ([]byte, error) {
	return msgpack.Marshal(map[string]string{"version": version})
}

package guest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/vmihailenco/msgpack/v5"
)

// Program is what a [Server] makes available to the host. HTTP and Event may
// run concurrently, and only after Configure has returned nil.
type Program interface {
	// Configure makes the program ready. A [SetupError] carries a traceback.
	Configure(ctx context.Context, c *Config) error
	// HTTP answers one call. ctx ends when the client is gone. An error before
	// the response has started becomes the response: a [ProgramError], or a
	// [CrashError] when the program's process has ended. Nothing may read the
	// request's body after HTTP has returned; a Body that is an [io.Closer] can
	// be closed to end a Read.
	HTTP(ctx context.Context, r *Request, w ResponseWriter) error
	// Event handles a message of the network.
	Event(ctx context.Context, body string) error
	// Halt ends the program in order.
	Halt(ctx context.Context) error
}

// ResponseWriter takes the response of one call.
type ResponseWriter interface {
	// Start gives the head, once, before any Write.
	Start(status int, headers []Header) error
	// Write adds to the body. It may wait for the client to read.
	io.Writer
	// Flush sends what was written so far, if the protocol can.
	Flush() error
}

// Bounds of the guest's side.
const (
	maxConfig   = 2*MaxMessage + 1<<20
	headTimeout = 60 * time.Second
	stopTimeout = 10 * time.Second // for the program, on halt
)

// Server is the guest's side of the conversation.
type Server struct {
	program Program
	log     *slog.Logger

	mu         sync.Mutex // guards configured, ready
	configured bool
	ready      bool
}

// NewServer serves program.
func NewServer(program Program, log *slog.Logger) *Server {
	return &Server{program: program, log: log}
}

// SendReady announces version to the host.
func SendReady(ctx context.Context, t Transport, version string) error {
	signal, err := ready(version)
	if err != nil {
		return err
	}
	conn, err := t.Dial(ctx, ControlPort)
	if err != nil {
		return fmt.Errorf("send the ready signal: %w", err)
	}
	_, err = conn.Write(signal)
	return errors.Join(err, conn.Close())
}

// Serve answers the host's connections on l until halt, or until ctx or l
// ends. It returns nil after a halt and when ctx has ended.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	var wait sync.WaitGroup
	defer wait.Wait()
	defer cancel()
	slots := make(chan struct{}, maxAccepted)
	for {
		conn, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("accept the host: %w", err)
		}
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			c := &serverConn{Server: s, conn: conn, in: bufio.NewReaderSize(conn, 16<<10)}
			if halted := c.serve(ctx); halted {
				cancel()
			}
		})
	}
}

// serverConn is one connection of the host.
type serverConn struct {
	*Server
	conn net.Conn
	in   *bufio.Reader
}

// serve tells by the first byte what the host wants, and does it.
func (c *serverConn) serve(ctx context.Context) (halted bool) {
	defer hangUp(c.conn)
	_ = c.conn.SetReadDeadline(time.Now().Add(headTimeout))
	first, err := c.in.Peek(1)
	if err != nil {
		return false
	}
	switch b := first[0]; {
	case b >= '0' && b <= '9':
		err = c.configure(ctx)
	case b == preamble[0]:
		err = c.stream(ctx)
	case b >= 0x80 && b <= 0x8f, b == 0xde, b == 0xdf:
		err = c.single(ctx)
	case b == 'h':
		halted, err = c.halt(ctx)
	default:
		err = fmt.Errorf("%w: instruction starts with 0x%02x", ErrMalformed, b)
	}
	if err != nil {
		c.log.Warn("connection of the host", "error", err)
	}
	return halted
}

// hangUp closes conn and ends what still reads from it.
func hangUp(conn net.Conn) {
	_ = conn.SetDeadline(time.Unix(1, 0))
	_ = conn.Close()
}

func (c *serverConn) configure(ctx context.Context) error {
	line, err := readLine(c.in, 9)
	if err != nil {
		return fmt.Errorf("read the length of the configuration: %w", err)
	}
	length, err := strconv.Atoi(line)
	if err != nil || length > maxConfig {
		return fmt.Errorf("%w: configuration of %q bytes", ErrMalformed, line)
	}
	raw := make([]byte, length)
	if _, err := io.ReadFull(c.in, raw); err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	reply := map[string]any{"success": true}
	if err := c.setUp(ctx, raw); err != nil {
		reply = map[string]any{"success": false, "error": err.Error(), "traceback": ""}
		if setup, ok := errors.AsType[*SetupError](err); ok {
			reply["error"], reply["traceback"] = setup.Message, setup.Traceback
		}
	}
	return c.reply(reply)
}

// setUp runs Configure, at most once.
func (c *serverConn) setUp(ctx context.Context, raw []byte) error {
	cfg, err := decodeConfig(raw)
	if err != nil {
		return err
	}
	c.mu.Lock()
	again := c.configured
	c.configured = true
	c.mu.Unlock()
	if again {
		return errors.New("this guest was configured already")
	}
	if err := c.program.Configure(ctx, cfg); err != nil {
		return err
	}
	c.mu.Lock()
	c.ready = true
	c.mu.Unlock()
	return nil
}

// checkReady refuses calls before the program is ready.
func (c *serverConn) checkReady() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ready {
		return errors.New("this guest has not been configured")
	}
	return nil
}

func (c *serverConn) halt(ctx context.Context) (bool, error) {
	word := make([]byte, len("halt"))
	if _, err := io.ReadFull(c.in, word); err != nil || string(word) != "halt" {
		return false, fmt.Errorf("%w: instruction %q", ErrMalformed, word)
	}
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	if err := c.program.Halt(ctx); err != nil {
		c.log.Warn("stop the program", "error", err)
	}
	_ = c.conn.SetWriteDeadline(time.Now().Add(headTimeout))
	for _, line := range []string{"STOP\n", "STOPZ\n"} {
		if _, err := io.WriteString(c.conn, line); err != nil {
			return true, fmt.Errorf("acknowledge the halt: %w", err)
		}
	}
	return true, nil
}

// reply sends one value.
func (c *serverConn) reply(v any) error {
	raw, err := msgpack.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode the reply: %w", err)
	}
	if _, err := c.conn.Write(raw); err != nil {
		return fmt.Errorf("send the reply: %w", err)
	}
	return nil
}

// failureOf is err as the host is told of it.
func failureOf(err error) *wireFailure {
	var program *ProgramError
	var crash *CrashError
	switch {
	case errors.As(err, &crash):
		return &wireFailure{Message: crash.Reason, Crashed: true}
	case errors.As(err, &program):
		return &wireFailure{Message: clip(program.Message), Traceback: clip(program.Traceback)}
	}
	return &wireFailure{Message: clip(err.Error())}
}

// clip shortens a text that a program made, so that it fits in a frame.
func clip(text string) string { return text[:min(len(text), maxHead/4)] }

// readLine reads up to limit bytes that end with a newline.
func readLine(r *bufio.Reader, limit int) (string, error) {
	var line strings.Builder
	for range limit {
		b, err := r.ReadByte()
		if err != nil {
			return "", err
		}
		if b == '\n' {
			return line.String(), nil
		}
		line.WriteByte(b)
	}
	return "", fmt.Errorf("%w: no newline in %d bytes", ErrTooLarge, limit)
}

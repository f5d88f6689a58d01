package guest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
)

// Vsock is the host's [Transport] to a Firecracker VM: its hybrid vsock, which
// shows as Unix sockets on the host. // spec crn 3.4
type Vsock struct {
	path  string
	chown func(path string) error

	mu        sync.Mutex // guards listeners, closed
	listeners []net.Listener
	closed    bool
}

// NewVsock uses the Unix socket that Firecracker makes at path. chown, when
// not nil, is called with each socket made for the guest to connect to, so
// that a jailed Firecracker may open it.
func NewVsock(path string, chown func(path string) error) *Vsock {
	return &Vsock{path: path, chown: chown}
}

// Dial connects to a port of the guest. The CONNECT line travels with the
// first Write, and the OK line is taken off before the first Read.
func (v *Vsock) Dial(ctx context.Context, port uint32) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", v.path)
	if err != nil {
		return nil, fmt.Errorf("dial port %d of the guest: %w", port, err)
	}
	connect := append(strconv.AppendUint([]byte("CONNECT "), uint64(port), 10), '\n')
	return &ackConn{prefixConn: prefixConn{Conn: conn, prefix: connect}, port: port}, nil
}

// Listen accepts the guest's connections to port.
func (v *Vsock) Listen(port uint32) (net.Listener, error) {
	path := fmt.Sprintf("%s_%d", v.path, port)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("listen on port %d: %w", port, err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return nil, fmt.Errorf("listen on port %d: %w", port, net.ErrClosed)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen on port %d: %w", port, err)
	}
	if v.chown != nil {
		if err := v.chown(path); err != nil {
			return nil, errors.Join(fmt.Errorf("listen on port %d: %w", port, err), l.Close())
		}
	}
	v.listeners = append(v.listeners, l)
	return l, nil
}

// Close closes the listeners. Connections belong to their users.
func (v *Vsock) Close() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.closed = true
	var errs []error
	for _, l := range v.listeners {
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	v.listeners = nil
	return errors.Join(errs...)
}

// ackConn takes the line "OK <port>\n" off the start of what it reads.
type ackConn struct {
	prefixConn
	port uint32

	ackMu sync.Mutex // guards acked, ackErr
	acked bool
	// ackErr is the outcome for every later Read once the line was wrong.
	ackErr error
}

func (c *ackConn) Read(p []byte) (int, error) {
	if err := c.flush(); err != nil {
		return 0, err
	}
	if err := c.ack(); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

func (c *ackConn) ack() error {
	c.ackMu.Lock()
	defer c.ackMu.Unlock()
	if !c.acked {
		c.acked, c.ackErr = true, c.readAck()
	}
	return c.ackErr
}

// readAck reads byte by byte: what follows the line belongs to the caller.
func (c *ackConn) readAck() error {
	line := make([]byte, 0, 32)
	var b [1]byte
	for len(line) < cap(line) {
		if _, err := io.ReadFull(c.Conn, b[:]); err != nil {
			return fmt.Errorf("port %d of the guest did not accept: %w", c.port, err)
		}
		if b[0] != '\n' {
			line = append(line, b[0])
			continue
		}
		number, ok := bytes.CutPrefix(line, []byte("OK "))
		if _, err := strconv.ParseUint(string(number), 10, 32); !ok || err != nil {
			break
		}
		return nil
	}
	return fmt.Errorf("port %d of the guest: unexpected answer %q to CONNECT", c.port, line)
}

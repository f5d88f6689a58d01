package guest

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
)

// The ports of the conversation. // spec crn 3.4
const (
	// ControlPort carries the ready signal (guest to host) and configuration,
	// calls and halt (host to guest).
	ControlPort uint32 = 52
	// APIPort carries the guest API (guest to host).
	APIPort uint32 = 53
)

// Transport carries byte streams between the two ends, each to a numbered
// port of the other end.
type Transport interface {
	// Dial opens a stream to a port of the other end. The stream may be
	// established only with the first Write or Read, so that a port nobody
	// listens on may show there.
	Dial(ctx context.Context, port uint32) (net.Conn, error)
	// Listen accepts the other end's streams to a port. A port has at most one
	// listener at a time.
	Listen(port uint32) (net.Listener, error)
	// Close ends every stream and listener. It may be called more than once.
	Close() error
}

// prefixConn sends prefix together with the first Write, or alone before the
// first Read.
type prefixConn struct {
	net.Conn
	sent   atomic.Bool // prefix has been sent; from then on nothing is locked
	mu     sync.Mutex  // guards prefix
	prefix []byte
}

func (c *prefixConn) Write(p []byte) (int, error) {
	if !c.sent.Load() {
		if n, done, err := c.first(p); done {
			return n, err
		}
	}
	return c.Conn.Write(p)
}

func (c *prefixConn) Read(p []byte) (int, error) {
	if err := c.flush(); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

// flush sends the prefix if nothing was written yet.
func (c *prefixConn) flush() error {
	if c.sent.Load() {
		return nil
	}
	_, _, err := c.first(nil)
	return err
}

// first sends the prefix with p behind it, unless another call did already.
func (c *prefixConn) first(p []byte) (n int, done bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sent.Load() {
		return 0, false, nil
	}
	n, err = c.Conn.Write(append(c.prefix, p...))
	c.sent.Store(true)
	return max(0, n-len(c.prefix)), true, err
}

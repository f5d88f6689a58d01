package guest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/yamux"
)

// Bounds of one multiplexed connection.
const (
	maxDialed   = 128 // streams opened by this end at a time; more wait
	maxAccepted = 128 // streams of the other end at a time; more are closed
	// maxStreams counts half-closed streams too. Each may buffer 256 KiB; an
	// end that collects more is abusing the connection and loses it.
	maxStreams = 512
	// portTimeout is how long a new stream may take to say its port.
	portTimeout = 10 * time.Second
)

// Mux is a [Transport] over one byte stream. Each stream starts with its port
// as four bytes, the most significant first.
type Mux struct {
	session *yamux.Session
	dialed  chan struct{}
	wait    sync.WaitGroup
	done    chan struct{}
	close   sync.Once

	mu        sync.Mutex // guards listeners
	listeners map[uint32]*muxListener
}

// Side says which end of the byte stream a [Mux] is.
type Side int

// The two ends.
const (
	HostSide Side = iota
	GuestSide
)

// NewMux starts multiplexing over conn, which it owns from now on: [Mux.Close]
// closes it, and the end of conn ends every stream.
func NewMux(conn net.Conn, side Side) (*Mux, error) {
	cfg := yamux.DefaultConfig()
	cfg.EnableKeepAlive = false
	cfg.AcceptBacklog = maxAccepted
	cfg.StreamCloseTimeout = 10 * time.Second
	cfg.StreamOpenTimeout = 0 // calls have deadlines of their own
	cfg.LogOutput = io.Discard
	start := yamux.Client
	if side == GuestSide {
		start = yamux.Server
	}
	session, err := start(&pingRefuser{Conn: conn}, cfg)
	if err != nil {
		return nil, fmt.Errorf("start the multiplexer: %w", err)
	}
	m := &Mux{
		session:   session,
		dialed:    make(chan struct{}, maxDialed),
		done:      make(chan struct{}),
		listeners: make(map[uint32]*muxListener),
	}
	m.wait.Go(m.accept)
	return m, nil
}

// Done is closed when the connection has ended, by either end.
func (m *Mux) Done() <-chan struct{} { return m.session.CloseChan() }

// Close ends every stream and the connection, and waits until nothing runs.
func (m *Mux) Close() error {
	var err error
	m.close.Do(func() {
		close(m.done)
		err = m.session.Close()
	})
	m.wait.Wait()
	return err
}

// Dial opens a stream to a port of the other end.
func (m *Mux) Dial(ctx context.Context, port uint32) (net.Conn, error) {
	select {
	case m.dialed <- struct{}{}:
	case <-m.Done():
		return nil, fmt.Errorf("dial port %d: %w", port, net.ErrClosed)
	case <-ctx.Done():
		return nil, fmt.Errorf("dial port %d: %w", port, context.Cause(ctx))
	}
	stream, err := m.session.OpenStream()
	if err != nil {
		<-m.dialed
		return nil, fmt.Errorf("dial port %d: %w", port, errors.Join(net.ErrClosed, err))
	}
	counted := &countedConn{Conn: stream, slots: m.dialed}
	return &prefixConn{Conn: counted, prefix: binary.BigEndian.AppendUint32(nil, port)}, nil
}

// Listen accepts the other end's streams to port. Streams that arrive while
// nobody listens are closed, so listen before the other end starts.
func (m *Mux) Listen(port uint32) (net.Listener, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, taken := m.listeners[port]; taken {
		return nil, fmt.Errorf("listen on port %d: already taken", port)
	}
	l := &muxListener{mux: m, port: port, conns: make(chan net.Conn), done: make(chan struct{})}
	m.listeners[port] = l
	return l, nil
}

// accept hands the other end's streams to the listeners.
func (m *Mux) accept() {
	slots := make(chan struct{}, maxAccepted)
	for {
		stream, err := m.session.AcceptStream()
		if err != nil {
			return
		}
		if m.session.NumStreams() > maxStreams {
			m.wait.Go(func() { _ = m.session.Close() })
			return
		}
		select {
		case slots <- struct{}{}:
		default:
			m.wait.Go(func() { _ = stream.Close() })
			continue
		}
		m.wait.Go(func() { m.deliver(&countedConn{Conn: stream, slots: slots}) })
	}
}

// deliver reads the port of a stream and passes it on.
func (m *Mux) deliver(conn net.Conn) {
	var port [4]byte
	_ = conn.SetReadDeadline(time.Now().Add(portTimeout))
	if _, err := io.ReadFull(conn, port[:]); err != nil {
		_ = conn.Close()
		return
	}
	_ = conn.SetReadDeadline(time.Time{})
	m.mu.Lock()
	l := m.listeners[binary.BigEndian.Uint32(port[:])]
	m.mu.Unlock()
	if l == nil {
		_ = conn.Close()
		return
	}
	select {
	case l.conns <- conn:
	case <-l.done:
		_ = conn.Close()
	case <-m.Done():
		_ = conn.Close()
	}
}

// muxListener is the listener of one port.
type muxListener struct {
	mux   *Mux
	port  uint32
	conns chan net.Conn
	done  chan struct{}
	close sync.Once
}

func (l *muxListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.done:
	case <-l.mux.Done():
	}
	return nil, net.ErrClosed
}

func (l *muxListener) Close() error {
	l.close.Do(func() {
		close(l.done)
		l.mux.mu.Lock()
		delete(l.mux.listeners, l.port)
		l.mux.mu.Unlock()
	})
	return nil
}

func (l *muxListener) Addr() net.Addr { return portAddr(l.port) }

// portAddr is the address of a listener of a transport.
type portAddr uint32

func (portAddr) Network() string  { return "guest" }
func (a portAddr) String() string { return fmt.Sprintf("port %d", uint32(a)) }

// countedConn gives its slot back when it is closed.
type countedConn struct {
	net.Conn
	slots chan struct{}
	close sync.Once
}

func (c *countedConn) Close() error {
	err := c.Conn.Close()
	c.close.Do(func() { <-c.slots })
	return err
}

// pingRefuser ends a connection on which the other end sends a ping. Neither
// end of ours sends one, and yamux answers each in a goroutine of its own, so
// that a flood of them would cost memory without bound.
type pingRefuser struct {
	net.Conn
	header [12]byte
	have   int    // bytes of header seen
	body   uint32 // bytes until the next header
}

// The parts of a yamux header that matter here.
const (
	yamuxData = 0
	yamuxPing = 2
)

var errPing = errors.New("unexpected ping from the other end")

func (c *pingRefuser) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	for rest := p[:n]; len(rest) > 0; {
		if c.body > 0 {
			skip := min(uint64(c.body), uint64(len(rest)))
			c.body -= uint32(skip)
			rest = rest[skip:]
			continue
		}
		took := copy(c.header[c.have:], rest)
		c.have += took
		rest = rest[took:]
		if c.have < len(c.header) {
			break
		}
		c.have = 0
		switch c.header[1] {
		case yamuxPing:
			return 0, errPing
		case yamuxData:
			c.body = binary.BigEndian.Uint32(c.header[8:])
		}
	}
	return n, err
}

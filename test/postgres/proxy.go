package postgres

import (
	"context"
	"errors"
	"net"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
)

// Proxy stands between a client and the server and loses what the server says
// when it is told to.
type Proxy struct {
	listener net.Listener
	server   *Server
	mute     atomic.Bool
	wait     sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]bool
	ended bool
}

// Proxy starts a proxy of the server. Close ends it.
func (s *Server) Proxy(ctx context.Context) (*Proxy, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{listener: l, server: s, conns: map[net.Conn]bool{}}
	p.wait.Go(p.accept)
	return p, nil
}

// URL returns the address of a database of the server through the proxy.
func (p *Proxy) URL(database string) (string, error) {
	u, err := url.Parse(p.server.URL(database))
	if err != nil {
		return "", err
	}
	u.Host = p.listener.Addr().String()
	return u.String(), nil
}

// Mute makes the proxy swallow what the server says from now on, or no longer,
// on every connection. What clients say still arrives.
func (p *Proxy) Mute(on bool) { p.mute.Store(on) }

// Cut ends every connection.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
	clear(p.conns)
}

// Close ends the proxy.
func (p *Proxy) Close() error {
	p.mu.Lock()
	p.ended = true
	p.mu.Unlock()
	err := p.listener.Close()
	p.Cut()
	p.wait.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(p.server.port)))
		if err != nil {
			_ = client.Close()
			continue
		}
		if !p.keep(client, server) {
			return
		}
		p.wait.Go(func() { p.forward(server, client, false) })
		p.wait.Go(func() { p.forward(client, server, true) })
	}
}

func (p *Proxy) keep(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		p.conns[c] = true
		if p.ended {
			_ = c.Close()
		}
	}
	return !p.ended
}

// forward copies until one end is gone, then ends both.
func (p *Proxy) forward(to, from net.Conn, answers bool) {
	defer func() { _, _ = to.Close(), from.Close() }()
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		if n > 0 && (!answers || !p.mute.Load()) {
			if _, err := to.Write(b[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"aleph/internal/compute/guest"
)

// maxRelayed bounds the program's connections to the guest API at a time.
const maxRelayed = 64

// serveAPI makes the socket at which the program finds the guest API; each
// connection goes on to the host's port 53 as it is. // spec crn 3.7, 3.8
func (p *program) serveAPI(ctx context.Context) error {
	path := p.path(apiSocket)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return fmt.Errorf("serve the guest API: %w", err)
	}
	// The program may run as another user.
	if err := os.Chmod(path, 0o777); err != nil {
		return errors.Join(err, listener.Close())
	}
	p.relay = listener
	p.wait.Go(func() {
		slots := make(chan struct{}, maxRelayed)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			slots <- struct{}{}
			p.wait.Go(func() {
				defer func() { <-slots }()
				p.relayOne(ctx, conn)
			})
		}
	})
	return nil
}

func (p *program) relayOne(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	host, err := p.transport.Dial(ctx, guest.APIPort)
	if err != nil {
		p.log.Warn("guest API", "error", err)
		return
	}
	defer host.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(host, conn)
		// HTTP needs no half-closed connections: either end closes all.
		_ = host.SetDeadline(time.Unix(1, 0))
	}()
	_, _ = io.Copy(conn, host)
	_ = conn.SetDeadline(time.Unix(1, 0))
	<-done
}

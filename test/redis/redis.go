// Package redis runs a real Redis server for tests: on a free port of the
// loopback, with nothing on the disk. It ends with the test program.
package redis

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

const (
	// startTimeout bounds the start of a server on a busy machine.
	startTimeout = time.Minute
	// stopTimeout bounds its end.
	stopTimeout = 10 * time.Second
)

// Server is a Redis server.
type Server struct {
	dir     string
	port    int
	process *process // nil while it is stopped
}

type process struct {
	pid  int
	out  bytes.Buffer
	done chan struct{} // closed when it has ended
}

// Start starts a server. Close ends it.
func Start(ctx context.Context) (*Server, error) {
	dir, err := os.MkdirTemp("", "aleph-redis-")
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir}
	if err := s.Resume(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// URL is where the server is.
func (s *Server) URL() string { return fmt.Sprintf("redis://127.0.0.1:%d/0", s.port) }

// Resume starts the server, also again at the same place after Stop.
func (s *Server) Resume(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return errors.New("tests need redis-server and there is none on this machine: run scripts/parts.sh")
	}
	if s.port == 0 {
		if s.port, err = freePort(ctx); err != nil {
			return err
		}
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), path, //nolint:gosec // the server that this package is about
		"--port", strconv.Itoa(s.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", s.dir)
	p := &process{done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &p.out, &p.out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error, 1)
	go func() {
		defer close(p.done)
		// The signal comes when the thread ends that started the server.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		if err == nil {
			p.pid = cmd.Process.Pid
		}
		started <- err
		if err == nil {
			_ = cmd.Wait() // it is ended by a signal
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	s.process = p
	return s.await(ctx)
}

// await returns when the server answers.
func (s *Server) await(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	dialer := net.Dialer{}
	for {
		conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)))
		if err == nil {
			return conn.Close()
		}
		select {
		case <-tick.C:
		case <-s.process.done:
			return fmt.Errorf("the Redis server ended: %s", s.process.out.String())
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		}
	}
}

// Stop ends the server at once, and with it all that it knows.
func (s *Server) Stop() error {
	p := s.process
	if p == nil {
		return nil
	}
	s.process = nil
	if err := syscall.Kill(p.pid, syscall.SIGKILL); err != nil {
		return err
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(stopTimeout):
		return errors.New("the Redis server does not end")
	}
}

// Close ends the server and removes its folder.
func (s *Server) Close() error { return errors.Join(s.Stop(), os.RemoveAll(s.dir)) }

func freePort(ctx context.Context) (int, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

//go:build linux

package main

import (
	"bufio"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"syscall"
	"time"

	"aleph/internal/compute/guest"
)

// bridge is the ASGI server that runs the application.
//
//go:embed bridge.py
var bridge []byte

const (
	// maxIdleLinks bounds the connections to the bridge that wait for a call.
	maxIdleLinks = 16
	// crashGrace is how long a broken connection waits for the news that the
	// process has ended.
	crashGrace = 500 * time.Millisecond
)

// asgi is a running ASGI application, behind the bridge.
type asgi struct {
	child  *child
	socket string
	idle   chan *link
}

// startASGI places the code, starts Python and waits until the application has
// been imported and started. // spec crn 3.7
func startASGI(ctx context.Context, p *program, c *guest.Config, env []string) (*asgi, error) {
	if err := placePython(p, c); err != nil {
		return nil, err
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		return nil, errors.New("the runtime has no python3: an ASGI program needs a Python runtime")
	}
	own := p.path("tmp", ".aleph")
	if err := os.MkdirAll(own, 0o755); err != nil {
		return nil, err
	}
	script, socket := p.path("tmp", ".aleph", "bridge.py"), p.path("tmp", ".aleph", "asgi.sock")
	if err := os.WriteFile(script, bridge, 0o644); err != nil {
		return nil, err
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("serve the bridge: %w", err)
	}
	listener.SetUnlinkOnClose(false)
	defer func() { _ = listener.Close() }()
	calls, err := listener.File()
	if err != nil {
		return nil, err
	}
	defer calls.Close()
	report, reportEnd, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer report.Close()
	defer reportEnd.Close()
	// -I: neither the environment nor the script's folder adds modules. -u:
	// what the program prints is seen at once.
	args := []string{"-I", "-u", "-B", script, c.Encoding, c.Entrypoint, p.path("opt")}
	process, err := p.children.start(python, args, env, p.path("opt"), reportEnd, calls)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", python, err)
	}
	_ = reportEnd.Close()
	a := &asgi{child: process, socket: socket, idle: make(chan *link, maxIdleLinks)}
	if err := a.awaitStart(ctx, report); err != nil {
		process.signal(syscall.SIGKILL)
		return nil, err
	}
	return a, nil
}

// placePython puts code where the bridge looks for it.
func placePython(p *program, c *guest.Config) error {
	switch c.Encoding {
	case "plain":
		dir := p.path("opt", "code")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		return os.WriteFile(p.path("opt", "code", "program.py"), c.Code, 0o644)
	case "zip":
		if err := unzip(c.Code, p.path("opt")); err != nil {
			return fmt.Errorf("code: %w", err)
		}
		return nil
	case "squashfs":
		return nil // mounted at /opt/code
	}
	return fmt.Errorf("unknown encoding %q of the code", c.Encoding)
}

// awaitStart reads the one record that the bridge reports: the application is
// ready, or why not.
func (a *asgi) awaitStart(ctx context.Context, report *os.File) error {
	stop := context.AfterFunc(ctx, func() { _ = report.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	r := bufio.NewReader(report)
	kind, length, err := readFrame(r)
	if ctx.Err() != nil {
		return errors.New("the program did not start in time")
	}
	if err == nil && kind == kindReady {
		return nil
	}
	if err == nil && kind == kindFailure {
		fields, err := readFields(r, length)
		if err != nil || len(fields) != 2 {
			return errors.New("the bridge reported a failure that cannot be read")
		}
		return &guest.SetupError{Message: fields[0], Traceback: fields[1]}
	}
	if a.crashed() {
		return errors.New(a.child.reason())
	}
	return errors.New("the bridge stopped before the program was ready")
}

func (a *asgi) process() *child { return a.child }

// crashed reports whether the process has ended, or ends within a moment.
func (a *asgi) crashed() bool {
	select {
	case <-a.child.done:
		return true
	case <-time.After(crashGrace):
		return false
	}
}

func (a *asgi) halt(ctx context.Context) error {
	a.child.signal(syscall.SIGTERM)
	select {
	case <-a.child.done:
		return nil
	case <-ctx.Done():
		a.child.signal(syscall.SIGKILL)
		return fmt.Errorf("the program did not stop: %w", context.Cause(ctx))
	}
}

func (a *asgi) http(ctx context.Context, r *guest.Request, w guest.ResponseWriter) error {
	l, err := a.link(ctx)
	if err != nil {
		return a.explain(ctx, err)
	}
	defer l.Close()
	// The client's end ends the link, which the bridge tells the application.
	stop := context.AfterFunc(ctx, l.hangUp)
	defer stop()
	if err := l.call(r, w); err != nil {
		return a.explain(ctx, err)
	}
	if stop() && l.reusable() {
		a.keep(l)
	}
	return nil
}

func (a *asgi) event(ctx context.Context, body string) error {
	l, err := a.link(ctx)
	if err != nil {
		return a.explain(ctx, err)
	}
	defer l.Close()
	defer context.AfterFunc(ctx, l.hangUp)()
	if err := l.event(body); err != nil {
		return a.explain(ctx, err)
	}
	return nil
}

// link returns a connection to the bridge.
func (a *asgi) link(ctx context.Context) (*link, error) {
	select {
	case l := <-a.idle:
		l.kept = false
		return l, nil
	default:
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", a.socket)
	if err != nil {
		return nil, err
	}
	return newLink(conn), nil
}

// keep saves a connection for another call, unless there are enough.
func (a *asgi) keep(l *link) {
	l.kept = true
	select {
	case a.idle <- l:
	default:
		l.kept = false
	}
}

// explain says whether err comes from the end of the process.
func (a *asgi) explain(ctx context.Context, err error) error {
	var told *guest.ProgramError
	if errors.As(err, &told) || !isBroken(err) {
		return err
	}
	if ctx.Err() != nil { // the end of the process, if that was noticed first
		return context.Cause(ctx)
	}
	if a.crashed() {
		return &guest.CrashError{Reason: a.child.reason()}
	}
	return err
}

// isBroken reports whether err is about the connection and not about what came
// through it.
func isBroken(err error) bool {
	var network *net.OpError
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &network)
}

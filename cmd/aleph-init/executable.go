//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"aleph/internal/compute/guest"
)

const (
	startTimeout  = 50 * time.Second // below what hosts wait for a configuration
	firstWait     = 5 * time.Millisecond
	longestWait   = 200 * time.Millisecond
	dialTimeout   = 5 * time.Second
	maxIdleConns  = 32
	headerTimeout = 10 * time.Minute // the host ends a call that takes too long
)

// executable is a running program that serves HTTP on a local port.
type executable struct {
	child     *child
	port      string
	transport *http.Transport
}

// startExecutable places the code, starts it and waits until it accepts
// connections. // spec crn 3.7
func startExecutable(ctx context.Context, p *program, c *guest.Config, env []string) (*executable, error) {
	path, err := placeExecutable(p, c)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(env, func(kv string) bool { return strings.HasPrefix(kv, "PORT=") }) {
		env = append(env, "PORT="+p.port)
	}
	process, err := p.children.start(path, nil, env, p.path("opt", "code"))
	switch {
	case errors.Is(err, syscall.ENOEXEC):
		return nil, fmt.Errorf("%s is not a program for this machine, nor a script with a #! line", c.Entrypoint)
	case errors.Is(err, os.ErrPermission):
		return nil, fmt.Errorf("%s may not be executed: set its executable bit", c.Entrypoint)
	case errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("%s, or the interpreter or loader it needs, is not in this runtime", c.Entrypoint)
	case err != nil:
		return nil, fmt.Errorf("start %s: %w", c.Entrypoint, err)
	}
	e := &executable{child: process, port: p.port}
	e.transport = &http.Transport{
		DialContext:           func(ctx context.Context, _, _ string) (net.Conn, error) { return e.dial(ctx) },
		DisableCompression:    true,
		MaxIdleConnsPerHost:   maxIdleConns,
		IdleConnTimeout:       time.Minute,
		ResponseHeaderTimeout: headerTimeout,
	}
	if err := e.awaitStart(ctx); err != nil {
		process.signal(syscall.SIGKILL)
		return nil, err
	}
	return e, nil
}

// placeExecutable puts code under /opt/code and returns the program's path.
func placeExecutable(p *program, c *guest.Config) (string, error) {
	if !filepath.IsLocal(c.Entrypoint) {
		return "", fmt.Errorf("the entry point %q is not a path inside the code", c.Entrypoint)
	}
	path := p.path("opt", "code", c.Entrypoint)
	switch c.Encoding {
	case "squashfs":
		return path, nil // mounted; its permissions cannot be changed
	case "plain":
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return "", err
		}
		if err := os.WriteFile(path, c.Code, 0o755); err != nil {
			return "", err
		}
	case "zip":
		if err := unzip(c.Code, p.path("opt", "code")); err != nil {
			return "", fmt.Errorf("code: %w", err)
		}
	default:
		return "", fmt.Errorf("unknown encoding %q of the code", c.Encoding)
	}
	if err := os.Chmod(path, 0o755); err != nil {
		return "", fmt.Errorf("the entry point %s is not in the code: %w", c.Entrypoint, err)
	}
	return path, nil
}

// dial connects to the program. It does not ask for localhost: a runtime may
// have no file that says where that is.
func (e *executable) dial(ctx context.Context) (net.Conn, error) {
	d := net.Dialer{Timeout: dialTimeout}
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", e.port))
	if err == nil {
		return conn, nil
	}
	if six, err := d.DialContext(ctx, "tcp", net.JoinHostPort("::1", e.port)); err == nil {
		return six, nil
	}
	return nil, err
}

// awaitStart returns when the program accepts connections.
func (e *executable) awaitStart(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for wait := firstWait; ; wait = min(wait*3/2, longestWait) {
		conn, err := e.dial(ctx)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-e.child.done:
			return errors.New(e.child.reason())
		case <-ctx.Done():
			return fmt.Errorf("the program runs, but nothing listens on port %s after %s", e.port, startTimeout)
		case <-time.After(wait):
		}
	}
}

func (e *executable) process() *child { return e.child }

// event: an executable program has no way to receive one.
func (e *executable) event(context.Context, string) error {
	return errors.New("a program with the binary interface takes no events")
}

func (e *executable) halt(ctx context.Context) error {
	e.child.signal(syscall.SIGTERM)
	select {
	case <-e.child.done:
		return nil
	case <-ctx.Done():
		e.child.signal(syscall.SIGKILL)
		return fmt.Errorf("the program did not stop: %w", context.Cause(ctx))
	}
}

// hopHeaders belong to one connection and are not passed on.
func isHopHeader(name string) bool {
	switch strings.ToLower(name) {
	case "connection", "keep-alive", "proxy-connection", "transfer-encoding", "te", "trailer", "upgrade":
		return true
	}
	return false
}

func (e *executable) http(ctx context.Context, r *guest.Request, w guest.ResponseWriter) error {
	reply, err := e.transport.RoundTrip(outgoing(ctx, r))
	if err != nil {
		return e.explain(ctx, err)
	}
	defer reply.Body.Close()
	var headers []guest.Header
	for name, values := range reply.Header {
		if isHopHeader(name) {
			continue
		}
		for _, v := range values {
			headers = append(headers, guest.Header{Name: strings.ToLower(name), Value: v})
		}
	}
	slices.SortStableFunc(headers, func(a, b guest.Header) int { return strings.Compare(a.Name, b.Name) })
	if err := w.Start(reply.StatusCode, headers); err != nil {
		return err
	}
	buf := make([]byte, chunk)
	for {
		n, err := reply.Body.Read(buf)
		if _, err := w.Write(buf[:n]); err != nil {
			return err
		}
		if errors.Is(err, io.EOF) {
			return nil // what follows flushes
		}
		if err != nil {
			return e.explain(ctx, err)
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
}

// outgoing is r as a request to the program.
func outgoing(ctx context.Context, r *guest.Request) *http.Request {
	q := &http.Request{
		Method: r.Method, Header: make(http.Header), Host: "localhost",
		URL:   &url.URL{Scheme: "http", Host: "localhost", Path: r.Path, RawPath: r.RawPath, RawQuery: r.Query},
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, ContentLength: -1,
	}
	for _, h := range r.Headers {
		switch {
		case isHopHeader(h.Name):
		case h.Name == "host":
			q.Host = h.Value
		case h.Name == "content-length":
			if n, err := strconv.ParseInt(h.Value, 10, 64); err == nil && n >= 0 {
				q.ContentLength = n
			}
		default:
			q.Header.Add(h.Name, h.Value)
		}
	}
	// A transport of Go names itself when the client did not.
	if _, named := q.Header["User-Agent"]; !named {
		q.Header["User-Agent"] = nil
	}
	if q.Body = http.NoBody; r.Body != nil && q.ContentLength != 0 {
		q.Body = io.NopCloser(r.Body)
		if closer, ok := r.Body.(io.ReadCloser); ok {
			q.Body = closer
		}
	} else {
		q.ContentLength = 0
	}
	return q.WithContext(ctx)
}

// explain says whether err comes from the end of the process.
func (e *executable) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	select {
	case <-e.child.done:
		return &guest.CrashError{Reason: e.child.reason()}
	case <-time.After(crashGrace):
		return &guest.ProgramError{Message: "the program did not answer: " + err.Error()}
	}
}

//go:build linux

package main_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"aleph/internal/compute/guest"
)

// The programs under test, built once.
var initPath, helloPath string

func TestMain(m *testing.M) { os.Exit(build(m)) }

func build(m *testing.M) int {
	dir, err := os.MkdirTemp("", "aleph-init")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	initPath, helloPath = filepath.Join(dir, "aleph-init"), filepath.Join(dir, "hello")
	for path, pkg := range map[string]string{initPath: "aleph/cmd/aleph-init", helloPath: "aleph/examples/hello-binary"} {
		cmd := exec.Command("go", "build", "-o", path, pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build %s: %v\n%s", pkg, err, out)
			return 1
		}
	}
	return m.Run()
}

// sandbox is an aleph-init that runs as an ordinary process.
type sandbox struct {
	*guest.Session
	transport *guest.Mux
	root      string
	port      string
	exited    <-chan error
	output    *lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// start runs aleph-init, which announces itself; the session has the given
// version, as a host that knows no newer one.
func start(t *testing.T, version string) *sandbox {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	near, far := os.NewFile(uintptr(fds[0]), "host"), os.NewFile(uintptr(fds[1]), "guest")
	conn, err := net.FileConn(near)
	if err != nil {
		t.Fatal(err)
	}
	_ = near.Close()
	mux, err := guest.NewMux(conn, guest.HostSide)
	if err != nil {
		t.Fatal(err)
	}
	signal, err := guest.ListenReady(mux)
	if err != nil {
		t.Fatal(err)
	}
	s := &sandbox{transport: mux, root: t.TempDir(), port: freePort(t), output: &lockedBuffer{}}
	for _, dir := range []string{"etc", "opt", "tmp"} {
		if err := os.Mkdir(filepath.Join(s.root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(initPath, "-root", s.root, "-port", s.port)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = far, s.output, s.output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = far.Close()
	exited, gone := make(chan error, 1), make(chan struct{})
	go func() {
		exited <- cmd.Wait()
		close(gone)
	}()
	s.exited = exited
	t.Cleanup(func() {
		_ = mux.Close() // ends aleph-init, which ends its program
		select {
		case <-gone:
		case <-time.After(30 * time.Second):
			t.Error("aleph-init outlives its host")
			_ = cmd.Process.Kill()
		}
		if t.Failed() {
			text := s.output.String()
			t.Logf("output of aleph-init:\n%s", text[max(0, len(text)-4000):])
		}
	})
	announced, err := signal.Wait(deadline(t))
	if err != nil || announced != guest.Version3 {
		t.Fatalf("ready signal: %q, %v", announced, err)
	}
	s.Session = guest.NewSession(mux, version)
	return s
}

// deadline is the test's context with a bound that only a hang passes.
func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

const vmHash = "decadecadecadecadecadecadecadecadecadecadecadecadecadecadecadeca"

// vmLabel is vmHash in base32. // spec crn 1.13
const vmLabel = "33fn5sw6zlpmvxwk33fn5sw6zlpmvxwk33fn5sw6zlpmvxwk33fa"

func python(source string) *guest.Config {
	return &guest.Config{VMHash: vmHash, Interface: guest.ASGI, Encoding: "plain", Entrypoint: "main:app", Code: []byte(source)}
}

// folder zips a folder of the repository.
func folder(t *testing.T, dir string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	if err := errors.Join(z.AddFS(os.DirFS(dir)), z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// get calls the program and returns status and body.
func (s *sandbox) get(t *testing.T, path string, body io.Reader) (int, string) {
	t.Helper()
	path, query, _ := strings.Cut(path, "?")
	r, err := s.Call(deadline(t), &guest.Request{
		Method: "GET", Path: path, RawPath: path, Query: query, Body: body, HTTPVersion: "1.1", Scheme: "http",
		Headers: []guest.Header{{Name: "host", Value: "example.org"}, {Name: "x-a", Value: "1"}, {Name: "x-a", Value: "2"}},
		Client:  guest.Address{Host: "192.0.2.1", Port: 1234}, Server: guest.Address{Host: "198.51.100.1", Port: 80},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.Status, string(b)
}

// prints waits until the output holds text.
func (s *sandbox) prints(t *testing.T, text string) {
	t.Helper()
	ctx := deadline(t)
	for tick := time.NewTicker(5 * time.Millisecond); !strings.Contains(s.output.String(), text); {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("the program does not print %q", text)
		}
	}
}

func (s *sandbox) configure(t *testing.T, c *guest.Config) {
	t.Helper()
	if err := s.Configure(deadline(t), c); err != nil {
		if setup, ok := errors.AsType[*guest.SetupError](err); ok {
			t.Fatalf("%v\n%s", err, setup.Traceback)
		}
		t.Fatal(err)
	}
}

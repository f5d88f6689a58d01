//go:build linux

package main_test

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
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

// showsEverything answers with what an application can see.
const showsEverything = `
import json, os, sys
started = []
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        assert (await receive())["type"] == "lifespan.startup"
        started.append(True)
        scope["state"]["from_lifespan"] = 7
        await send({"type": "lifespan.startup.complete"})
        assert (await receive())["type"] == "lifespan.shutdown"
        print("goodbye", flush=True)
        await send({"type": "lifespan.shutdown.complete"})
        return
    if scope["type"] == "aleph.message":
        message = await receive()
        assert message["body"] == scope["body"]
        if scope["body"] == "bad": raise ValueError("bad message")
        print("event", scope["body"], flush=True)
        return
    body = b""
    while True:
        m = await receive()
        body += m["body"]
        if not m["more_body"]: break
    path = scope["path"]
    if path == "/raise": raise ValueError("boom äöü")
    if path == "/nothing": return
    if path == "/exit": os._exit(3)
    if path == "/half":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise ValueError("in the middle")
    if path == "/500":
        await send({"type": "http.response.start", "status": 500, "headers": []})
        await send({"type": "http.response.body", "body": b"own error page"})
        return
    if path == "/framework":
        await send({"type": "http.response.start", "status": 500, "headers": []})
        await send({"type": "http.response.body", "body": b"Internal Server Error"})
        raise ValueError("re-raised")
    if path == "/flood":
        for _ in range(20000): print("x" * 100)
    text = {k: scope[k] for k in ("method", "path", "http_version", "scheme", "root_path", "client", "server", "state")}
    text["raw_path"] = scope["raw_path"].decode()
    text["query"] = scope["query_string"].decode()
    text["headers"] = [[k.decode(), v.decode()] for k, v in scope["headers"]]
    text["body"] = len(body)
    text["started"] = len(started)
    text["env"] = {k: v for k, v in os.environ.items() if k.startswith(("ALEPH_", "GREETING"))}
    await send({"type": "http.response.start", "status": 200, "headers": [(b"X-Test", b"1")]})
    await send({"type": "http.response.body", "body": json.dumps(text).encode()})
`

func TestASGI(t *testing.T) {
	t.Parallel()
	for _, version := range []string{guest.Version2, guest.Version3} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			s := start(t, version)
			c := python(showsEverything)
			c.Variables = map[string]string{"GREETING": "hallo = du"}
			c.DNSServers = []string{"192.0.2.53", "2001:db8::53"}
			s.configure(t, c)
			status, body := s.get(t, "/a?x=1%2B2&y", strings.NewReader("some body"))
			if status != 200 {
				t.Errorf("status %d", status)
			}
			for _, want := range []string{
				`"method": "GET"`, `"path": "/a"`, `"raw_path": "/a"`, `"query": "x=1%2B2&y"`, `"body": 9`, `"started": 1`,
				`["x-a", "1"], ["x-a", "2"]`, `"GREETING": "hallo = du"`, `"ALEPH_INIT_VERSION": "3.0.0"`,
				`"ALEPH_ADDRESS_TO_USE": "` + vmLabel + `"`, `"ALEPH_API_HOST": "http://localhost"`, "socat-socket",
				`"state": {"from_lifespan": 7}`,
			} {
				if !strings.Contains(body, want) {
					t.Errorf("no %s in %s", want, body)
				}
			}
			if version == guest.Version3 && !strings.Contains(body, `"client": ["192.0.2.1", 1234], "server": ["198.51.100.1", 80]`) {
				t.Errorf("addresses in %s", body)
			}
			resolver, err := os.ReadFile(filepath.Join(s.root, "etc", "resolv.conf"))
			if err != nil || string(resolver) != "nameserver 192.0.2.53\nnameserver 2001:db8::53\n" {
				t.Errorf("resolv.conf %q, %v", resolver, err)
			}
			for path, want := range map[string]string{
				"/raise": "ValueError: boom äöü", "/framework": "ValueError: re-raised", "/nothing": "without finishing",
			} {
				_, err := s.Call(deadline(t), &guest.Request{Method: "GET", Path: path})
				var raised *guest.ProgramError
				if !errors.As(err, &raised) || !strings.Contains(raised.Message, want) || !strings.Contains(raised.Traceback, want) {
					t.Errorf("%s: %v", path, err)
				}
			}
			if status, body := s.get(t, "/500", nil); status != 500 || body != "own error page" {
				t.Errorf("own error page: %d %q", status, body)
			}
			if err := s.Event(deadline(t), `{"a":1}`); err != nil {
				t.Errorf("event: %v", err)
			}
			s.prints(t, `event {"a":1}`)
			if err := s.Event(deadline(t), "bad"); err == nil || !strings.Contains(err.Error(), "bad message") {
				t.Errorf("event that raises: %v", err)
			}
			if status, _ := s.get(t, "/flood", nil); status != 200 {
				t.Errorf("after a flood of output: %d", status)
			}
			if err := s.Halt(deadline(t)); err != nil {
				t.Error(err)
			}
			if err := <-s.exited; err != nil {
				t.Errorf("exit: %v", err)
			}
			if !strings.Contains(s.output.String(), "goodbye") {
				t.Error("the lifespan was not shut down")
			}
		})
	}
}

func TestCrash(t *testing.T) {
	t.Parallel()
	s := start(t, guest.Version3)
	s.configure(t, python(showsEverything))
	_, err := s.Call(deadline(t), &guest.Request{Method: "GET", Path: "/exit"})
	var crash *guest.CrashError
	if !errors.As(err, &crash) || !strings.Contains(crash.Reason, "status 3") || !errors.Is(err, guest.ErrNoReply) {
		t.Errorf("crash: %v", err)
	}
	if err := <-s.exited; err == nil {
		t.Error("aleph-init survives its program")
	}
	if !strings.Contains(s.output.String(), "exited with status 3") {
		t.Errorf("log: %s", s.output)
	}
}

func TestHalfAnswer(t *testing.T) {
	t.Parallel()
	s := start(t, guest.Version3)
	s.configure(t, python(showsEverything))
	r, err := s.Call(deadline(t), &guest.Request{Method: "GET", Path: "/half"})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	var raised *guest.ProgramError
	if string(body) != "half" || !errors.As(err, &raised) || !strings.Contains(raised.Message, "in the middle") {
		t.Errorf("%q, %v", body, err)
	}
}

func TestSetupErrors(t *testing.T) {
	t.Parallel()
	bomb := func() []byte {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		w, err := z.Create("zeros")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(w, zeros{}, 100<<20); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	entry := func(name, content string, mode os.FileMode) []byte {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		h := &zip.FileHeader{Name: name}
		h.SetMode(mode)
		w, err := z.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, content); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	zipped := func(code []byte) *guest.Config {
		return &guest.Config{VMHash: vmHash, Interface: guest.ASGI, Encoding: "zip", Entrypoint: "main:app", Code: code}
	}
	program := func(code string) *guest.Config {
		return &guest.Config{VMHash: vmHash, Interface: guest.Executable, Encoding: "plain", Entrypoint: "run", Code: []byte(code)}
	}
	for name, test := range map[string]struct {
		config *guest.Config
		want   string
	}{
		"syntax":         {python("def app(:"), "SyntaxError"},
		"import":         {python("import no_such_module"), "No module named 'no_such_module'"},
		"no symbol":      {python("x = 1"), "no attribute 'app'"},
		"not callable":   {python("app = 1"), "not callable"},
		"exits":          {python("raise SystemExit(4)"), "SystemExit: 4"},
		"dies":           {python("import os; os._exit(5)"), "status 5"},
		"killed":         {python("import os; os.kill(os.getpid(), 9)"), "killed"},
		"startup":        {python("async def app(scope, receive, send):\n await send({'type': 'lifespan.startup.failed', 'message': 'no database'})"), "no database"},
		"no zip":         {zipped([]byte("hello")), "zip archive cannot be read"},
		"bomb":           {zipped(bomb()), "more than the 16777216 bytes"},
		"escape":         {zipped(entry("../evil", "x", 0o644)), "leaves the archive"},
		"absolute":       {zipped(entry("/evil", "x", 0o644)), "leaves the archive"},
		"backslashes":    {zipped(entry(`..\evil`, "x", 0o644)), "leaves the archive"},
		"link":           {zipped(entry("link", "../../etc", os.ModeSymlink|0o777)), "leaves the archive"},
		"device":         {zipped(entry("null", "", os.ModeDevice|0o666)), "not allowed"},
		"empty zip":      {zipped(folder(t, t.TempDir())), "No module named 'main'"},
		"not executable": {program("hello"), "not a program for this machine"},
		"no interpreter": {program("#!/no/such/shell\n"), "not in this runtime"},
		"exits at once":  {program("#!/bin/sh\nexit 6\n"), "status 6"},
		"outside":        {&guest.Config{VMHash: vmHash, Interface: guest.Executable, Encoding: "plain", Entrypoint: "../x"}, "not a path inside"},
		"hash":           {&guest.Config{VMHash: "xyz"}, "not hexadecimal"},
		"interface":      {&guest.Config{VMHash: vmHash, Interface: "smoke"}, "unknown interface"},
		"encoding":       {&guest.Config{VMHash: vmHash, Interface: guest.ASGI, Encoding: "rar"}, "unknown encoding"},
		"variable":       {&guest.Config{VMHash: vmHash, Variables: map[string]string{"A=": "x"}}, "environment variable"},
		"data":           {&guest.Config{VMHash: vmHash, InputData: []byte("x")}, "data: the zip archive"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, guest.Version3)
			err := s.Configure(deadline(t), test.config)
			var setup *guest.SetupError
			if !errors.As(err, &setup) || !strings.Contains(setup.Message, test.want) {
				t.Errorf("got %v; want %s", err, test.want)
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(s.root), "evil")); err == nil {
				t.Error("a file outside the root")
			}
		})
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestStreams(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]*guest.Config{
		"asgi": python(`
async def app(scope, receive, send):
    if scope["type"] != "http": raise NotImplementedError
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"", "more_body": True})
    while True:
        m = await receive()
        if m["type"] == "http.disconnect":
            print("disconnected", flush=True)
            return
        await send({"type": "http.response.body", "body": m["body"].upper(), "more_body": m["more_body"]})
        if not m["more_body"]: return
`),
		"executable": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, guest.Version3)
			upper := strings.ToUpper
			path := "/"
			if config == nil {
				code, err := os.ReadFile(helloPath)
				if err != nil {
					t.Fatal(err)
				}
				config = &guest.Config{VMHash: vmHash, Interface: guest.Executable, Encoding: "plain", Entrypoint: "bin/hello", Code: code}
				upper, path = strings.Clone, "/echo"
			}
			s.configure(t, config)
			body, upload := io.Pipe()
			// The Go program sends its head with the first byte of its answer.
			go func() { _, _ = io.WriteString(upload, "hello") }()
			r, err := s.Call(deadline(t), &guest.Request{Method: "POST", Path: path, RawPath: path, Body: body})
			if err != nil {
				t.Fatal(err)
			}
			buf := make([]byte, 5)
			if _, err := io.ReadFull(r.Body, buf); err != nil || string(buf) != upper("hello") {
				t.Fatalf("%q, %v", buf, err)
			}
			if _, err := io.WriteString(upload, "world"); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(r.Body, buf); err != nil || string(buf) != upper("world") {
				t.Fatalf("%q, %v", buf, err)
			}
			big := bytes.Repeat([]byte("x"), 5<<20)
			go func() {
				_, _ = upload.Write(big)
				_ = upload.Close()
			}()
			rest, err := io.ReadAll(r.Body)
			if err != nil || len(rest) != len(big) {
				t.Errorf("%d bytes, %v", len(rest), err)
			}
			_ = r.Body.Close()

			// And a client that leaves.
			body, upload = io.Pipe()
			go func() { _, _ = io.WriteString(upload, "hello") }()
			r, err = s.Call(deadline(t), &guest.Request{Method: "POST", Path: path, RawPath: path, Body: body})
			if err != nil {
				t.Fatal(err)
			}
			_ = r.Body.Close()
			_ = upload.CloseWithError(io.ErrUnexpectedEOF)
			if name == "asgi" {
				s.prints(t, "disconnected")
			}
		})
	}
}

func TestExamples(t *testing.T) {
	t.Parallel()
	s := start(t, guest.Version3)
	data := folder(t, "../../examples/hello-asgi")
	s.configure(t, &guest.Config{
		VMHash: vmHash, Interface: guest.ASGI, Encoding: "zip", Entrypoint: "main:app", InputData: data,
		Code: folder(t, "../../examples/hello-asgi"),
	})
	status, body := s.get(t, "/x?y=1", strings.NewReader(strings.Repeat("x", 1<<20)))
	if want := `{"method": "GET", "path": "/x", "query": "y=1", "bytes_received": 1048576}`; status != 200 || body != want {
		t.Errorf("%d %s", status, body)
	}
	if _, err := os.Stat(filepath.Join(s.root, "data", "main.py")); err != nil {
		t.Error(err)
	}
}

// TestGuestAPI asks the host through the socket that programs are told of.
func TestGuestAPI(t *testing.T) {
	t.Parallel()
	s := start(t, guest.Version3)
	l, err := s.transport.Listen(guest.APIPort)
	if err != nil {
		t.Fatal(err)
	}
	api := &guest.API{VM: vmHash, Cache: guest.NewCache(time.Now), Log: slog.New(slog.DiscardHandler)}
	server := api.Server()
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	defer func() {
		_ = server.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	}()
	s.configure(t, python(`
import socket, os
def ask(text):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(os.environ["ALEPH_API_UNIX_SOCKET"])
        s.sendall(text.encode())
        return s.recv(10000)
async def app(scope, receive, send):
    if scope["type"] != "http": raise NotImplementedError
    ask("PUT /cache/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nConnection: close\r\n\r\n42")
    answer = ask("GET /cache/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": answer})
`))
	_, body := s.get(t, "/", nil)
	reply, err := http.ReadResponse(bufio.NewReader(strings.NewReader(body)), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	if got, err := io.ReadAll(reply.Body); err != nil || string(got) != "42" {
		t.Errorf("%s: %q, %v", reply.Status, got, err)
	}
}

// TestHostLeaves closes the connection: a sandbox without a host ends.
func TestHostLeaves(t *testing.T) {
	t.Parallel()
	s := start(t, guest.Version3)
	s.configure(t, python(showsEverything))
	_ = s.transport.Close()
	if err := <-s.exited; err == nil {
		t.Error("exit status 0 without a halt")
	}
}

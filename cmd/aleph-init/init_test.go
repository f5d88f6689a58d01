//go:build linux

package main_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aleph/internal/compute/guest"
)

// showsEverything answers with what an application can see.
const showsEverything = `
import asyncio, json, os, sys
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
    if path == "/cancelled": raise asyncio.CancelledError()
    if path == "/base": raise type("Base", (BaseException,), {})("no Exception")
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
				"/cancelled": "CancelledError", "/base": "Base: no Exception",
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

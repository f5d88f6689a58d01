package guest_test

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/vmihailenco/msgpack/v5"

	"aleph/internal/compute/guest"
)

// fakeFirecracker answers connections to the Unix socket of a hybrid vsock as
// Firecracker and a guest of version 2.0.0 do: answers[i] is what connection i
// gets once the guest has read everything that it expects.
func fakeFirecracker(t *testing.T, path string, guests ...func(r *bufio.Reader) (answer []byte, err error)) <-chan error {
	t.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	done := make(chan error, 1)
	go func() {
		for i, inside := range guests {
			conn, err := l.Accept()
			if err != nil {
				done <- err
				return
			}
			r := bufio.NewReader(conn)
			line, err := r.ReadString('\n')
			if err == nil && line != "CONNECT 52\n" {
				err = fmt.Errorf("connection %d starts with %q", i, line)
			}
			var answer []byte
			if err == nil {
				answer, err = inside(r)
			}
			if err == nil {
				_, err = fmt.Fprintf(conn, "OK %d\n%s", 1073741824+i, answer)
			}
			_ = conn.Close()
			if err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	return done
}

// TestVsockTranscript plays the transcript of the specification. // spec crn A.4
func TestVsockTranscript(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "v.sock")
	var chowned string
	v := guest.NewVsock(path, func(p string) error { chowned = p; return nil })
	defer func() { _ = v.Close() }()

	signal, err := guest.ListenReady(v)
	if err != nil {
		t.Fatal(err)
	}
	if chowned != path+"_52" {
		t.Errorf("chowned %q", chowned)
	}
	conn, err := net.Dial("unix", path+"_52")
	if err != nil {
		t.Fatal(err)
	}
	hello, err := hex.DecodeString("81a776657273696f6ea5322e302e30")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(hello); err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	version, err := signal.Wait(t.Context())
	if err != nil || version != guest.Version2 {
		t.Fatalf("%q, %v", version, err)
	}

	done := fakeFirecracker(t, path,
		func(r *bufio.Reader) ([]byte, error) {
			line, err := r.ReadString('\n')
			if err != nil {
				return nil, err
			}
			n, err := strconv.Atoi(strings.TrimSuffix(line, "\n"))
			if err != nil {
				return nil, err
			}
			raw := make([]byte, n)
			if _, err := io.ReadFull(r, raw); err != nil {
				return nil, err
			}
			var cfg map[string]any
			if err := msgpack.Unmarshal(raw, &cfg); err != nil {
				return nil, err
			}
			if cfg["vm_hash"] != "cafe" || cfg["interface"] != "asgi" {
				return nil, fmt.Errorf("configuration %v", cfg)
			}
			return []byte("\x81\xa7success\xc3"), nil
		},
		func(r *bufio.Reader) ([]byte, error) {
			var call struct {
				Scope map[string]any `msgpack:"scope"`
			}
			if err := msgpack.NewDecoder(r).Decode(&call); err != nil {
				return nil, err
			}
			if call.Scope["type"] != "http" || call.Scope["query_string"] != "a=%20" || call.Scope["path"] != "/p" {
				return nil, fmt.Errorf("scope %v", call.Scope)
			}
			pair := call.Scope["headers"].([]any)[0].([]any)
			if !bytes.Equal(pair[0].([]byte), []byte("x-a")) || !bytes.Equal(pair[1].([]byte), []byte("1")) {
				return nil, fmt.Errorf("headers %v", call.Scope["headers"])
			}
			return msgpack.Marshal(map[string]any{
				"headers": map[string]any{
					"type": "http.response.start", "status": 200,
					"headers": [][][]byte{{[]byte("content-type"), []byte("text/plain")}},
				},
				"body":   map[string]any{"type": "http.response.body", "body": []byte("hello")},
				"output": "", "output_data": nil,
			})
		},
		func(r *bufio.Reader) ([]byte, error) {
			word := make([]byte, 4)
			if _, err := io.ReadFull(r, word); err != nil || string(word) != "halt" {
				return nil, fmt.Errorf("%q, %w", word, err)
			}
			return []byte("STOP\nSTOPZ\n"), nil
		},
	)
	s := guest.NewSession(v, version)
	if err := s.Configure(t.Context(), &guest.Config{VMHash: "cafe", Interface: guest.ASGI}); err != nil {
		t.Fatal(err)
	}
	r, err := s.Call(t.Context(), &guest.Request{
		Method: "GET", Path: "/p", Query: "a=%20", Headers: []guest.Header{{Name: "x-a", Value: "1"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if body := answer(t, r); r.Status != 200 || string(body) != "hello" || r.Headers[0].Value != "text/plain" {
		t.Errorf("%+v %q", r, body)
	}
	if err := s.Halt(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestVsockRefuses(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "v.sock")
	v := guest.NewVsock(path, nil)
	s := guest.NewSession(v, guest.Version2)
	if err := s.Halt(t.Context()); err == nil {
		t.Error("no socket, no error")
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, answer := range []string{"", "NO\n", "OK x\n", strings.Repeat("O", 100)} {
		go func() {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 1000))
			_, _ = io.WriteString(conn, answer)
			_ = conn.Close()
		}()
		_, err := s.Call(t.Context(), &guest.Request{Method: "GET"})
		if !errors.Is(err, guest.ErrNoReply) {
			t.Errorf("answer %q: %v", answer, err)
		}
	}
	if err := errors.Join(v.Close(), v.Close()); err != nil {
		t.Error(err)
	}
	if _, err := v.Listen(52); !errors.Is(err, net.ErrClosed) {
		t.Errorf("listen after close: %v", err)
	}
}

// TestFirstVersion is a guest that says nothing when it is ready. // spec crn 3.4
func TestFirstVersion(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "v.sock")
	v := guest.NewVsock(path, nil)
	defer func() { _ = v.Close() }()
	signal, err := guest.ListenReady(v)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("unix", path+"_52")
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	if version, err := signal.Wait(t.Context()); err != nil || version != guest.Version1 {
		t.Errorf("%q, %v", version, err)
	}
}

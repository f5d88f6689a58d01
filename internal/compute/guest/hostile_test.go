package guest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vmihailenco/msgpack/v5"
)

// scripted is a transport whose other end reads everything and answers reply.
type scripted struct{ reply []byte }

func (s scripted) Dial(context.Context, uint32) (net.Conn, error) {
	near, far := net.Pipe()
	go func() {
		_, _ = far.Read(make([]byte, 1<<20))
		_, _ = far.Write(s.reply)
		_ = far.Close()
	}()
	return near, nil
}

func (scripted) Listen(uint32) (net.Listener, error) { return nil, errors.ErrUnsupported }
func (scripted) Close() error                        { return nil }

// deep is n arrays, each inside the other.
func deep(n int) []byte { return append(bytes.Repeat([]byte{0x91}, n), 0xc0) }

func TestHostileReplies(t *testing.T) {
	t.Parallel()
	frame := func(kind frameKind, payload []byte) []byte {
		return append(appendHeader(nil, kind, len(payload)), payload...)
	}
	start, err := appendFrame(nil, frameResponse, &wireResponse{Status: 200})
	if err != nil {
		t.Fatal(err)
	}
	early, err := appendFrame(nil, frameResponse, &wireResponse{Status: 101})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, version string
		reply         []byte
		want          error
	}{
		{"silence", Version2, nil, ErrNoReply},
		{"noise", Version2, []byte("hello"), ErrMalformed},
		{"deep", Version2, deep(1_000_000), ErrMalformed},
		{"deep member", Version2, append([]byte("\x81\xa1x"), deep(1000)...), ErrMalformed},
		{"two values", Version2, []byte{0x80, 0x80}, ErrMalformed},
		{"no status", Version2, []byte{0x80}, ErrMalformed},
		{"long", Version2, make([]byte, MaxMessage+1), ErrTooLarge},
		{"length that lies", Version2, []byte{0xc6, 0xff, 0xff, 0xff, 0xff}, ErrMalformed},
		{"entries that lie", Version2, []byte{0xdf, 0xff, 0xff, 0xff, 0xff}, ErrMalformed},
		{"silence", Version3, nil, ErrNoReply},
		{"noise", Version3, []byte("hello"), ErrMalformed},
		{"part of a frame", Version3, start[:7], ErrNoReply},
		{"large frame", Version3, []byte{'S', 0xff, 0xff, 0xff, 0xff}, ErrMalformed},
		{"deep", Version3, frame(frameResponse, deep(100_000)), ErrMalformed},
		{"body first", Version3, frame(frameData, []byte("x")), ErrMalformed},
		{"switching protocols", Version3, early, ErrMalformed},
		{"body that stops", Version3, append(bytes.Clone(start), frame(frameData, []byte("x"))...), ErrNoReply},
		{"second head", Version3, append(bytes.Clone(start), start...), ErrMalformed},
		{"end with payload", Version3, append(bytes.Clone(start), frame(frameEnd, []byte("x"))...), ErrMalformed},
		{"large data", Version3, append(bytes.Clone(start), frame(frameData, make([]byte, maxData+1))...), ErrMalformed},
	} {
		t.Run(test.version+" "+test.name, func(t *testing.T) {
			t.Parallel()
			r, err := NewSession(scripted{test.reply}, test.version).Call(t.Context(), &Request{Method: "GET"})
			if err == nil {
				_, err = io.ReadAll(r.Body)
				_ = r.Body.Close()
			}
			if !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

// FuzzReply feeds the host what a guest might send.
func FuzzReply(f *testing.F) {
	start, err := appendFrame(nil, frameResponse, &wireResponse{Status: 200, Headers: []Header{{"a", "b"}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(start)
	f.Add(append(start, "D\x00\x00\x00\x01xE\x00\x00\x00\x00"...))
	f.Add([]byte("\x82\xa7headers\x81\xa6status\xcc\xc8\xa4body\x81\xa4body\xc4\x01x"))
	f.Add([]byte("\x82\xa5error\xa4boom\xa9traceback\xa1t"))
	f.Add(deep(20))
	f.Fuzz(func(t *testing.T, reply []byte) {
		for _, version := range []string{Version2, Version3} {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			r, err := NewSession(scripted{reply}, version).Call(ctx, &Request{Method: "GET"})
			if err == nil {
				_, _ = io.Copy(io.Discard, r.Body)
				_ = r.Body.Close()
			}
			if ctx.Err() != nil {
				t.Error("the call hangs")
			}
			cancel()
		}
	})
}

// FuzzValue compares the walk over a value with the decoder.
func FuzzValue(f *testing.F) {
	f.Add([]byte{0x81, 0xa1, 'a', 0x92, 1, 2})
	f.Add([]byte{0xc7, 1, 5, 9})
	f.Add([]byte{0xd4, 1, 2})
	f.Add([]byte{0xdc, 0, 2, 0xc0, 0xcb, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, raw []byte) {
		value, err := readValue(bufio.NewReader(bytes.NewReader(raw)), len(raw))
		if err != nil {
			return
		}
		if !bytes.HasPrefix(raw, value) {
			t.Errorf("read %x out of %x", value, raw)
		}
		d := msgpack.NewDecoder(bytes.NewReader(value))
		err = d.Skip()
		if err != nil && !strings.Contains(err.Error(), "ext") {
			t.Errorf("the decoder does not take %x: %v", value, err)
		}
		rest, readErr := io.ReadAll(d.Buffered())
		if err == nil && (readErr != nil || len(rest) != 0) {
			t.Errorf("the decoder left %x of %x", rest, value)
		}
	})
}

type nothing struct{}

func (nothing) Configure(context.Context, *Config) error                   { return nil }
func (nothing) HTTP(_ context.Context, r *Request, w ResponseWriter) error { return copyBack(r, w) }
func (nothing) Event(context.Context, string) error                        { return nil }
func (nothing) Halt(context.Context) error                                 { return nil }
func copyBack(r *Request, w ResponseWriter) error {
	if err := w.Start(200, r.Headers); err != nil || r.Body == nil {
		return err
	}
	_, err := io.Copy(w, r.Body)
	return err
}

// FuzzServer feeds the guest what a host might send.
func FuzzServer(f *testing.F) {
	request, err := appendFrame([]byte(preamble), frameRequest, &wireRequest{Method: "GET", Body: true})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(append(request, "D\x00\x00\x00\x01xE\x00\x00\x00\x00"...))
	f.Add([]byte("12\n\x80"))
	f.Add([]byte("\x81\xa5scope\x82\xa4type\xa4http\xa4body\xc4\x01x"))
	f.Add([]byte("!ls"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		s := NewServer(nothing{}, slog.New(slog.DiscardHandler))
		s.ready = true
		near, far := net.Pipe()
		done := make(chan struct{})
		go func() {
			defer close(done)
			c := &serverConn{Server: s, conn: far, in: bufio.NewReader(far)}
			c.serve(t.Context())
		}()
		go func() { _, _ = io.Copy(io.Discard, near) }()
		go func() {
			_, _ = near.Write(raw)
			_ = near.Close()
		}()
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			t.Error("the server hangs")
		}
	})
}

func TestConfigPayload(t *testing.T) {
	t.Parallel()
	c := &Config{Interface: Executable, VMHash: "cafe", Encoding: "plain", Entrypoint: "run", IP: "172.16.4.2", IPv6: "fd00::2/124"}
	want := map[string]any{
		"input_data": nil, "interface": "executable", "vm_hash": "cafe", "encoding": "plain", "entrypoint": "run",
		"code": []byte{}, "ip": "172.16.4.2", "route": nil, "dns_servers": []any{}, "volumes": []any{}, "variables": nil,
	}
	for _, version := range []string{Version1, Version2, Version3, "9.9.9"} {
		raw, err := c.encode(version)
		if err != nil {
			t.Fatal(err)
		}
		if version == Version2 {
			want["ipv6"], want["ipv6_gateway"], want["authorized_keys"] = "fd00::2/124", nil, nil
		}
		var got map[string]any
		if err := msgpack.Unmarshal(raw, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("version %s (-want +got):\n%s", version, diff)
		}
		back, err := decodeConfig(raw)
		if err != nil {
			t.Fatal(err)
		}
		if back.Entrypoint != "run" || back.IP != c.IP || (version != Version1 && back.IPv6 != c.IPv6) {
			t.Errorf("version %s came back as %+v", version, back)
		}
	}
}

func TestInterfaceOf(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		declared, entrypoint string
		want                 Interface
	}{
		{"", "main:app", ASGI}, {"", "run.sh", Executable}, {"binary", "main:app", Executable}, {"asgi", "app", ASGI},
	} {
		if got := InterfaceOf(test.declared, test.entrypoint); got != test.want {
			t.Errorf("%q, %q: %s", test.declared, test.entrypoint, got)
		}
	}
}

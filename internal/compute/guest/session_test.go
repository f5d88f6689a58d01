package guest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aleph/internal/compute/guest"
)

var versions = []string{guest.Version2, guest.Version3}

// echo answers with what it received.
func echo(_ context.Context, r *guest.Request, w guest.ResponseWriter) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	err = w.Start(201, []guest.Header{{Name: "x-query", Value: r.Query}, {Name: "x-path", Value: r.Path}, {Name: "x-path", Value: r.Method}})
	if err != nil {
		return err
	}
	_, err = w.Write(body)
	return err
}

func TestCall(t *testing.T) {
	t.Parallel()
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			s := configured(t, &testProgram{http: echo}, version)
			var wait sync.WaitGroup
			for i := range 20 {
				wait.Go(func() {
					sent := pattern(i * i * 2000)
					r, err := s.Call(t.Context(), &guest.Request{
						Method: "PUT", Path: "/ä/b", RawPath: "/%C3%A4/b", Query: "x=1%2B2&y", Body: bytes.NewReader(sent),
						Headers: []guest.Header{{Name: "a", Value: "b"}},
					})
					if err != nil {
						t.Error(err)
						return
					}
					want := []guest.Header{{Name: "x-query", Value: "x=1%2B2&y"}, {Name: "x-path", Value: "/ä/b"}, {Name: "x-path", Value: "PUT"}}
					if diff := cmp.Diff(want, r.Headers); r.Status != 201 || diff != "" {
						t.Errorf("status %d, headers (-want +got):\n%s", r.Status, diff)
					}
					if got := answer(t, r); !bytes.Equal(got, sent) {
						t.Errorf("got %d bytes, sent %d", len(got), len(sent))
					}
				})
			}
			wait.Wait()
		})
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	failures := map[string]error{
		"raised": &guest.ProgramError{Message: "ValueError: boom", Traceback: "Traceback: …"},
		"plain":  errors.New("some reason"),
		"crash":  &guest.CrashError{Reason: "the program exited with status 3"},
		"silent": nil,
		"huge":   &guest.ProgramError{Message: "m", Traceback: strings.Repeat("x", 5<<20)},
	}
	p := &testProgram{
		http:  func(_ context.Context, r *guest.Request, _ guest.ResponseWriter) error { return failures[r.Path] },
		event: func(body string) error { return failures[body] },
	}
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			s := configured(t, p, version)
			for _, path := range []string{"raised", "plain", "silent", "huge"} {
				_, err := s.Call(t.Context(), &guest.Request{Method: "GET", Path: path})
				var told *guest.ProgramError
				if !errors.As(err, &told) || told.Message == "" {
					t.Errorf("%s: %v", path, err)
				}
				if path == "raised" && told.Traceback != "Traceback: …" {
					t.Errorf("traceback %q", told.Traceback)
				}
			}
			if _, err := s.Call(t.Context(), &guest.Request{Method: "GET", Path: "crash"}); !errors.Is(err, guest.ErrNoReply) {
				t.Errorf("crash: %v", err)
			}
			if err := s.Event(t.Context(), "silent"); err != nil {
				t.Errorf("event: %v", err)
			}
			if err := s.Event(t.Context(), "raised"); err == nil || !strings.Contains(err.Error(), "boom") {
				t.Errorf("event that raises: %v", err)
			}
		})
	}
}

func TestBeforeConfiguration(t *testing.T) {
	t.Parallel()
	for _, version := range versions {
		s := serve(t, &testProgram{http: echo}, version)
		_, err := s.Call(t.Context(), &guest.Request{Method: "GET"})
		if err == nil || !strings.Contains(err.Error(), "not been configured") {
			t.Errorf("%s: %v", version, err)
		}
	}
}

func TestSetupError(t *testing.T) {
	t.Parallel()
	p := &testProgram{configure: func(c *guest.Config) error {
		if c.Entrypoint != "main:app" || c.Variables["A"] != "b" || len(c.Code) != 300_000 {
			return fmt.Errorf("received %+v", c)
		}
		return &guest.SetupError{Message: "no module", Traceback: "Traceback: …"}
	}}
	s := serve(t, p, guest.Version3)
	cfg := &guest.Config{VMHash: "cafe", Entrypoint: "main:app", Variables: map[string]string{"A": "b"}, Code: pattern(300_000)}
	err := s.Configure(t.Context(), cfg)
	var setup *guest.SetupError
	if !errors.As(err, &setup) || setup.Message != "no module" || setup.Traceback != "Traceback: …" {
		t.Errorf("first: %v", err)
	}
	if err := s.Configure(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("second: %v", err)
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	p := &testProgram{http: func(_ context.Context, _ *guest.Request, w guest.ResponseWriter) error {
		if err := w.Start(200, nil); err != nil {
			return err
		}
		_, err := w.Write(make([]byte, 11_000_000))
		return err
	}}
	s := configured(t, p, guest.Version2)
	_, err := s.Call(t.Context(), &guest.Request{Method: "POST", Body: bytes.NewReader(make([]byte, guest.MaxMessage+1))})
	if !errors.Is(err, guest.ErrTooLarge) {
		t.Errorf("large request: %v", err)
	}
	_, err = s.Call(t.Context(), &guest.Request{Method: "GET"})
	if err == nil || !strings.Contains(err.Error(), "too large") {
		t.Errorf("large response of 2.0.0: %v", err)
	}
	s = configured(t, p, guest.Version3)
	r, err := s.Call(t.Context(), &guest.Request{Method: "GET"})
	if err != nil {
		t.Fatal(err)
	}
	if got := answer(t, r); len(got) != 11_000_000 {
		t.Errorf("streamed %d bytes", len(got))
	}
}

// TestStreaming exchanges messages through bodies that have not ended.
func TestStreaming(t *testing.T) {
	t.Parallel()
	p := &testProgram{http: func(_ context.Context, r *guest.Request, w guest.ResponseWriter) error {
		if err := w.Start(200, nil); err != nil {
			return err
		}
		if err := w.Flush(); err != nil {
			return err
		}
		buf := make([]byte, 100)
		for {
			n, err := r.Body.Read(buf)
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			if _, err := w.Write(bytes.ToUpper(buf[:n])); err != nil {
				return err
			}
			if err := w.Flush(); err != nil {
				return err
			}
		}
	}}
	s := configured(t, p, guest.Version3)
	body, upload := io.Pipe()
	r, err := s.Call(t.Context(), &guest.Request{Method: "POST", Body: body})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	buf := make([]byte, 5)
	for _, word := range []string{"hello", "world"} {
		if _, err := io.WriteString(upload, word); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(r.Body, buf); err != nil || !strings.EqualFold(string(buf), word) || string(buf) == word {
			t.Fatalf("%q, %v", buf, err)
		}
	}
	if err := upload.Close(); err != nil {
		t.Fatal(err)
	}
	if n, err := r.Body.Read(buf); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("end: %d, %v", n, err)
	}
}

// TestDisconnect shows that the program sees its client go, however it goes.
func TestDisconnect(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(cancel func(), r *guest.Response){
		"close":  func(_ func(), r *guest.Response) { _ = r.Body.Close() },
		"cancel": func(cancel func(), _ *guest.Response) { cancel() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gone := make(chan struct{})
			p := &testProgram{http: func(ctx context.Context, _ *guest.Request, w guest.ResponseWriter) error {
				if err := errors.Join(w.Start(200, nil), w.Flush()); err != nil {
					return err
				}
				<-ctx.Done()
				close(gone)
				return ctx.Err()
			}}
			s := configured(t, p, guest.Version3)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			r, err := s.Call(ctx, &guest.Request{Method: "GET"})
			if err != nil {
				t.Fatal(err)
			}
			leave(cancel, r)
			<-gone
			if name == "cancel" {
				if _, err := io.ReadAll(r.Body); !errors.Is(err, context.Canceled) {
					t.Errorf("read after cancel: %v", err)
				}
			}
			_ = r.Body.Close()
		})
	}
}

// TestSlowReader shows that a program can send only as far as its client reads.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	const total = 8 << 20
	written := make(chan int, total/1024)
	p := &testProgram{http: func(_ context.Context, r *guest.Request, w guest.ResponseWriter) error {
		if err := w.Start(200, nil); err != nil || r.Path == "/quick" {
			return err
		}
		for range total / 1024 {
			if _, err := w.Write(make([]byte, 1024)); err != nil {
				return err
			}
			written <- 1024
		}
		close(written)
		return nil
	}}
	s := configured(t, p, guest.Version3)
	slow, err := s.Call(t.Context(), &guest.Request{Method: "GET"})
	if err != nil {
		t.Fatal(err)
	}
	// Another call works meanwhile, and the first has not got far.
	quick, err := s.Call(t.Context(), &guest.Request{Method: "GET", Path: "/quick"})
	if err != nil {
		t.Fatal(err)
	}
	answer(t, quick)
	if len(written)*1024 > total/2 {
		t.Errorf("%d bytes were written and nobody read", len(written)*1024)
	}
	if got := answer(t, slow); len(got) != total {
		t.Errorf("got %d bytes", len(got))
	}
}

// TestEarlyAnswer is a program that refuses an upload that goes on for ever.
func TestEarlyAnswer(t *testing.T) {
	t.Parallel()
	p := &testProgram{http: func(_ context.Context, _ *guest.Request, w guest.ResponseWriter) error {
		return w.Start(413, nil)
	}}
	s := configured(t, p, guest.Version3)
	body, upload := io.Pipe()
	defer func() { _ = upload.Close() }()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			if _, err := upload.Write(make([]byte, 32<<10)); err != nil {
				return
			}
		}
	}()
	r, err := s.Call(t.Context(), &guest.Request{Method: "POST", Body: body})
	if err != nil || r.Status != 413 {
		t.Fatalf("%+v, %v", r, err)
	}
	answer(t, r)
	_ = body.Close() // what net/http does when the handler has returned
	<-ended
}

func TestDeadline(t *testing.T) {
	t.Parallel()
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			release := make(chan struct{})
			defer close(release)
			p := &testProgram{http: func(ctx context.Context, _ *guest.Request, _ guest.ResponseWriter) error {
				select {
				case <-release:
				case <-ctx.Done():
				}
				return errors.New("too late")
			}}
			s := configured(t, p, version)
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
			defer cancel()
			if _, err := s.Call(ctx, &guest.Request{Method: "GET"}); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestUploadFails is a client that goes away in the middle of its upload.
func TestUploadFails(t *testing.T) {
	t.Parallel()
	seen := make(chan error, 1)
	p := &testProgram{http: func(_ context.Context, r *guest.Request, _ guest.ResponseWriter) error {
		_, err := io.ReadAll(r.Body)
		seen <- err
		return err
	}}
	s := configured(t, p, guest.Version3)
	broken := errors.New("connection reset by the client")
	body := io.MultiReader(strings.NewReader("some"), &failingReader{broken})
	if _, err := s.Call(t.Context(), &guest.Request{Method: "POST", Body: body}); !errors.Is(err, broken) {
		t.Errorf("call: %v", err)
	}
	if err := <-seen; err == nil {
		t.Error("the program saw a complete body")
	}
}

type failingReader struct{ err error }

func (r *failingReader) Read([]byte) (int, error) { return 0, r.err }

func TestHalt(t *testing.T) {
	t.Parallel()
	p := &testProgram{halted: make(chan struct{})}
	s := configured(t, p, guest.Version3)
	if err := s.Halt(t.Context()); err != nil {
		t.Error(err)
	}
	<-p.halted
}

// TestGuestDies closes the connection in the middle of everything.
func TestGuestDies(t *testing.T) {
	t.Parallel()
	for _, version := range versions {
		host, inside := muxPair(t)
		listener, err := inside.Listen(guest.ControlPort)
		if err != nil {
			t.Fatal(err)
		}
		s := guest.NewSession(host, version)
		result := make(chan error, 1)
		go func() {
			_, err := s.Call(t.Context(), &guest.Request{Method: "GET"})
			result <- err
		}()
		conn, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 10)); err != nil {
			t.Fatal(err)
		}
		_ = inside.Close()
		if err := <-result; !errors.Is(err, guest.ErrNoReply) {
			t.Errorf("%s: %v", version, err)
		}
		if _, err := s.Call(t.Context(), &guest.Request{Method: "GET"}); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s, afterwards: %v", version, err)
		}
	}
}

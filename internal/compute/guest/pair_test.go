package guest_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"aleph/internal/compute/guest"
)

// socketPair returns two connected Unix sockets, as between host and sandbox.
func socketPair(t *testing.T) (host, inside net.Conn) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	var conns [2]net.Conn
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "socket")
		if conns[i], err = net.FileConn(f); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return conns[0], conns[1]
}

// muxPair returns both ends of a multiplexed connection.
func muxPair(t *testing.T) (host, inside *guest.Mux) {
	t.Helper()
	a, b := socketPair(t)
	host, err := guest.NewMux(a, guest.HostSide)
	if err != nil {
		t.Fatal(err)
	}
	inside, err = guest.NewMux(b, guest.GuestSide)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = host.Close()
		_ = inside.Close()
	})
	return host, inside
}

// testProgram is a guest program made of functions.
type testProgram struct {
	configure func(*guest.Config) error
	http      func(context.Context, *guest.Request, guest.ResponseWriter) error
	event     func(string) error
	halted    chan struct{}
}

func (p *testProgram) Configure(_ context.Context, c *guest.Config) error {
	if p.configure == nil {
		return nil
	}
	return p.configure(c)
}

func (p *testProgram) HTTP(ctx context.Context, r *guest.Request, w guest.ResponseWriter) error {
	return p.http(ctx, r, w)
}

func (p *testProgram) Event(_ context.Context, body string) error { return p.event(body) }

func (p *testProgram) Halt(context.Context) error {
	if p.halted != nil {
		close(p.halted)
	}
	return nil
}

// serve runs p as a guest on t until the test ends, and returns a session with
// a guest of the given version.
func serve(t *testing.T, p guest.Program, version string) *guest.Session {
	t.Helper()
	host, inside := muxPair(t)
	signal, err := guest.ListenReady(host)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := inside.Listen(guest.ControlPort)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		if err := guest.SendReady(t.Context(), inside, version); err != nil {
			done <- err
			return
		}
		done <- guest.NewServer(p, slog.New(slog.NewTextHandler(t.Output(), nil))).Serve(t.Context(), listener)
	}()
	t.Cleanup(func() {
		if err := <-done; err != nil && !errors.Is(err, net.ErrClosed) {
			t.Errorf("serve: %v", err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	got, err := signal.Wait(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if got != version {
		t.Fatalf("announced %q, want %q", got, version)
	}
	return guest.NewSession(host, version)
}

// configured is serve with a configured guest.
func configured(t *testing.T, p guest.Program, version string) *guest.Session {
	t.Helper()
	s := serve(t, p, version)
	if err := s.Configure(t.Context(), &guest.Config{VMHash: "cafe", Interface: guest.ASGI}); err != nil {
		t.Fatal(err)
	}
	return s
}

// pattern is n bytes that differ from place to place.
func pattern(n int) []byte {
	return bytes.Repeat([]byte("0123456789abcdefghijklmnopqrstuvw"), n/33+1)[:n]
}

// answer reads a response to its end.
func answer(t *testing.T, r *guest.Response) []byte {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return body
}

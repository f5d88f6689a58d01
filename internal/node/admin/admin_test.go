package admin_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aleph/internal/node/admin"
	"aleph/message"
)

// TestListen opens the door where an earlier process left its socket behind, and
// nowhere else.
func TestListen(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "new", "admin.sock")
	stale, err := admin.Listen(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket is %v, %v", info, err)
	}
	if _, err := admin.Listen(t.Context(), path); !errors.Is(err, message.ErrConflict) {
		t.Errorf("while another process answers: %v", err)
	}
	unix, ok := stale.(*net.UnixListener)
	if !ok {
		t.Fatalf("got %T", stale)
	}
	unix.SetUnlinkOnClose(false) // as a process that is killed
	if err := stale.Close(); err != nil {
		t.Fatal(err)
	}
	l, err := admin.Listen(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the socket stays behind")
	}
	long := filepath.Join(t.TempDir(), strings.Repeat("x", 120))
	if _, err := admin.Listen(t.Context(), long); !errors.Is(err, message.ErrInvalid) || !strings.Contains(err.Error(), "node.admin_socket") {
		t.Errorf("a path that is too long: %v", err)
	}
}

// TestClientErrors asks doors that are closed or answer something else.
func TestClientErrors(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "admin.sock")
	all := admin.Selection{}
	if _, err := admin.NewClient(path).Drop(t.Context(), all); !errors.Is(err, message.ErrUnavailable) {
		t.Errorf("without a socket: %v", err)
	}
	l, err := admin.Listen(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.NotFoundHandler(), ReadHeaderTimeout: 1e9}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	if _, err := admin.NewClient(path).Retry(t.Context(), all); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("of another program: %v", err)
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := admin.NewClient(path).Drop(ctx, all); !errors.Is(err, context.Canceled) && !errors.Is(err, message.ErrUnavailable) {
		t.Errorf("cancelled: %v", err)
	}
}

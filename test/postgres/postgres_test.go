package postgres_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"

	"aleph/test/postgres"
)

// TestServer starts a server, crashes and resumes it, and looks for what was
// committed.
func TestServer(t *testing.T) {
	t.Parallel()
	s, err := postgres.Start(t.Context(), postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(s.Close(), s.Close()); err != nil {
			t.Error(err)
		}
	})
	if err := s.Exec(t.Context(), "postgres", "CREATE TABLE t (x TEXT)", "INSERT INTO t VALUES ('a'), ('B')"); err != nil {
		t.Fatal(err)
	}
	for _, halt := range []func() error{s.Crash, s.Stop} {
		if err := halt(); err != nil {
			t.Fatal(err)
		}
		if err := s.Exec(t.Context(), "postgres", "SELECT 1"); err == nil {
			t.Error("a stopped server answers")
		}
		if err := s.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, url := range []string{s.URL("postgres"), s.SocketURL("postgres")} {
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		var first string
		err = conn.QueryRow(t.Context(), "SELECT x FROM t ORDER BY x").Scan(&first)
		if err != nil || first != "a" {
			t.Errorf("first is %q: %v", first, err)
		}
		if err := conn.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// TestFoldersGo expects that nothing is left of a server that was closed.
func TestFoldersGo(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	if err := os.Chmod(os.TempDir(), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(os.TempDir()), 0o755); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		s, err := postgres.Start(t.Context(), postgres.Options{Volatile: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	left, err := filepath.Glob(filepath.Join(os.TempDir(), "*", "data"))
	if err != nil || len(left) > 0 {
		t.Errorf("left: %v %v", left, err)
	}
}

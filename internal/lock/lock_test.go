package lock_test

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"aleph/internal/lock"
)

func TestOneHolder(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	first, err := lock.Take(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = lock.Take(path)
	held, ok := errors.AsType[*lock.HeldError](err)
	if !ok || held.Path != path || held.PID != strconv.Itoa(os.Getpid()) {
		t.Fatalf("taken twice: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := lock.Take(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

// A child of another goroutine has the file too, between fork and exec.
func TestCloseFreesWhatAChildHas(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	first, err := lock.Take(path)
	if err != nil {
		t.Fatal(err)
	}
	child, err := first.Dup()
	if err != nil {
		t.Fatal(err)
	}
	defer child.Close()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := lock.Take(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

func TestNoFolder(t *testing.T) {
	t.Parallel()
	if _, err := lock.Take(filepath.Join(t.TempDir(), "none", "lock")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

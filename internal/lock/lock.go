// Package lock keeps other processes away from what one process alone may
// change. [Take] takes a lock file; the kernel drops the lock when the process
// ends, however it ends.
package lock

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// File is a lock that this process holds.
type File struct{ file *os.File }

// HeldError says that another process has the lock.
type HeldError struct {
	Path string
	PID  string // of the holder as it wrote it, "" when it has not yet
}

// Error implements error.
func (e *HeldError) Error() string {
	if e.PID == "" {
		return e.Path + " is locked by another process"
	}
	return e.Path + " is locked by another process (pid " + e.PID + ")"
}

// Take creates the file where it is missing and locks it, without waiting. When
// another process has the lock the error is a [*HeldError].
func Take(path string) (*File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock file: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer func() { _ = f.Close() }()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		owner, _ := io.ReadAll(io.LimitReader(f, 32)) // only for the text of the error
		return nil, &HeldError{Path: path, PID: strings.TrimSpace(string(owner))}
	}
	if err := write(f, strconv.Itoa(os.Getpid())+"\n"); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return &File{f}, nil
}

func write(f *os.File, text string) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(text), 0)
	return err
}

// Close gives the lock free, also where a child that another goroutine starts has
// the file until it calls exec. The file stays.
func (l *File) Close() error {
	return errors.Join(syscall.Flock(int(l.file.Fd()), syscall.LOCK_UN), l.file.Close())
}

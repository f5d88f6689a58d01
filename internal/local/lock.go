package local

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"aleph/message"
)

// folderLock keeps other processes out of a data folder. The kernel drops it
// when the process ends, however it ends.
type folderLock struct{ file *os.File }

// lockFolder takes the lock of a data folder or says who has it.
func lockFolder(dir string) (*folderLock, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock data folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer func() { _ = f.Close() }()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock data folder %s: %w", dir, err)
		}
		owner, _ := io.ReadAll(io.LimitReader(f, 32)) // only for the text below
		return nil, fmt.Errorf("%w: data folder %s is in use by another aleph local (pid %s): stop it, or choose another folder with --data-dir",
			message.ErrConflict, dir, strings.TrimSpace(string(owner)))
	}
	if err := errors.Join(f.Truncate(0), writeAt(f, strconv.Itoa(os.Getpid())+"\n")); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock data folder %s: %w", dir, err)
	}
	return &folderLock{f}, nil
}

func writeAt(f *os.File, text string) error {
	_, err := f.WriteAt([]byte(text), 0)
	return err
}

// Close gives the folder free.
func (l *folderLock) Close() error { return l.file.Close() }

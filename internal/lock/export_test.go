package lock

import (
	"os"
	"syscall"
)

// Dup returns the locked file as a forked child has it.
func (l *File) Dup() (*os.File, error) {
	fd, err := syscall.Dup(int(l.file.Fd()))
	return os.NewFile(uintptr(fd), l.file.Name()), err
}

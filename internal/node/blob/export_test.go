package blob

import (
	"os"
	"syscall"
)

// FailWrites makes every upload to s fail with a full disk after n bytes.
func FailWrites(s *Store, n int) {
	s.createTemp = func(folder string) (tempFile, error) {
		file, err := os.CreateTemp(folder, "upload-*")
		return &fullDisk{File: file, left: n}, err
	}
}

// HeldBlobs returns how many hashes are held by uploads.
func HeldBlobs(s *Store) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.held)
}

type fullDisk struct {
	*os.File
	left int
}

func (f *fullDisk) Write(p []byte) (int, error) {
	if len(p) > f.left {
		return 0, syscall.ENOSPC
	}
	f.left -= len(p)
	return f.File.Write(p)
}

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

// FailBlocks makes a block of s that is larger than n bytes, or comes when so many
// were written, meet a full disk.
func FailBlocks(s *Store, n int) {
	create := s.createBlock
	s.createBlock = func(path string) (tempFile, error) {
		file, err := create(path)
		if err != nil {
			return nil, err
		}
		full := &fullDisk{File: file.(*os.File), left: n}
		n = max(0, n-chunkSize)
		return full, nil
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

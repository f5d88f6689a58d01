// Package blob keeps bytes on disk under their hash: files under the SHA-256 of
// what they are, and graphs of IPFS blocks under the CID of their root.
//
// [Store] is the type to know. An upload is staged ([Store.Stage]): it streams
// into a temporary file while it is hashed, so its name is known only at the
// end, and nothing is visible until [Staged.Commit] has made it durable. What
// is not committed leaves nothing behind, also after a crash: leftovers are
// swept when the store is opened.
//
// A graph arrives in one of three ways: bytes that become UnixFS
// ([Store.StageUnixFS]), an archive of blocks ([Store.StageCAR]), or blocks that
// other roots have brought already ([Store.Adopt]). It is there when all its
// blocks are. Deleting a root makes its blocks loose; [Store.Sweep] removes those
// that no other root lists.
//
// The folder holds "tmp" for uploads under way, one folder for each first byte of
// a hash ("ab/ab12…"), and "ipfs" for graphs. A Store is safe for concurrent use.
// Any number of processes may read one folder; only one of them may change it.
//
// It implements the storage half of docs/spec/ccn-http-api.md chapter 10.
package blob

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"

	"aleph/message"
)

// bufferSize is how much of an upload is in memory at once.
const bufferSize = 128 << 10

// tempFolder holds uploads that are not committed.
const tempFolder = "tmp"

// Errors that a caller can tell apart. Their kinds are those of package
// message: [ErrInUse] is [message.ErrConflict], and a full disk is
// [message.ErrUnavailable].
var (
	// ErrInUse says that a blob is being uploaded and cannot be deleted now.
	ErrInUse = fmt.Errorf("%w: blob is in use", message.ErrConflict)
)

// TooLargeError says that more bytes came than were allowed.
type TooLargeError struct {
	// Limit is the number of bytes that would have been accepted.
	Limit int64
}

// Error says what the limit was.
func (e *TooLargeError) Error() string {
	return fmt.Sprintf("more than the allowed %d bytes", e.Limit)
}

// Is makes a TooLargeError an invalid input.
func (e *TooLargeError) Is(target error) bool { return target == message.ErrInvalid }

// ReadError says that the bytes of an upload stopped coming: what failed is on
// the side of who sends them.
type ReadError struct{ Err error }

// Error describes what failed.
func (e *ReadError) Error() string { return "read an upload: " + e.Err.Error() }

// Unwrap returns what the reader returned.
func (e *ReadError) Unwrap() error { return e.Err }

// Config says where the bytes are.
type Config struct {
	// Folder holds the files. It is created when it is missing.
	Folder string `yaml:"folder" doc:"folder that holds the files; created when missing"`
}

// Stats counts what a store holds.
type Stats struct {
	Files int64
	Bytes int64
}

// Store keeps bytes by hash in one folder.
type Store struct {
	folder  string
	buffers sync.Pool
	files   atomic.Int64
	bytes   atomic.Int64
	// createTemp makes the file an upload goes to; tests replace it to fail.
	createTemp func(folder string) (tempFile, error)
	// createBlock is createTemp for a block.
	createBlock func(path string) (tempFile, error)
	// making is held while a folder of blobs is made.
	making sync.Mutex
	// sweeping is held for reading while a graph of blocks is placed, and for
	// writing while blocks are removed.
	sweeping sync.RWMutex

	mu sync.Mutex
	// held counts, for each hash, the commits whose owner has not yet released
	// them. A held blob is not deleted.
	held map[message.Hash]int
}

// Open opens the store in a folder that no other process changes.
func Open(cfg Config) (*Store, error) {
	s, err := OpenReader(cfg)
	if err == nil {
		err = s.Claim()
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// OpenReader opens the store in a folder that another process may change. What it
// holds can be read; for all else it must be claimed first.
func OpenReader(cfg Config) (*Store, error) {
	if cfg.Folder == "" {
		return nil, fmt.Errorf("%w: blob store: no folder configured", message.ErrInvalid)
	}
	s := &Store{
		folder:     cfg.Folder,
		buffers:    sync.Pool{New: func() any { b := make([]byte, bufferSize); return &b }},
		createTemp: createTemp, createBlock: createBlock,
		held: make(map[message.Hash]int),
	}
	return s, nil
}

// Claim makes this process the one that changes the folder: it creates what is
// missing and removes what uploads that never ended left behind. The caller sees
// to it that no other process does the same. It may be called again when another
// process has changed the folder in between.
func (s *Store) Claim() error {
	if err := os.MkdirAll(s.tempPath(), 0o700); err != nil {
		return diskError("create folder "+s.folder, err)
	}
	if err := s.openDAG(); err != nil {
		return err
	}
	if err := s.sweep(); err != nil {
		return err
	}
	if err := s.measure(); err != nil {
		return err
	}
	// A process that was killed may have made folders and not synced them.
	if err := syncFolder(s.folder); err != nil {
		return diskError("sync folder "+s.folder, err)
	}
	return nil
}

// Stats returns the number of blobs and their bytes.
func (s *Store) Stats() Stats {
	return Stats{Files: s.files.Load(), Bytes: s.bytes.Load()}
}

func (s *Store) tempPath() string { return filepath.Join(s.folder, tempFolder) }

// path returns the file of a hash. Only a strict SHA-256 name has one: a hash
// from outside can hold any 64 characters, slashes and dots among them.
func (s *Store) path(h message.Hash) (string, bool) {
	strict, err := message.ParseHash(string(h))
	if err != nil || strict.Kind() != message.ItemStorage {
		return "", false
	}
	return filepath.Join(s.folder, string(h[:2]), string(h)), true
}

// sweep removes the temporary files of uploads that never ended.
func (s *Store) sweep() error {
	leftovers, err := os.ReadDir(s.tempPath())
	if err != nil {
		return diskError("read folder "+s.tempPath(), err)
	}
	for _, leftover := range leftovers {
		if err := os.RemoveAll(filepath.Join(s.tempPath(), leftover.Name())); err != nil {
			return diskError("remove the unfinished upload "+leftover.Name(), err)
		}
	}
	return nil
}

// measure counts the blobs on disk. The blocks of graphs count with their bytes,
// and a root counts as a file.
func (s *Store) measure() error {
	s.files.Store(0)
	s.bytes.Store(0)
	for _, part := range []struct {
		folder            string
		countFiles, addUp bool
	}{{s.folder, true, true}, {s.dagPath(blocksFolder), false, true}, {s.dagPath(rootsFolder), true, false}} {
		err := eachFile(part.folder, func(info fs.FileInfo) {
			if part.countFiles {
				s.files.Add(1)
			}
			if part.addUp {
				s.bytes.Add(info.Size())
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// eachFile calls do for the files in the folders of two letters in a folder.
func eachFile(path string, do func(fs.FileInfo)) error {
	folders, err := os.ReadDir(path)
	if err != nil {
		return diskError("read folder "+path, err)
	}
	for _, folder := range folders {
		if !folder.IsDir() || len(folder.Name()) != 2 {
			continue
		}
		entries, err := os.ReadDir(filepath.Join(path, folder.Name()))
		if err != nil {
			return diskError("read folder "+folder.Name(), err)
		}
		for _, entry := range entries {
			info, err := entry.Info()
			if errors.Is(err, fs.ErrNotExist) || (err == nil && !info.Mode().IsRegular()) {
				continue
			}
			if err != nil {
				return diskError("read "+entry.Name(), err)
			}
			do(info)
		}
	}
	return nil
}

// diskError describes a failed operation. A disk that takes no more is not a
// defect of the program: it is reported as unavailable, with what to do.
func diskError(what string, err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("%w: blob store: %s: the disk is full: free some space and try again: %w", message.ErrUnavailable, what, err)
	case errors.Is(err, syscall.EROFS), errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return fmt.Errorf("%w: blob store: %s: %w", message.ErrUnavailable, what, err)
	}
	return fmt.Errorf("blob store: %s: %w", what, err)
}

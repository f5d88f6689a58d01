package blob

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"aleph/message"
)

// Info names a blob.
type Info struct {
	Hash message.Hash
	Size int64
}

// Staged is an upload whose bytes are on disk and whose name is known, and
// which is not yet part of the store. Its owner must call Discard in the end;
// after a Commit that releases the blob and removes nothing.
type Staged struct {
	Info
	store     *Store
	temp      string
	committed bool
	done      bool
}

// tempFile is what an upload is written to.
type tempFile interface {
	io.Writer
	Name() string
	Sync() error
	Close() error
}

func createTemp(folder string) (tempFile, error) { return os.CreateTemp(folder, "upload-*") }

// Put stores what r gives, at most limit bytes, and returns its name. Nothing
// is stored when it fails; more bytes than the limit are a [*TooLargeError].
func (s *Store) Put(ctx context.Context, r io.Reader, limit int64) (Info, error) {
	staged, err := s.Stage(ctx, r, limit)
	if err != nil {
		return Info{}, err
	}
	defer staged.Discard()
	if err := staged.Commit(); err != nil {
		return Info{}, err
	}
	return staged.Info, nil
}

// Stage writes what r gives to a temporary file. It reads no further than one
// byte past the limit and stops when ctx ends.
func (s *Store) Stage(ctx context.Context, r io.Reader, limit int64) (*Staged, error) {
	file, err := s.createTemp(s.tempPath())
	if err != nil {
		return nil, diskError("create a file for an upload", err)
	}
	staged := &Staged{store: s, temp: file.Name()}
	sum := sha256.New()
	size, err := s.copy(ctx, file, sum, r, limit)
	if err == nil {
		if err = file.Sync(); err != nil {
			err = diskError("write an upload", err)
		}
	}
	if closeErr := file.Close(); err == nil && closeErr != nil {
		err = diskError("write an upload", closeErr)
	}
	if err != nil {
		staged.Discard()
		return nil, err
	}
	staged.Info = Info{Hash: message.Hash(hex.EncodeToString(sum.Sum(nil))), Size: size}
	return staged, nil
}

// copy moves at most limit bytes from r to file through one buffer.
func (s *Store) copy(ctx context.Context, file io.Writer, sum hash.Hash, r io.Reader, limit int64) (int64, error) {
	buffer := s.buffers.Get().(*[]byte)
	defer s.buffers.Put(buffer)
	var size int64
	for {
		if err := ctx.Err(); err != nil {
			return size, err
		}
		n, readErr := r.Read(*buffer)
		if size += int64(n); size > limit {
			return size, &TooLargeError{Limit: limit}
		}
		if n > 0 {
			sum.Write((*buffer)[:n])
			if _, err := file.Write((*buffer)[:n]); err != nil {
				return size, diskError("write an upload", err)
			}
		}
		switch {
		case readErr == nil:
		case errors.Is(readErr, io.EOF):
			return size, nil
		default:
			return size, &ReadError{Err: readErr}
		}
	}
}

// Commit makes the staged bytes part of the store, durably. The blob cannot be
// deleted until Discard is called, which leaves the time to record who wants it.
func (g *Staged) Commit() error {
	s := g.store
	if g.committed || g.done {
		return nil
	}
	path, ok := s.path(g.Hash)
	if !ok {
		return fmt.Errorf("%w: blob store: %q is no storage hash", message.ErrInvalid, g.Hash)
	}
	s.hold(g.Hash)
	if err := s.place(g.temp, path, g.Size); err != nil {
		s.release(g.Hash)
		return err
	}
	g.committed = true
	return nil
}

// Discard ends the upload: it removes the temporary file of one that was not
// committed and releases one that was. It may be called twice.
func (g *Staged) Discard() {
	if g.done {
		return
	}
	g.done = true
	if g.committed {
		g.store.release(g.Hash)
		return
	}
	// The sweep at the next start gets what cannot be removed now.
	_ = os.Remove(g.temp)
}

// place moves a temporary file to its name and syncs the folders that changed.
func (s *Store) place(temp, path string, size int64) error {
	folder := filepath.Dir(path)
	if err := s.makeFolder(folder); err != nil {
		return err
	}
	if err := s.rename(temp, path, size, 1); err != nil {
		return diskError("store "+filepath.Base(path), err)
	}
	if err := syncFolder(folder); err != nil {
		return diskError("sync folder "+folder, err)
	}
	return nil
}

// makeFolder makes a folder of blobs unless it is there, durably. Who finds one
// that another upload has just made waits until that is on the disk.
func (s *Store) makeFolder(folder string) error {
	s.making.Lock()
	defer s.making.Unlock()
	switch err := os.Mkdir(folder, 0o700); {
	case errors.Is(err, fs.ErrExist):
		return nil
	case err != nil:
		return diskError("create folder "+folder, err)
	}
	parent := filepath.Dir(folder)
	if err := syncFolder(parent); err != nil {
		return diskError("sync folder "+parent, err)
	}
	return nil
}

// rename gives a temporary file its name, over the same bytes when they are
// there already, and counts it once, as so many files.
func (s *Store) rename(temp, path string, size, files int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := os.Stat(path)
	known := err == nil
	if err := os.Rename(temp, path); err != nil {
		return err
	}
	if !known {
		s.files.Add(files)
		s.bytes.Add(size)
	}
	return nil
}

func (s *Store) hold(h message.Hash) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held[h]++
}

func (s *Store) release(h message.Hash) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held[h]--; s.held[h] <= 0 {
		delete(s.held, h)
	}
}

// syncFolder makes the names in a folder durable.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	err = folder.Sync()
	if errors.Is(err, syscall.EINVAL) {
		err = nil // a file system that has no such notion
	}
	if closeErr := folder.Close(); err == nil {
		err = closeErr
	}
	return err
}

// Bytes returns what was staged. The caller makes sure that it fits into memory.
func (g *Staged) Bytes() ([]byte, error) {
	file, err := os.Open(g.temp)
	if err != nil {
		return nil, diskError("read an upload", err)
	}
	defer file.Close()
	data := make([]byte, g.Size)
	if _, err := io.ReadFull(file, data); err != nil {
		return nil, diskError("read an upload", err)
	}
	return data, nil
}

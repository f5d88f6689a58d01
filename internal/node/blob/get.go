package blob

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"aleph/message"
)

// File is an open blob: a file of the disk, or what is put together from blocks.
// It can be read and sought; its size does not change.
type File struct {
	io.ReadSeekCloser
	size int64
}

// Size returns the number of bytes of the blob.
func (f *File) Size() int64 { return f.size }

// Open returns the blob of a hash, or an error that is [message.ErrNotFound].
// The caller closes it. A file of the disk that is deleted while it is open stays
// readable. A directory has no bytes: see [Store.WriteTar].
func (s *Store) Open(h message.Hash) (*File, error) {
	if h.Kind() == message.ItemIPFS {
		return s.openUnixFS(h)
	}
	path, ok := s.path(h)
	if !ok {
		return nil, notFound(h)
	}
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, notFound(h)
	}
	if err != nil {
		return nil, diskError("open "+string(h), err)
	}
	info, err := file.Stat()
	if err != nil {
		_ = file.Close()
		return nil, diskError("open "+string(h), err)
	}
	return &File{file, info.Size()}, nil
}

// Size returns the number of bytes of a blob and whether the store has it. That of
// a directory counts all its blocks. // spec messages 6.3
func (s *Store) Size(h message.Hash) (int64, bool) {
	if h.Kind() == message.ItemIPFS {
		info, err := s.root(h)
		return info.size, err == nil
	}
	path, ok := s.path(h)
	if !ok {
		return 0, false
	}
	info, err := os.Stat(path)
	if err != nil {
		return 0, false
	}
	return info.Size(), true
}

// Has reports whether the store has the bytes of a hash.
func (s *Store) Has(h message.Hash) bool {
	_, ok := s.Size(h)
	return ok
}

// Delete removes a blob unless wanted says that something refers to it. The
// question is asked while no upload of the same bytes can be committed, so
// that a blob which is uploaded again at this moment is not lost. A blob that
// is held by an upload is [ErrInUse]; an unknown one is no error. A nil wanted
// deletes without asking.
func (s *Store) Delete(h message.Hash, wanted func() (bool, error)) error {
	remove := s.removeFile
	path, ok := s.path(h)
	if _, isRoot := rootLink(h); isRoot {
		path, ok, remove = rootPath(s.folder, h), true, s.loosen
	}
	if !ok {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held[h] > 0 {
		return fmt.Errorf("%w: %s", ErrInUse, h)
	}
	if wanted != nil {
		if keep, err := wanted(); err != nil || keep {
			return err
		}
	}
	if err := remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return diskError("delete "+string(h), err)
	}
	return nil
}

func (s *Store) removeFile(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil {
		return err
	}
	s.files.Add(-1)
	s.bytes.Add(-info.Size())
	return nil
}

func notFound(h message.Hash) error {
	return fmt.Errorf("%w: no bytes for hash %s", message.ErrNotFound, h)
}

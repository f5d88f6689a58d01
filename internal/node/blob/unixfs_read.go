package blob

import (
	"errors"
	"fmt"
	"io"
	"os"

	pb "github.com/ipfs/boxo/ipld/unixfs/pb"

	"aleph/message"
)

// deepest bounds how many blocks lie above the bytes of a file; the usual width
// makes four of them enough for 60 TiB.
const deepest = 64

// openUnixFS opens a file that is made of blocks.
func (s *Store) openUnixFS(h message.Hash) (*File, error) {
	info, err := s.root(h)
	if err != nil {
		return nil, err
	}
	if info.directory {
		return nil, fmt.Errorf("%w: %s is a directory", message.ErrNotFound, h)
	}
	l, _ := rootLink(h)
	return &File{&fileReader{store: s, root: l, size: info.size}, info.size}, nil
}

// fileReader reads a UnixFS file block by block. It goes down from the root to
// each block of bytes anew, so that two blocks are in memory at most.
type fileReader struct {
	store    *Store
	root     link
	size, at int64
	leaf     []byte
	leafAt   int64
}

// Read implements [io.Reader].
func (f *fileReader) Read(p []byte) (int, error) {
	if f.at >= f.size {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	if f.at < f.leafAt || f.at >= f.leafAt+int64(len(f.leaf)) {
		if err := f.descend(); err != nil {
			return 0, err
		}
	}
	n := copy(p, f.leaf[f.at-f.leafAt:])
	n = int(min(int64(n), f.size-f.at))
	f.at += int64(n)
	return n, nil
}

// descend finds the block that holds the byte at the position.
func (f *fileReader) descend() error {
	f.leaf = nil
	at, start, length := f.root, int64(0), f.size
	for range deepest {
		block, err := f.store.block(at)
		if err != nil {
			return err
		}
		n, err := parseNode(at, block)
		if err != nil {
			return err
		}
		part, err := n.fileNode()
		if err != nil {
			return fmt.Errorf("block %s: %w", at.digest, err)
		}
		if part.size != length {
			return fmt.Errorf("block %s: %d bytes where %d were announced", at.digest, part.size, length)
		}
		if f.at < start+int64(len(part.data)) {
			f.leaf, f.leafAt = part.data, start
			return nil
		}
		start += int64(len(part.data))
		i := 0
		for ; i < len(part.sizes) && f.at >= start+part.sizes[i]; i++ {
			start += part.sizes[i]
		}
		if i == len(part.sizes) {
			return fmt.Errorf("block %s ends too soon: %w", at.digest, io.ErrUnexpectedEOF)
		}
		length = part.sizes[i]
		if at, err = linkOf(n.links[i].cid); err != nil {
			return err
		}
	}
	return fmt.Errorf("file %s: more than %d levels of blocks", f.root.digest, deepest)
}

// filePart is what a block holds of a file: bytes, then what its links lead to.
type filePart struct {
	size  int64
	data  []byte
	sizes []int64
}

func (n *node) fileNode() (filePart, error) {
	if n.raw != nil {
		return filePart{size: int64(len(n.raw)), data: n.raw}, nil
	}
	if n.unixfs == nil || (n.unixfs.Type() != pb.Data_File && n.unixfs.Type() != pb.Data_Raw && n.unixfs.Type() != pb.Data_Symlink) {
		return filePart{}, errors.New("not part of a file")
	}
	data := n.unixfs.Data()
	part := filePart{size: int64(len(data)), data: data}
	if n.unixfs.NumChildren() != len(n.links) {
		return part, fmt.Errorf("%d sizes for %d links", n.unixfs.NumChildren(), len(n.links))
	}
	for _, size := range n.unixfs.BlockSizes() {
		if size > mostBytes || part.size > mostBytes {
			return part, errors.New("impossible size")
		}
		part.size += int64(size)
		part.sizes = append(part.sizes, int64(size))
	}
	return part, nil
}

// Seek implements [io.Seeker].
func (f *fileReader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += f.at
	case io.SeekEnd:
		offset += f.size
	default:
		return f.at, fmt.Errorf("%w: seek from %d", message.ErrInvalid, whence)
	}
	if offset < 0 {
		return f.at, fmt.Errorf("%w: seek before the beginning", message.ErrInvalid)
	}
	f.at = offset
	return offset, nil
}

// Close implements [io.Closer].
func (f *fileReader) Close() error {
	f.leaf = nil
	return nil
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

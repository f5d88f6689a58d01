package blob

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"aleph/message"
)

// A list names all blocks below a root, once for each way to read them, the root
// first. It begins with what is known about the root.
const (
	listMagic  = "ALEPHDG1"
	listHead   = len(listMagic) + 8 + 8 + 8
	listRecord = 1 + len(digest{})
)

// rootInfo is the head of a list.
type rootInfo struct {
	// size is that of the file or directory, and bytes what its blocks take.
	size, bytes int64
	directory   bool
}

func (r rootInfo) encode() []byte {
	head := make([]byte, 0, listHead)
	head = append(head, listMagic...)
	head = binary.BigEndian.AppendUint64(head, uint64(r.size))
	head = binary.BigEndian.AppendUint64(head, uint64(r.bytes))
	var kind uint64
	if r.directory {
		kind = 1
	}
	return binary.BigEndian.AppendUint64(head, kind)
}

func readHead(r io.Reader) (rootInfo, error) {
	head := make([]byte, listHead)
	if _, err := io.ReadFull(r, head); err != nil {
		return rootInfo{}, err
	}
	if string(head[:len(listMagic)]) != listMagic {
		return rootInfo{}, errors.New("not a list of blocks")
	}
	number := func(i int) uint64 { return binary.BigEndian.Uint64(head[len(listMagic)+8*i:]) }
	return rootInfo{size: int64(number(0)), bytes: int64(number(1)), directory: number(2) == 1}, nil
}

func (l link) encode() []byte {
	return append([]byte{l.codec}, l.digest[:]...)
}

func decodeLink(record []byte) link {
	return link{codec: record[0], digest: digest(record[1:])}
}

// root returns what is known about a root, or [message.ErrNotFound].
func (s *Store) root(h message.Hash) (rootInfo, error) {
	if _, ok := rootLink(h); !ok {
		return rootInfo{}, notFound(h)
	}
	file, err := os.Open(rootPath(s.folder, h))
	if errors.Is(err, fs.ErrNotExist) {
		return rootInfo{}, notFound(h)
	}
	if err != nil {
		return rootInfo{}, diskError("open "+string(h), err)
	}
	defer file.Close()
	info, err := readHead(file)
	if err != nil {
		return info, fmt.Errorf("blob store: list of %s: %w", h, err)
	}
	return info, nil
}

// IsDirectory reports whether the store has a directory of that hash.
func (s *Store) IsDirectory(h message.Hash) bool {
	if h.Kind() != message.ItemIPFS {
		return false
	}
	info, err := s.root(h)
	return err == nil && info.directory
}

// HasRoot reports whether the store in a folder has everything below a CID, and
// the size of it, without opening the store.
func HasRoot(folder string, h message.Hash) (int64, bool) {
	info, err := (&Store{folder: folder}).root(h)
	return info.size, err == nil
}

// eachLink calls do for the records of a list.
func eachLink(path string, do func(link) error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	r := bufio.NewReader(file)
	if _, err := readHead(r); err != nil {
		return err
	}
	record := make([]byte, listRecord)
	for {
		switch _, err := io.ReadFull(r, record); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if err := do(decodeLink(record)); err != nil {
			return err
		}
	}
}

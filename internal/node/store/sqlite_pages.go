package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// sizes counts the pages of each tree in the file, as it was at the last
// checkpoint. The file must not be open in this process: closing it gives up the
// locks that the library holds on it.
func (e *sqlite) sizes(ctx context.Context) (list []objectSize, bytes int64, err error) {
	for _, suffix := range []string{"", "-wal"} {
		info, err := os.Stat(e.cfg.Path + suffix)
		switch {
		case err == nil:
			bytes += info.Size()
		case suffix == "" && errors.Is(err, os.ErrNotExist):
			return nil, 0, nil // opening it says what is wrong
		case !errors.Is(err, os.ErrNotExist):
			return nil, 0, err
		}
	}
	roots, err := e.roots(ctx)
	if err != nil {
		return nil, 0, err
	}
	f, err := os.Open(e.cfg.Path)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	pages, err := newPageReader(f)
	if err != nil {
		return nil, 0, err
	}
	for _, root := range roots {
		n, err := pages.tree(root.page)
		if err != nil {
			// A node that checkpoints meanwhile changes pages under our eyes.
			return nil, bytes, fmt.Errorf("size of %s: %w: repeat the command", root.name, err)
		}
		root.bytes = n * pages.size
		list = append(list, root.objectSize)
	}
	return list, bytes, nil
}

// treeRoot is where the tree of a table or an index begins.
type treeRoot struct {
	objectSize
	page int64
}

func (e *sqlite) roots(ctx context.Context) ([]treeRoot, error) {
	db, err := e.open(true)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	list, err := db.QueryContext(ctx, `SELECT tbl_name, name, type = 'index', rootpage FROM sqlite_master WHERE rootpage > 0`)
	if err != nil {
		return nil, e.wrap("list the trees", err)
	}
	return all[treeRoot](sqlRows{list, "list the trees", e.wrap}, nil, func(row scanner) (r treeRoot, err error) {
		return r, row.Scan(&r.table, &r.name, &r.index, &r.page)
	})
}

// pageReader reads the pages of a database file.
// // https://sqlite.org/fileformat2.html
type pageReader struct {
	file   io.ReaderAt
	size   int64 // of a page
	usable int64 // of it
	read   int64 // pages of the tree so far
	most   int64 // pages that the file has
}

var errPage = errors.New("the file changes or is damaged")

func newPageReader(f *os.File) (*pageReader, error) {
	var head [32]byte
	if _, err := f.ReadAt(head[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	p := &pageReader{file: f, size: int64(binary.BigEndian.Uint16(head[16:]))}
	if p.size == 1 {
		p.size = 65536
	}
	if p.usable = p.size - int64(head[20]); p.size < 512 || p.usable < 480 {
		return nil, nil //nolint:nilnil // nothing was checkpointed yet
	}
	p.most = info.Size() / p.size
	return p, nil
}

// Kinds of pages.
const (
	interiorIndex = 2
	interiorTable = 5
	leafIndex     = 10
	leafTable     = 13
)

// tree counts the pages of a tree.
func (p *pageReader) tree(root int64) (int64, error) {
	if p == nil {
		return 0, nil
	}
	p.read = 0
	if root > p.most { // made after the last checkpoint
		return 0, nil
	}
	err := p.walk(root, 0)
	return p.read, err
}

// maxDepth is deeper than any tree: each level has at least two children.
const maxDepth = 40

func (p *pageReader) walk(number int64, depth int) error {
	p.read++
	if number < 1 || number > p.most || p.read > p.most || depth > maxDepth {
		return errPage
	}
	page := make([]byte, p.size)
	if _, err := p.file.ReadAt(page, (number-1)*p.size); err != nil {
		return err
	}
	head := int64(0)
	if number == 1 {
		head = 100
	}
	kind := page[head]
	cells := int64(binary.BigEndian.Uint16(page[head+3:]))
	pointers := head + 8
	interior := kind == interiorIndex || kind == interiorTable
	if interior {
		pointers = head + 12
	}
	if kind != interiorIndex && kind != interiorTable && kind != leafIndex && kind != leafTable || pointers+2*cells > p.size {
		return errPage
	}
	for i := range cells {
		at := int64(binary.BigEndian.Uint16(page[pointers+2*i:]))
		if at+4 > p.size {
			return errPage
		}
		cell := page[at:]
		if interior {
			if err := p.walk(int64(binary.BigEndian.Uint32(cell)), depth+1); err != nil {
				return err
			}
			cell = cell[4:]
		}
		if kind != interiorTable {
			p.read += p.overflow(sqliteVarint(cell), kind == leafTable)
		}
	}
	if interior {
		return p.walk(int64(binary.BigEndian.Uint32(page[head+8:])), depth+1)
	}
	return nil
}

// overflow returns how many pages a payload needs beside its cell.
func (p *pageReader) overflow(payload int64, table bool) int64 {
	most := (p.usable-12)*64/255 - 23
	if table {
		most = p.usable - 35
	}
	if payload <= most || payload < 0 {
		return 0
	}
	least := (p.usable-12)*32/255 - 23
	local := least + (payload-least)%(p.usable-4)
	if local > most {
		local = least
	}
	return (payload - local + p.usable - 5) / (p.usable - 4)
}

// sqliteVarint reads a number of one to nine bytes, the most significant first.
func sqliteVarint(b []byte) int64 {
	var n int64
	for i := 0; i < 9 && i < len(b); i++ {
		if i == 8 {
			return n<<8 | int64(b[i])
		}
		n = n<<7 | int64(b[i]&0x7f)
		if b[i] < 0x80 {
			break
		}
	}
	return n
}

package blob

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ipfs/go-cid"
	"golang.org/x/sync/errgroup"

	"aleph/message"
)

// BrokenError says what is wrong with a graph of blocks that somebody sent.
type BrokenError struct{ Reason string }

// Error returns the reason.
func (e *BrokenError) Error() string { return e.Reason }

// Is makes a BrokenError an invalid input.
func (e *BrokenError) Is(target error) bool { return target == message.ErrInvalid }

func broken(format string, args ...any) error { return &BrokenError{fmt.Sprintf(format, args...)} }

// StagedDAG is a graph of blocks that is on disk and not yet part of the store.
// Its owner must call Discard in the end; after a Commit that releases the root
// and removes nothing. Hash and Size are those of the root.
type StagedDAG struct {
	Info
	Directory bool
	// Tree is the number of bytes of all blocks, counted as often as they are
	// linked: what Kubo calls the cumulative size.
	Tree int64

	store     *Store
	temp      string // has the folders "in", what came, and "dag", what the root needs
	blocks    int
	committed bool
	done      bool
}

func (s *Store) newDAG() (*StagedDAG, error) {
	temp, err := os.MkdirTemp(s.tempPath(), "dag-*")
	if err != nil {
		return nil, diskError("create a folder for an upload", err)
	}
	g := &StagedDAG{store: s, temp: temp}
	for _, name := range []string{"in", "dag"} {
		if err := os.Mkdir(filepath.Join(temp, name), 0o700); err != nil {
			g.Discard()
			return nil, diskError("create a folder for an upload", err)
		}
	}
	return g, nil
}

func (g *StagedDAG) came(d digest) string { return filepath.Join(g.temp, "in", d.String()) }
func (g *StagedDAG) needed(l link) string { return filepath.Join(g.temp, "dag", l.name()) }
func (g *StagedDAG) list() string         { return filepath.Join(g.temp, "list") }

// put takes a block whose digest is known to be right.
func (g *StagedDAG) put(d digest, data []byte) error {
	if len(data) > maxBlock {
		return broken("block %s has %d bytes, more than %d", d, len(data), maxBlock)
	}
	file, err := g.store.createBlock(g.came(d))
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return diskError("write a block", err)
	}
	if g.blocks++; g.blocks > mostBlocks {
		_ = file.Close()
		return broken("more than %d blocks", mostBlocks)
	}
	_, err = file.Write(data)
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return diskError("write a block", err)
	}
	return nil
}

func createBlock(path string) (tempFile, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
}

// collect finds everything below a root, among what came and what the store has,
// and makes it durable. The list of what was found is also the queue of what is
// still to be read, and the names in the folder "dag" are what was seen: memory
// holds one block at a time, whatever the shape of the graph.
func (g *StagedDAG) collect(ctx context.Context, root message.Hash) error {
	first, ok := rootLink(root)
	if !ok {
		return broken("%s is no CID of dag-pb", root)
	}
	list, err := os.OpenFile(g.list(), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return diskError("write a list of blocks", err)
	}
	defer list.Close()
	q := &queue{g: g, file: list}
	info, err := q.walk(ctx, first)
	if err != nil {
		return err
	}
	if _, err := list.WriteAt(info.encode(), 0); err != nil {
		return diskError("write a list of blocks", err)
	}
	if err := list.Sync(); err != nil {
		return diskError("write a list of blocks", err)
	}
	if err := g.sync(ctx); err != nil {
		return err
	}
	g.Info, g.Directory = Info{Hash: root, Size: info.size}, info.directory
	return nil
}

// syncs is how many blocks are synced at once: a disk does many for the price of
// one.
const syncs = 32

// sync makes the blocks of the list durable.
func (g *StagedDAG) sync(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(syncs)
	err := eachLink(g.list(), func(l link) error {
		group.Go(func() error { return syncFile(g.needed(l)) })
		return ctx.Err()
	})
	if failed := group.Wait(); failed != nil {
		return diskError("write a block", failed)
	}
	return err
}

func syncFile(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	err = file.Sync()
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	return err
}

// queue is a list while it is made.
type queue struct {
	g     *StagedDAG
	file  *os.File
	links int64
}

func (q *queue) walk(ctx context.Context, first link) (info rootInfo, err error) {
	if _, err := q.file.Write(info.encode()); err != nil {
		return info, diskError("write a list of blocks", err)
	}
	if err := q.visit(first); err != nil {
		return info, err
	}
	record := make([]byte, listRecord)
	for at := int64(0); at < q.links; at++ {
		if err := ctx.Err(); err != nil {
			return info, err
		}
		if _, err := q.file.ReadAt(record, int64(listHead)+at*int64(listRecord)); err != nil {
			return info, diskError("read a list of blocks", err)
		}
		n, err := q.read(decodeLink(record))
		if err != nil {
			return info, err
		}
		if at == 0 {
			if info.size, info.directory, err = n.stat(); err != nil {
				return info, broken("%v", err)
			}
			q.g.Tree = int64(min(n.tree, mostBytes))
		}
		info.bytes += int64(n.bytes)
		for _, c := range n.links {
			l, err := linkOf(c.cid)
			if err != nil {
				return info, broken("%v", err)
			}
			if err := q.visit(l); err != nil {
				return info, err
			}
		}
	}
	return info, nil
}

// visit appends a block to the list unless it was seen.
func (q *queue) visit(l link) error {
	err := os.Link(q.g.came(l.digest), q.g.needed(l))
	if errors.Is(err, fs.ErrNotExist) {
		// One more name for a block of the store keeps it until the commit.
		err = os.Link(q.g.store.blockPath(l.digest), q.g.needed(l))
	}
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return broken("block %s is missing", l.digest)
	case err != nil:
		return diskError("keep a block", err)
	}
	if q.links++; q.links > mostBlocks {
		return broken("more than %d blocks", mostBlocks)
	}
	if _, err := q.file.Write(l.encode()); err != nil {
		return diskError("write a list of blocks", err)
	}
	return nil
}

// read takes a block apart.
func (q *queue) read(l link) (*node, error) {
	if l.codec != cid.DagProtobuf {
		info, err := os.Stat(q.g.needed(l))
		if err != nil {
			return nil, diskError("read a block", err)
		}
		return &node{bytes: uint64(info.Size()), tree: uint64(info.Size()), raw: []byte{}}, nil
	}
	block, err := readBlock(q.g.needed(l))
	if err != nil {
		return nil, err
	}
	n, err := parseNode(l, block)
	if err != nil {
		return nil, broken("%v", err)
	}
	return n, nil
}

// verify returns the digest of a block if it is the one that its link says.
func verify(l link, data []byte) error {
	if digest(sha256.Sum256(data)) != l.digest {
		return broken("the bytes of block %s have another hash", l.digest)
	}
	return nil
}

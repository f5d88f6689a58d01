package blob

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	pb "github.com/ipfs/boxo/ipld/unixfs/pb"

	"aleph/message"
)

const (
	// heldBlocks bounds the bytes of the directories that are open at once.
	heldBlocks = 8 << 20
	// longestPath is where systems end the path of a file. An archive repeats it for
	// every file, so that a chain of folders would be as long as its square.
	longestPath = 4096
	// tarSlack is what a tar may be longer than the blocks say that it is.
	tarSlack = 1 << 20
)

// WriteTar writes what lies below a root as a tar archive, in which everything is
// below a folder named like the root. It stops when there is more than the root
// says: a few blocks that are linked many times over would never end.
func (s *Store) WriteTar(ctx context.Context, h message.Hash, w io.Writer) error {
	info, err := s.root(h)
	if err != nil {
		return err
	}
	root, _ := rootLink(h)
	t := &tarWriter{ctx: ctx, store: s, tar: tar.NewWriter(w), left: max(info.size, info.bytes) + tarSlack}
	if err := t.add(root, string(h), 0); err != nil {
		return err
	}
	return t.tar.Close()
}

type tarWriter struct {
	ctx   context.Context //nolint:containedctx // lives as long as one archive
	store *Store
	tar   *tar.Writer
	left  int64
}

// add writes what a link leads to. held is the length of the directories above.
func (t *tarWriter) add(l link, name string, held int) error {
	if err := t.ctx.Err(); err != nil {
		return err
	}
	block, err := t.store.block(l)
	if err != nil {
		return err
	}
	n, err := parseNode(l, block)
	if err != nil {
		return err
	}
	if err := t.spend(int64(len(block))); err != nil {
		return err
	}
	header := &tar.Header{Name: name, Mode: 0o644, ModTime: time.Unix(0, 0), Format: tar.FormatPAX}
	switch {
	case n.isDirectory():
		header.Typeflag, header.Mode, header.Name = tar.TypeDir, 0o755, name+"/"
		if err := t.tar.WriteHeader(header); err != nil {
			return err
		}
		return t.addEntries(n, name, held+len(block))
	case n.unixfs != nil && n.unixfs.Type() == pb.Data_Symlink:
		header.Typeflag, header.Linkname = tar.TypeSymlink, string(n.unixfs.Data())
		return t.tar.WriteHeader(header)
	}
	return t.addFile(l, n, header)
}

func (t *tarWriter) addFile(l link, n *node, header *tar.Header) error {
	part, err := n.fileNode()
	if err != nil {
		return err
	}
	if err := t.spend(part.size); err != nil {
		return err
	}
	header.Typeflag, header.Size = tar.TypeReg, part.size
	if err := t.tar.WriteHeader(header); err != nil {
		return err
	}
	_, err = io.Copy(t.tar, &fileReader{store: t.store, root: l, size: part.size})
	return err
}

func (t *tarWriter) spend(n int64) error {
	if t.left -= n; t.left < 0 {
		return errors.New("the directory is longer than it says")
	}
	return nil
}

// addEntries writes the entries of a directory. Those of a sharded one have names
// that begin with their place in the shard, and a name that is nothing else leads
// to one more shard.
func (t *tarWriter) addEntries(n *node, name string, held int) error {
	if held > heldBlocks {
		return errors.New("the directories are nested too deep")
	}
	prefix := 0
	if n.unixfs.Type() == pb.Data_HAMTShard {
		fanout := n.unixfs.Fanout()
		if fanout == 0 {
			return errors.New("a shard of no width")
		}
		prefix = len(fmt.Sprintf("%X", fanout-1))
	}
	for _, c := range n.links {
		if len(c.name) < prefix {
			return fmt.Errorf("bad entry %q of a shard", c.name)
		}
		l, err := linkOf(c.cid)
		if err != nil {
			return err
		}
		entry := c.name[prefix:]
		if entry == "" && prefix > 0 {
			err = t.addShard(l, name, held)
		} else {
			if entry == "" || entry == "." || entry == ".." || strings.ContainsAny(entry, "/\\\x00") {
				return fmt.Errorf("entry %q cannot be the name of a file", entry)
			}
			full := path.Join(name, entry)
			if len(full) > longestPath {
				return fmt.Errorf("a path of %d bytes, more than %d", len(full), longestPath)
			}
			err = t.add(l, full, held)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *tarWriter) addShard(l link, name string, held int) error {
	block, err := t.store.block(l)
	if err != nil {
		return err
	}
	n, err := parseNode(l, block)
	if err != nil {
		return err
	}
	if err := t.spend(int64(len(block))); err != nil {
		return err
	}
	if n.unixfs == nil || n.unixfs.Type() != pb.Data_HAMTShard {
		return errors.New("a shard leads to something else")
	}
	return t.addEntries(n, name, held+len(block))
}

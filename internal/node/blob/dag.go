package blob

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	merkledag "github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/boxo/ipld/unixfs"
	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"

	"aleph/message"
)

// What is named by a CID is a graph of blocks below a root. The folder "ipfs"
// holds it:
//
//	blocks/ab/ab12…    a block, under the SHA-256 of its bytes
//	roots/yz/Qm…yz     the list of all blocks below a root: it has them all
//	loose/…            lists whose blocks go, unless a root needs them
//
// A root is there when its list is, and that is placed last. Roots share blocks.
const (
	dagFolder    = "ipfs"
	blocksFolder = "blocks"
	rootsFolder  = "roots"
	looseFolder  = "loose"
)

const (
	// maxBlock is the most bytes of a block, as of the network's exchange.
	maxBlock = 2 << 20
	// mostBlocks bounds the blocks of one root: 256 GiB in chunks of the usual
	// size. Each is a file on the disk.
	mostBlocks = 1 << 20
)

// digest is the SHA-256 of a block.
type digest [sha256.Size]byte

func (d digest) String() string { return hex.EncodeToString(d[:]) }

// link names a block and says how to read it: the codec of a CID, which says
// whether a block may have links, and the digest.
type link struct {
	codec  byte
	digest digest
}

// linkOf returns the link of a CID. Only what UnixFS is made of has one: blocks
// of dag-pb and raw bytes under their SHA-256.
func linkOf(c cid.Cid) (link, error) {
	decoded, err := multihash.Decode(c.Hash())
	if err != nil {
		return link{}, fmt.Errorf("CID %s: %w", c, err)
	}
	codec := c.Prefix().Codec
	if decoded.Code != multihash.SHA2_256 || decoded.Length != sha256.Size || (codec != cid.DagProtobuf && codec != cid.Raw) {
		return link{}, fmt.Errorf("CID %s is neither dag-pb nor raw under a sha2-256 of 32 bytes", c)
	}
	return link{codec: byte(codec), digest: digest(decoded.Digest)}, nil
}

// rootLink returns the link of a hash of the network.
func rootLink(h message.Hash) (link, bool) {
	if h.Kind() != message.ItemIPFS {
		return link{}, false
	}
	c, err := cid.Decode(string(h))
	if err != nil || c.String() != string(h) {
		return link{}, false
	}
	l, err := linkOf(c)
	return l, err == nil
}

// name is unique for a link.
func (l link) name() string { return fmt.Sprintf("%02x-%s", l.codec, l.digest) }

func (s *Store) dagPath(parts ...string) string {
	return filepath.Join(append([]string{s.folder, dagFolder}, parts...)...)
}

func (s *Store) blockPath(d digest) string {
	name := d.String()
	return s.dagPath(blocksFolder, name[:2], name)
}

func rootPath(folder string, h message.Hash) string {
	return filepath.Join(folder, dagFolder, rootsFolder, string(h[len(h)-2:]), string(h))
}

// openDAG makes the folders of graphs.
func (s *Store) openDAG() error {
	for _, name := range []string{blocksFolder, rootsFolder, looseFolder} {
		if err := os.MkdirAll(s.dagPath(name), 0o700); err != nil {
			return diskError("create folder "+s.dagPath(name), err)
		}
	}
	return syncFolder(s.dagPath())
}

// block reads a block of the store.
func (s *Store) block(l link) ([]byte, error) { return readBlock(s.blockPath(l.digest)) }

func readBlock(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: block %s", message.ErrNotFound, filepath.Base(path))
	}
	if err != nil {
		return nil, diskError("read block "+filepath.Base(path), err)
	}
	return data, nil
}

// node is a block that was taken apart.
type node struct {
	// unixfs is nil for a raw block and for a dag-pb block that is not UnixFS.
	unixfs *unixfs.FSNode
	links  []child
	// bytes is the length of the block, and tree that of the graph below it,
	// as the links tell it.
	bytes, tree uint64
	raw         []byte
}

type child struct {
	name string
	cid  cid.Cid
	size uint64
}

func parseNode(l link, block []byte) (*node, error) {
	n := &node{bytes: uint64(len(block)), tree: uint64(len(block))}
	if l.codec == cid.Raw {
		n.raw = block
		return n, nil
	}
	decoded, err := merkledag.DecodeProtobuf(block)
	if err != nil {
		return nil, fmt.Errorf("block %s: %w", l.digest, err)
	}
	for _, l := range decoded.Links() {
		n.links = append(n.links, child{name: l.Name, cid: l.Cid, size: l.Size})
		n.tree += l.Size
	}
	if parsed, err := unixfs.FSNodeFromBytes(decoded.Data()); err == nil {
		n.unixfs = parsed
	}
	return n, nil
}

// isDirectory reports whether a node is a directory, plain or sharded.
func (n *node) isDirectory() bool {
	return n.unixfs != nil && n.unixfs.IsDir()
}

// stat returns what Kubo's files/stat says about a root: the size of a file is
// that of its bytes, and of a directory that of all its blocks, counted as often
// as they are linked. // spec messages 6.3
func (n *node) stat() (size int64, directory bool, err error) {
	bytes := n.tree
	switch {
	case n.raw != nil:
	case n.unixfs == nil:
		return 0, false, errors.New("the root is no UnixFS")
	case n.isDirectory():
		directory = true
	default:
		bytes = n.unixfs.FileSize()
	}
	if bytes > mostBytes {
		return 0, false, fmt.Errorf("the root has %d bytes", bytes)
	}
	return int64(bytes), directory, nil
}

// mostBytes is where sizes end: 4 PiB, which no price overflows at.
const mostBytes = 4 << 50

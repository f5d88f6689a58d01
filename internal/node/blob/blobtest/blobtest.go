// Package blobtest makes graphs of IPFS blocks and archives of them, sound and
// broken ones, for tests.
package blobtest

import (
	"crypto/sha256"
	"encoding/binary"

	merkledag "github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/boxo/ipld/unixfs"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
	"github.com/multiformats/go-multihash"
)

// Entry is a member of a directory.
type Entry struct {
	Name string
	Node ipld.Node
	// Size is what the link says of the node; 0 means what is true.
	Size uint64
}

// File returns a file of one block, of CID version 1.
func File(text string) *merkledag.ProtoNode {
	return proto(unixfs.FilePBData([]byte(text), uint64(len(text))))
}

// Raw returns a block of plain bytes.
func Raw(text string) *merkledag.RawNode { return merkledag.NewRawNode([]byte(text)) }

// Parts returns a file that is made of others, each with its number of bytes.
func Parts(nodes []ipld.Node, sizes ...uint64) *merkledag.ProtoNode {
	file := unixfs.NewFSNode(unixfs.TFile)
	for _, size := range sizes {
		file.AddBlockSize(size)
	}
	data, err := file.GetBytes()
	must(err)
	n := proto(data)
	for _, part := range nodes {
		must(n.AddNodeLink("", part))
	}
	return n
}

// Symlink returns a symbolic link.
func Symlink(target string) *merkledag.ProtoNode {
	data, err := unixfs.SymlinkData(target)
	must(err)
	return proto(data)
}

// Directory returns a directory.
func Directory(entries ...Entry) *merkledag.ProtoNode {
	return withLinks(proto(unixfs.FolderPBData()), entries)
}

// Shard returns a part of a sharded directory of 256 places. The name of an entry
// begins with its place.
func Shard(entries ...Entry) *merkledag.ProtoNode {
	data, err := unixfs.HAMTShardData(nil, 256, multihash.MURMUR3X64_64)
	must(err)
	return withLinks(proto(data), entries)
}

func withLinks(n *merkledag.ProtoNode, entries []Entry) *merkledag.ProtoNode {
	for _, e := range entries {
		size := e.Size
		if size == 0 {
			var err error
			size, err = e.Node.Size()
			must(err)
		}
		must(n.AddRawLink(e.Name, &ipld.Link{Cid: e.Node.Cid(), Size: size}))
	}
	return n
}

func proto(data []byte) *merkledag.ProtoNode {
	n := merkledag.NodeWithData(data)
	must(n.SetCidBuilder(merkledag.V1CidPrefix()))
	return n
}

// Header returns the header of an archive with these roots.
func Header(roots ...cid.Cid) []byte {
	text := []byte{0xa2, 0x65} // a map of two, with keys in their order
	text = append(text, "roots"...)
	text = append(text, 0x80|byte(len(roots)))
	for _, root := range roots {
		bytes := append([]byte{0}, root.Bytes()...)
		text = append(text, 0xd8, 42, 0x58, byte(len(bytes)))
		text = append(text, bytes...)
	}
	text = append(text, 0x67)
	text = append(text, "version"...)
	text = append(text, 1)
	return Section(text)
}

// Section puts its length before some bytes.
func Section(parts ...[]byte) []byte {
	var all []byte
	for _, part := range parts {
		all = append(all, part...)
	}
	return append(binary.AppendUvarint(nil, uint64(len(all))), all...)
}

// Archive returns a CAR of nodes below a root.
func Archive(root ipld.Node, nodes ...ipld.Node) []byte {
	archive := Header(root.Cid())
	for _, n := range append([]ipld.Node{root}, nodes...) {
		archive = append(archive, Section(n.Cid().Bytes(), n.RawData())...)
	}
	return archive
}

// DagPB returns the CID of a block of dag-pb, whatever is in it.
func DagPB(block []byte) cid.Cid {
	sum := sha256.Sum256(block)
	hash, err := multihash.Encode(sum[:], multihash.SHA2_256)
	must(err)
	return cid.NewCidV1(cid.DagProtobuf, hash)
}

// must ends a test whose own means fail.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// V0 returns the file of one block that bytes become when they are added, of CID
// version 0.
func V0(text string) *merkledag.ProtoNode {
	return merkledag.NodeWithData(unixfs.FilePBData([]byte(text), uint64(len(text))))
}

// stub has the CID of plain bytes and does not hold them.
type stub struct {
	*merkledag.RawNode
	id   cid.Cid
	size uint64
}

// Stub returns a node of plain bytes that can be linked and not read.
func Stub(data []byte) ipld.Node {
	return stub{id: merkledag.NewRawNode(data).Cid(), size: uint64(len(data))}
}

// Cid implements [ipld.Node].
func (s stub) Cid() cid.Cid { return s.id }

// Size implements [ipld.Node].
func (s stub) Size() (uint64, error) { return s.size, nil }

package blob

import (
	"context"
	"errors"
	"io"

	chunk "github.com/ipfs/boxo/chunker"
	merkledag "github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/boxo/ipld/unixfs/importer/balanced"
	"github.com/ipfs/boxo/ipld/unixfs/importer/helpers"
	ipld "github.com/ipfs/go-ipld-format"

	"aleph/message"
)

// How the network cuts a file into blocks, as `ipfs add` does. The CID of a file
// follows from it. // spec ccn-network 3.2
const (
	chunkSize     = 256 << 10
	linksPerBlock = 174
)

// StageUnixFS writes what r gives, at most limit bytes, as a UnixFS file to
// temporary blocks: chunks of 256 KiB, each wrapped in dag-pb, 174 links to a
// block, CID version 0. It reads no further than one byte past the limit and
// stops when ctx ends.
func (s *Store) StageUnixFS(ctx context.Context, r io.Reader, limit int64) (*StagedDAG, error) {
	g, err := s.newDAG()
	if err != nil {
		return nil, err
	}
	root, err := g.build(ctx, r, limit)
	if err == nil {
		err = g.collect(ctx, root)
	}
	if err != nil {
		g.Discard()
		return nil, err
	}
	return g, nil
}

func (g *StagedDAG) build(ctx context.Context, r io.Reader, limit int64) (message.Hash, error) {
	params := helpers.DagBuilderParams{
		Maxlinks: linksPerBlock, CidBuilder: merkledag.V0CidPrefix(), Dagserv: &sink{ctx: ctx, g: g},
	}
	source := &bounded{ctx: ctx, r: r, limit: limit}
	builder, err := params.New(chunk.NewSizeSplitter(source, chunkSize))
	if err != nil {
		return "", err
	}
	root, err := balanced.Layout(builder)
	if source.err != nil {
		return "", source.err // without what the library puts around it
	}
	if err != nil {
		return "", err
	}
	return message.Hash(root.Cid().String()), nil
}

// bounded is a reader that ends with an error of this package.
type bounded struct {
	ctx         context.Context //nolint:containedctx // lives as long as one upload
	r           io.Reader
	size, limit int64
	err         error
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.err == nil {
		b.err = b.ctx.Err()
	}
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.r.Read(p)
	if b.size += int64(n); b.size > b.limit {
		b.err = &TooLargeError{Limit: b.limit}
		return 0, b.err
	}
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = &ReadError{Err: err}
		return n, b.err
	}
	return n, err
}

// sink takes the blocks of a builder.
type sink struct {
	ipld.DAGService // a builder only adds

	ctx context.Context //nolint:containedctx // lives as long as one upload
	g   *StagedDAG
}

// Add implements [ipld.DAGService].
func (k *sink) Add(_ context.Context, n ipld.Node) error {
	if err := k.ctx.Err(); err != nil {
		return err
	}
	l, err := linkOf(n.Cid())
	if err != nil {
		return err
	}
	return k.g.put(l.digest, n.RawData())
}

// AddMany implements [ipld.DAGService].
func (k *sink) AddMany(ctx context.Context, nodes []ipld.Node) error {
	for _, n := range nodes {
		if err := k.Add(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// Adopt makes a root of what other roots have brought: of a file inside a
// directory, for one. When blocks are missing the error is [message.ErrNotFound].
// The root is kept until it is deleted.
func (s *Store) Adopt(ctx context.Context, h message.Hash) error {
	l, ok := rootLink(h)
	if !ok || !fileExists(s.blockPath(l.digest)) {
		return notFound(h)
	}
	if s.Has(h) {
		return nil
	}
	g, err := s.newDAG()
	if err != nil {
		return err
	}
	defer g.Discard()
	if err := g.collect(ctx, h); err != nil {
		if _, ok := errors.AsType[*BrokenError](err); ok {
			return errors.Join(notFound(h), err)
		}
		return err
	}
	return g.Commit()
}

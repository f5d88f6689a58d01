package blob

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"strconv"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/codec/dagcbor"
	"github.com/ipld/go-ipld-prime/datamodel"
	cidlink "github.com/ipld/go-ipld-prime/linking/cid"
	"github.com/ipld/go-ipld-prime/node/basicnode"

	"aleph/message"
)

const (
	// maxHeader is the most bytes of the header of an archive; one root needs 60.
	// // spec ccn-http-api 10.6
	maxHeader = 8192
	// maxCID bounds the CID before a block.
	maxCID = 128
)

// HeaderError says what is wrong with the header of an archive.
type HeaderError struct{ Reason string }

// Error returns the reason.
func (e *HeaderError) Error() string { return e.Reason }

// Is makes a HeaderError an invalid input.
func (e *HeaderError) Is(target error) bool { return target == message.ErrInvalid }

// StagedCAR is an archive of blocks that was read to its end. Its owner checks
// Header and Root, calls Complete, and then it is a [StagedDAG] like any other.
type StagedCAR struct {
	*StagedDAG
	// Archive is the number of bytes of the archive.
	Archive int64
	// Root is the CID that the header names.
	Root message.Hash
	// Header is what is wrong with the header; nil when it is sound.
	Header error
	broken error // what is wrong with the blocks
}

// StageCAR reads an archive of at most limit bytes (CAR, version 1) and writes its
// blocks, verified, to temporary files. An archive that is wrong is read to its
// end all the same: what is wrong is said when the caller asks for it. The error
// is of the reader, the limit or the disk.
func (s *Store) StageCAR(ctx context.Context, r io.Reader, limit int64) (*StagedCAR, error) {
	g, err := s.newDAG()
	if err != nil {
		return nil, err
	}
	source := &bounded{ctx: ctx, r: r, limit: limit}
	c := &StagedCAR{StagedDAG: g}
	in := bufio.NewReaderSize(source, bufferSize)
	err = c.read(in)
	switch {
	case errors.As(err, new(*HeaderError)):
		c.Header, err = err, nil
	case errors.As(err, new(*BrokenError)):
		c.broken, err = err, nil
	}
	if source.err == nil && err == nil {
		_, err = io.Copy(io.Discard, in)
	}
	if source.err != nil {
		err = source.err
	}
	if err != nil {
		c.Discard()
		return nil, err
	}
	c.Archive = source.size
	return c, nil
}

// Complete checks that the archive, together with what the store has, holds all
// that is below its root. The error is a [*BrokenError] when it does not.
func (c *StagedCAR) Complete(ctx context.Context) error {
	if err := errors.Join(c.Header, c.broken); err != nil {
		return err
	}
	return c.collect(ctx, c.Root)
}

func (c *StagedCAR) read(in *bufio.Reader) error {
	root, err := readHeader(in)
	if err != nil {
		return err
	}
	c.Root = message.Hash(root.String())
	section := make([]byte, maxBlock+maxCID)
	for {
		if _, err := in.Peek(1); errors.Is(err, io.EOF) {
			return nil
		}
		length, reason := readVarint(in)
		switch {
		case reason != "":
			return broken("block: malformed varint: %s", reason)
		case length > uint64(len(section)):
			return broken("a block of %d bytes, more than %d", length, len(section))
		}
		part := section[:length]
		if _, err := io.ReadFull(in, part); err != nil {
			return broken("the archive ends within a block")
		}
		if err := c.take(part); err != nil {
			return err
		}
	}
}

// take verifies and keeps one block of an archive.
func (c *StagedCAR) take(section []byte) error {
	n, id, err := cid.CidFromBytes(section)
	if err != nil {
		return broken("block with a malformed CID: %v", err)
	}
	l, err := linkOf(id)
	if err != nil {
		return broken("%v", err)
	}
	data := section[n:]
	if err := verify(l, data); err != nil {
		return err
	}
	return c.put(l.digest, data)
}

// readHeader reads the header of an archive and returns its only root.
func readHeader(in *bufio.Reader) (cid.Cid, error) {
	length, reason := readVarint(in)
	switch {
	case reason != "":
		return cid.Undef, badHeader("malformed varint: " + reason)
	case length > maxHeader:
		return cid.Undef, badHeader("header exceeds maximum size (" + decimal(length) + " > " + decimal(maxHeader) + ")")
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(in, text); err != nil {
		return cid.Undef, badHeader("truncated header")
	}
	header, err := decodeHeader(text)
	if err != nil {
		return cid.Undef, badHeader("malformed DAG-CBOR header: " + err.Error())
	}
	return rootOf(header)
}

func decodeHeader(text []byte) (datamodel.Node, error) {
	// The limit of memory follows from that of the text.
	builder := basicnode.Prototype.Any.NewBuilder()
	options := dagcbor.DecodeOptions{AllowLinks: true, AllocationBudget: 64 * maxHeader}
	if err := options.Decode(builder, bytes.NewReader(text)); err != nil {
		return nil, err
	}
	header := builder.Build()
	if header.Kind() != datamodel.Kind_Map {
		return nil, errors.New("not a map")
	}
	return header, nil
}

func rootOf(header datamodel.Node) (cid.Cid, error) {
	version, err := header.LookupByString("version")
	if err != nil {
		return cid.Undef, badHeader("unsupported CAR version (got None, expected 1)")
	}
	if number, err := version.AsInt(); err != nil || number != 1 {
		got := version.Kind().String()
		if err == nil {
			got = strconv.FormatInt(number, 10)
		}
		return cid.Undef, badHeader("unsupported CAR version (got " + got + ", expected 1)")
	}
	roots, err := header.LookupByString("roots")
	if err != nil || roots.Kind() != datamodel.Kind_List {
		return cid.Undef, badHeader("malformed DAG-CBOR header: roots is not a list")
	}
	if roots.Length() != 1 {
		return cid.Undef, badHeader("expected exactly 1 root, got " + decimal(uint64(roots.Length())))
	}
	root, err := roots.LookupByIndex(0)
	if err != nil {
		return cid.Undef, badHeader("malformed root CID: " + err.Error())
	}
	named, err := root.AsLink()
	if err != nil {
		return cid.Undef, badHeader("malformed root CID: unexpected type " + root.Kind().String())
	}
	l, ok := named.(cidlink.Link)
	if !ok {
		return cid.Undef, badHeader("malformed root CID: no CID")
	}
	return l.Cid, nil
}

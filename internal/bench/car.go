package bench

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"time"

	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/boxo/ipld/unixfs"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"

	"aleph/message"
)

const (
	carSize  = 2 << 30   // bytes of the file in the archive
	leafSize = 256 << 10 // bytes of a block of a file
	fanOut   = 1024      // blocks below one node
	carName  = "large.bin"
)

// measureCAR uploads a directory with a file of 2 GiB as one archive, downloads
// it, and reads the peak of the node's memory. // spec ccn-http-api 10.6
func measureCAR(ctx context.Context, s *Suite) (rows []Row, err error) {
	c, err := s.start(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = first(err, c.stop()) }()
	g, err := NewGenerator(s.Seed, time.Now())
	if err != nil {
		return nil, err
	}
	if err := c.fund(ctx, g); err != nil {
		return nil, err
	}
	s.Progress("naming the blocks of an archive")
	a, err := newArchive(s.Seed)
	if err != nil {
		return nil, err
	}
	m, err := g.Message(message.TypeStore, map[string]any{"item_type": message.ItemIPFS, "item_hash": a.root.Cid().String()})
	if err != nil {
		return nil, err
	}
	pid := c.process.PID()
	before, err := settle(ctx, pid)
	if err != nil {
		return nil, err
	}
	for _, step := range []struct {
		name string
		run  func() error
	}{
		{"upload", func() error { return a.upload(ctx, c.api, m) }},
		{"download", func() error { return a.download(ctx, c.api) }},
	} {
		if err := resetPeak(pid); err != nil {
			return nil, err
		}
		s.Progress("%s of an archive of %s", step.name, mebibytes(carSize))
		begin := time.Now()
		if err := step.run(); err != nil {
			return nil, fmt.Errorf("%s of an archive: %w", step.name, err)
		}
		took := time.Since(begin)
		after, err := memoryOf(pid)
		if err != nil {
			return nil, err
		}
		rows = append(rows, bytesRow("memory that the "+step.name+" of a CAR of 2 GiB adds", max(after.Peak-before.Now, 0), targetUpload,
			fmt.Sprintf("%s before, peak %s; %s, %.0f MiB/s", mebibytes(before.Now), mebibytes(after.Peak), round(took), float64(carSize>>20)/took.Seconds())))
	}
	return rows, nil
}

// archive is a directory with one large file, whose bytes are made when they are
// needed.
type archive struct {
	seed uint64
	root *merkledag.ProtoNode
	// nodes are those above the leaves, the root among them.
	nodes []*merkledag.ProtoNode
}

func newArchive(seed uint64) (*archive, error) {
	a := &archive{seed: seed}
	var tops, below []part
	err := a.leaves(func(leaf *merkledag.RawNode) error {
		below = append(below, part{leaf.Cid(), leafSize, leafSize})
		if len(below) < fanOut {
			return nil
		}
		top, err := a.file(below)
		tops, below = append(tops, top), nil
		return err
	})
	if err != nil {
		return nil, err
	}
	file, err := a.file(tops)
	if err != nil {
		return nil, err
	}
	a.root = merkledag.NodeWithData(unixfs.FolderPBData())
	err = errors.Join(a.root.SetCidBuilder(merkledag.V1CidPrefix()), a.root.AddRawLink(carName, &ipld.Link{Cid: file.id, Size: file.blocks}))
	a.nodes = append(a.nodes, a.root)
	return a, err
}

// leaves makes the blocks of the file in their order.
func (a *archive) leaves(use func(*merkledag.RawNode) error) error {
	source := rand.NewChaCha8([32]byte{byte(a.seed), byte(a.seed >> 8), 'c'})
	for range carSize / leafSize {
		block := make([]byte, leafSize)
		_, _ = source.Read(block) // never fails
		if err := use(merkledag.NewRawNode(block)); err != nil {
			return err
		}
	}
	return nil
}

// part is a part of a file: its name, its bytes, and those of all its blocks.
type part struct {
	id            cid.Cid
	bytes, blocks uint64
}

// file makes a node of parts of a file, a leaf for each or such nodes again.
func (a *archive) file(parts []part) (part, error) {
	f := unixfs.NewFSNode(unixfs.TFile)
	whole := part{}
	for _, p := range parts {
		f.AddBlockSize(p.bytes)
		whole.bytes, whole.blocks = whole.bytes+p.bytes, whole.blocks+p.blocks
	}
	data, err := f.GetBytes()
	if err != nil {
		return part{}, err
	}
	n := merkledag.NodeWithData(data)
	if err := n.SetCidBuilder(merkledag.V1CidPrefix()); err != nil {
		return part{}, err
	}
	for _, p := range parts {
		if err := n.AddRawLink("", &ipld.Link{Cid: p.id, Size: p.blocks}); err != nil {
			return part{}, err
		}
	}
	a.nodes = append(a.nodes, n)
	whole.id, whole.blocks = n.Cid(), whole.blocks+uint64(len(n.RawData()))
	return whole, nil
}

// write writes the archive: CAR version 1, the nodes before the leaves.
func (a *archive) write(w io.Writer) error {
	root := append([]byte{0}, a.root.Cid().Bytes()...)
	header := append([]byte("\xa2\x65roots\x81\xd8\x2a\x58"), byte(len(root)))
	header = append(append(header, root...), "\x67version\x01"...)
	if err := section(w, header); err != nil {
		return err
	}
	for _, n := range a.nodes {
		if err := section(w, n.Cid().Bytes(), n.RawData()); err != nil {
			return err
		}
	}
	return a.leaves(func(leaf *merkledag.RawNode) error { return section(w, leaf.Cid().Bytes(), leaf.RawData()) })
}

// section writes parts behind their length.
func section(w io.Writer, parts ...[]byte) error {
	n := 0
	for _, part := range parts {
		n += len(part)
	}
	_, err := w.Write(binary.AppendUvarint(nil, uint64(n)))
	for _, part := range parts {
		if err == nil {
			_, err = w.Write(part)
		}
	}
	return err
}

// upload sends the archive with its STORE message.
func (a *archive) upload(ctx context.Context, api string, m *message.Message) error {
	metadata, err := publishBody(m, true)
	if err != nil {
		return err
	}
	body, out := io.Pipe()
	form := multipart.NewWriter(out)
	go func() { // ends with the request, which reads body to its end or closes it
		err := form.WriteField("metadata", string(metadata))
		var part io.Writer
		if err == nil {
			part, err = form.CreateFormFile("file", "bench.car")
		}
		if err == nil {
			err = a.write(part)
		}
		out.CloseWithError(errors.Join(err, form.Close()))
	}()
	ctx, cancel := context.WithTimeout(ctx, uploadTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, api+"/api/v0/ipfs/add_car", body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", form.FormDataContentType())
	res, err := (&http.Client{Timeout: uploadTimeout}).Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	var answer struct{ Status, Hash string }
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return err
	}
	if json.Unmarshal(text, &answer) != nil || answer.Status != "success" || answer.Hash != a.root.Cid().String() {
		return fmt.Errorf("the node answered %s: %.200s", res.Status, text)
	}
	return nil
}

// download reads the directory as the tar that it is served as.
func (a *archive) download(ctx context.Context, api string) error {
	ctx, cancel := context.WithTimeout(ctx, uploadTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, api+"/api/v0/storage/raw/"+a.root.Cid().String(), nil)
	if err != nil {
		return err
	}
	res, err := (&http.Client{Timeout: uploadTimeout}).Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if err := statusError(res); err != nil {
		return err
	}
	n, err := io.Copy(io.Discard, res.Body)
	if err == nil && n < carSize {
		err = fmt.Errorf("only %d bytes came", n)
	}
	return err
}

package blob_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	ipld "github.com/ipfs/go-ipld-format"

	"aleph/internal/node/blob"
	"aleph/internal/node/blob/blobtest"
	"aleph/message"
)

// TestCARFaults goes through what can be wrong with an archive.
// // spec ccn-http-api 10.6
func TestCARFaults(t *testing.T) {
	t.Parallel()
	leaf := blobtest.File("leaf")
	root := blobtest.Directory(blobtest.Entry{Name: "leaf", Node: leaf})
	sound := blobtest.Archive(root, leaf)
	header := blobtest.Header(root.Cid())
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	rootBlock := blobtest.Section(root.Cid().Bytes(), root.RawData())
	for name, c := range map[string]struct {
		archive []byte
		header  string // what is wrong with the header
		broken  string // what is wrong with the blocks, a part of it
	}{
		"empty":           {archive: nil, header: "malformed varint: truncated"},
		"endless varint":  {archive: bytes.Repeat([]byte{0xff}, 12), header: "malformed varint: exceeds 10 bytes"},
		"long header":     {archive: join([]byte{0x81, 0x40}, sound), header: "header exceeds maximum size (8193 > 8192)"},
		"cut in header":   {archive: header[:20], header: "truncated header"},
		"not CBOR":        {archive: []byte{1, 0xff}, header: "malformed DAG-CBOR header: "},
		"not a map":       {archive: []byte{1, 0x01}, header: "malformed DAG-CBOR header: not a map"},
		"version 2":       {archive: []byte("\x0a\xa1\x67version\x02"), header: "unsupported CAR version (got 2, expected 1)"},
		"no version":      {archive: []byte("\x08\xa1\x65roots\x80"), header: "unsupported CAR version (got None, expected 1)"},
		"no roots":        {archive: []byte("\x0a\xa1\x67version\x01"), header: "malformed DAG-CBOR header: roots is not a list"},
		"a root no CID":   {archive: []byte("\x12\xa2\x65roots\x81\x01\x67version\x01"), header: "malformed root CID: unexpected type int"},
		"zero roots":      {archive: blobtest.Header(), header: "expected exactly 1 root, got 0"},
		"two roots":       {archive: blobtest.Header(root.Cid(), leaf.Cid()), header: "expected exactly 1 root, got 2"},
		"a map of 2^63":   {archive: []byte("\x09\xbb\x7f\xff\xff\xff\xff\xff\xff\xff"), header: "malformed DAG-CBOR header: "},
		"a list of 2^63":  {archive: []byte("\x10\xa1\x65roots\x9b\x7f\xff\xff\xff\xff\xff\xff\xff"), header: "malformed DAG-CBOR header: "},
		"a text of 2^62":  {archive: []byte("\x0a\xa1\x7b\x3f\xff\xff\xff\xff\xff\xff\xff"), header: "malformed DAG-CBOR header: "},
		"nested lists":    {archive: join([]byte{0x80, 0x40}, bytes.Repeat([]byte{0x81}, 8192)), header: "malformed DAG-CBOR header: "},
		"no blocks":       {archive: header, broken: "is missing"},
		"empty block":     {archive: join(header, []byte{0}), broken: "malformed CID"},
		"endless length":  {archive: join(header, bytes.Repeat([]byte{0xff}, 64)), broken: "malformed varint: exceeds 10 bytes"},
		"length of 2^63":  {archive: join(header, bytes.Repeat([]byte{0xff}, 9), []byte{0x01}), broken: "a block of 18446744073709551615 bytes"},
		"missing leaf":    {archive: join(header, rootBlock), broken: "is missing"},
		"missing root":    {archive: join(header, blobtest.Section(leaf.Cid().Bytes(), leaf.RawData())), broken: "is missing"},
		"cut in block":    {archive: sound[:len(sound)-1], broken: "ends within a block"},
		"cut in length":   {archive: join(sound, []byte{0x80}), broken: "malformed varint: truncated"},
		"wrong bytes":     {archive: join(header, blobtest.Section(root.Cid().Bytes(), leaf.RawData())), broken: "have another hash"},
		"long block":      {archive: join(header, []byte{0xff, 0xff, 0xff, 0x7f}), broken: "a block of 268435455 bytes"},
		"no CID":          {archive: join(header, []byte{1, 0}), broken: "malformed CID"},
		"root not UnixFS": {archive: notUnixFS(), broken: "no UnixFS"},
	} {
		folder := t.TempDir()
		s := open(t, folder)
		car, err := commitCAR(t, s, c.archive)
		if car == nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := errorText(car.Header); c.header != "" && !strings.HasPrefix(got, c.header) || c.header == "" && got != "" {
			t.Errorf("%s: header %q, want %q", name, got, c.header)
		}
		if c.broken != "" && (!errors.As(err, new(*blob.BrokenError)) || !strings.Contains(err.Error(), c.broken)) {
			t.Errorf("%s: got %v, want %q", name, err, c.broken)
		}
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
		if left := files(t, folder); len(left) != 0 {
			t.Errorf("%s: left behind: %v", name, left)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func notUnixFS() []byte {
	n := blobtest.Directory()
	n.SetData([]byte("no protocol buffer"))
	return blobtest.Archive(n)
}

// TestTar reads a directory with all that can be in it, as Kubo's get gives it.
func TestTar(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	raw, chunk := blobtest.Raw("raw bytes"), blobtest.Raw("a chunk, ")
	parts := blobtest.Parts([]ipld.Node{chunk, raw}, 9, 9)
	link := blobtest.Symlink("readme.txt")
	deep := blobtest.Shard(blobtest.Entry{Name: "7Fdeep", Node: raw})
	shard := blobtest.Shard(blobtest.Entry{Name: "00first", Node: raw}, blobtest.Entry{Name: "A1", Node: deep})
	empty := blobtest.Directory()
	root := blobtest.Directory(
		blobtest.Entry{Name: "empty", Node: empty}, blobtest.Entry{Name: "link", Node: link},
		blobtest.Entry{Name: "many", Node: shard}, blobtest.Entry{Name: "readme.txt", Node: parts},
	)
	car, err := commitCAR(t, s, blobtest.Archive(root, raw, chunk, parts, link, deep, shard, empty))
	if err != nil {
		t.Fatal(err)
	}
	cumulative, err := root.Size()
	if err != nil || car.Size != int64(cumulative) || !car.Directory || !s.IsDirectory(car.Hash) {
		t.Errorf("size %d, want %d (%v); directory %t", car.Size, cumulative, err, car.Directory)
	}
	if _, err := s.Open(car.Hash); !errors.Is(err, message.ErrNotFound) {
		t.Errorf("a directory was opened as a file: %v", err)
	}
	var out bytes.Buffer
	if err := s.WriteTar(t.Context(), car.Hash, &out); err != nil {
		t.Fatal(err)
	}
	var got []string
	for r := tar.NewReader(&out); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, strings.TrimPrefix(h.Name, string(car.Hash))+" "+h.Linkname+string(text))
	}
	want := []string{"/ ", "/empty/ ", "/link readme.txt", "/many/ ", "/many/first raw bytes", "/many/deep raw bytes", "/readme.txt a chunk, raw bytes"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the archive (-want +got):\n%s", diff)
	}
}

// TestExpandingGraphs has blocks that are linked so often that what they unfold to
// has no end, while their links say that it is small.
func TestExpandingGraphs(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	nodes := []ipld.Node{blobtest.File(strings.Repeat("x", 10_000))}
	for range 40 {
		last := nodes[len(nodes)-1]
		nodes = append(nodes, blobtest.Directory(blobtest.Entry{Name: "a", Node: last, Size: 1}, blobtest.Entry{Name: "b", Node: last, Size: 1}))
	}
	car, err := commitCAR(t, s, blobtest.Archive(nodes[len(nodes)-1], nodes[:len(nodes)-1]...))
	if err != nil {
		t.Fatal(err)
	}
	var out readCounter
	if err := s.WriteTar(t.Context(), car.Hash, &out); err == nil || out > 8<<20 {
		t.Errorf("%d bytes were written, error %v", out, err)
	}
	// A chain of folders: the path of each is as long as all names above it.
	long := strings.Repeat("n", 200)
	nodes = []ipld.Node{blobtest.Directory()}
	for range 3000 {
		nodes = append(nodes, blobtest.Directory(blobtest.Entry{Name: long, Node: nodes[len(nodes)-1]}))
	}
	archive := blobtest.Archive(nodes[len(nodes)-1], nodes[:len(nodes)-1]...)
	if car, err = commitCAR(t, s, archive); err != nil {
		t.Fatal(err)
	}
	out = 0
	if err := s.WriteTar(t.Context(), car.Hash, &out); err == nil || int(out) > len(archive)+1<<20 {
		t.Errorf("%d bytes were written of an archive of %d bytes, error %v", out, len(archive), err)
	}
	for name, entry := range map[string]string{"parent": "..", "path": "a/b", "none": "", "zero": "a\x00b"} {
		leaf := blobtest.File("leaf")
		root := blobtest.Directory(blobtest.Entry{Name: entry, Node: leaf})
		car, err := commitCAR(t, s, blobtest.Archive(root, leaf))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.WriteTar(t.Context(), car.Hash, io.Discard); err == nil {
			t.Errorf("%s: an entry named %q was written", name, entry)
		}
	}
}

// Write makes a readCounter count what is written to it.
func (r *readCounter) Write(p []byte) (int, error) {
	*r += readCounter(len(p))
	return len(p), nil
}

// TestLyingFiles reads files whose blocks are not what their links say.
func TestLyingFiles(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	leaf := blobtest.Raw("12345678")
	for name, root := range map[string]ipld.Node{
		"more than there is": blobtest.Parts([]ipld.Node{leaf}, 9),
		"less than there is": blobtest.Parts([]ipld.Node{leaf}, 7),
		"a size too many":    blobtest.Parts([]ipld.Node{leaf}, 8, 8),
		"a size too few":     blobtest.Parts([]ipld.Node{leaf, leaf}, 8),
	} {
		car, err := commitCAR(t, s, blobtest.Archive(root, leaf))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		file, err := s.Open(car.Hash)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := io.ReadAll(file); err == nil {
			t.Errorf("%s: was read", name)
		}
	}
}

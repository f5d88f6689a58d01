package blob_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	ipld "github.com/ipfs/go-ipld-format"

	"aleph/internal/node/blob"
	"aleph/internal/node/blob/blobtest"
	"aleph/message"
)

// TestUnixFSVectors compares with the CIDs that `ipfs add` of Kubo 0.40.1 gives, of
// one, two and three levels of blocks. // spec ccn-network 3.2
func TestUnixFSVectors(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	const chunk = 256 << 10
	for want, data := range map[message.Hash][]byte{
		"QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH": {},
		"QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o": []byte("hello world\n"),
		"QmVkbauSDEaMP4Tkq6Epm9uW75mWm136n81YH8fGtfwdHU": make([]byte, 1<<20),
		"QmUrHAfHFnCSwoQq8aU62eGCo1CpENmJg8bgRCKpLrKR3S": pattern(chunk - 1),
		"QmNzooBM4ZMufht5Hz3xAoMVLLeEpEiB4k1RG3h1aQH4Yt": pattern(chunk),
		"Qmcre5LuS4BYxgUL8ZEEQvfy5V6V9TFP77gFssAiC9BU4g": pattern(chunk + 1),
		"QmW8htTbbdWyV1cX3p7YCGQ21R56bMwBwqbEymLFVknQJw": pattern(174 * chunk),
		"QmZo2eRboqNCDGBjQsMmUgb1UoZstmYyF6vt7g8JijkXji": pattern(174*chunk + 1),
		"QmVcdUxVJ3GSSTfLuJq9Zo2q87qFktskXV24TT1AeosetT": pattern(350*chunk + 99),
	} {
		g, err := s.StageUnixFS(t.Context(), iotest.HalfReader(bytes.NewReader(data)), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		if g.Hash != want || g.Size != int64(len(data)) || g.Directory {
			t.Errorf("%d bytes: got %+v, want %s", len(data), g.Info, want)
		}
		g.Discard()
	}
}

// pattern is a content of any length that never repeats a chunk.
func pattern(size int) []byte {
	data := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(data)
	return data
}

func commitFile(t *testing.T, s *blob.Store, data []byte) message.Hash {
	t.Helper()
	g, err := s.StageUnixFS(t.Context(), bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	defer g.Discard()
	if err := g.Commit(); err != nil {
		t.Fatal(err)
	}
	return g.Hash
}

func read(t *testing.T, s *blob.Store, h message.Hash) []byte {
	t.Helper()
	file, err := s.Open(h)
	if err != nil {
		t.Fatalf("open %s: %v", h, err)
	}
	defer file.Close()
	data, err := io.ReadAll(file)
	if err != nil {
		t.Fatalf("read %s: %v", h, err)
	}
	return data
}

// TestUnixFSRoundTrip writes files of one, two and three levels of blocks and
// reads them from the beginning and from the middle.
func TestUnixFSRoundTrip(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	s := open(t, folder)
	const chunk = 256 << 10
	for _, size := range []int{0, 1, chunk, chunk + 1, 3*chunk - 1, 174*chunk + 1} {
		data := pattern(size)
		h := commitFile(t, s, data)
		if got := read(t, s, h); !bytes.Equal(got, data) {
			t.Errorf("%d bytes came back as %d others", size, len(got))
		}
		file, err := s.Open(h)
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range []int{size / 2, 0, size - 1} {
			if at < 0 {
				continue
			}
			if _, err := file.Seek(int64(at), io.SeekStart); err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(io.LimitReader(file, 100))
			if want := data[at:min(size, at+100)]; err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d bytes, from %d: %v", size, at, err)
			}
		}
		if n, err := file.Seek(0, io.SeekEnd); n != int64(size) || err != nil {
			t.Errorf("the end of %d bytes is at %d, %v", size, n, err)
		}
		if n, ok := blob.HasRoot(folder, h); !ok || n != int64(size) {
			t.Errorf("size on disk: %d %t, want %d", n, ok, size)
		}
	}
	if got, want := open(t, folder).Stats(), s.Stats(); got != want || got.Files != 6 {
		t.Errorf("stats after opening again: %+v, before: %+v", got, want)
	}
}

func TestRefusedUnixFSLeavesNothing(t *testing.T) {
	t.Parallel()
	cut := errors.New("the line was cut")
	half := bytes.NewReader(pattern(600 << 10))
	for name, c := range map[string]struct {
		source io.Reader
		full   int
		check  func(error) bool
	}{
		"over the limit": {bytes.NewReader(pattern(limit + 1)), limit * 2, func(err error) bool {
			large, ok := errors.AsType[*blob.TooLargeError](err)
			return ok && large.Limit == limit
		}},
		"cut": {io.MultiReader(half, iotest.ErrReader(cut)), limit * 2, func(err error) bool {
			_, ok := errors.AsType[*blob.ReadError](err)
			return ok && errors.Is(err, cut)
		}},
		"full disk": {bytes.NewReader(pattern(limit)), 300 << 10, func(err error) bool {
			return errors.Is(err, message.ErrUnavailable) && errors.Is(err, syscall.ENOSPC)
		}},
	} {
		folder := t.TempDir()
		s := open(t, folder)
		blob.FailBlocks(s, c.full)
		if _, err := s.StageUnixFS(t.Context(), c.source, limit); !c.check(err) {
			t.Errorf("%s: unexpected error: %v", name, err)
		}
		if left := files(t, folder); len(left) != 0 {
			t.Errorf("%s: left behind: %v", name, left)
		}
	}
}

// commitCAR reads an archive and commits it.
func commitCAR(t *testing.T, s *blob.Store, archive []byte) (*blob.StagedCAR, error) {
	t.Helper()
	car, err := s.StageCAR(t.Context(), bytes.NewReader(archive), limit)
	if err != nil {
		return nil, err
	}
	defer car.Discard()
	if err := car.Complete(t.Context()); err != nil {
		return car, err
	}
	err = car.Commit()
	return car, err
}

// TestSharedBlocks deletes one of two directories that have a file in common.
func TestSharedBlocks(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	s := open(t, folder)
	common, first, second := blobtest.File("common"), blobtest.File("first"), blobtest.File("second")
	one := blobtest.Directory(blobtest.Entry{Name: "a", Node: common}, blobtest.Entry{Name: "b", Node: first})
	two := blobtest.Directory(blobtest.Entry{Name: "a", Node: common}, blobtest.Entry{Name: "c", Node: second})
	for _, archive := range [][]byte{blobtest.Archive(one, common, first), blobtest.Archive(two, second)} { // the second without the common file
		if _, err := commitCAR(t, s, archive); err != nil {
			t.Fatal(err)
		}
	}
	inside := message.Hash(common.Cid().String())
	if s.Has(inside) {
		t.Error("a file inside a directory is a root before anybody asks")
	}
	for range 2 {
		if err := s.Adopt(t.Context(), inside); err != nil {
			t.Fatal(err)
		}
	}
	if got := string(read(t, s, inside)); got != "common" {
		t.Errorf("adopted: %q", got)
	}
	deleteRoot := func(n ipld.Node, left int) {
		t.Helper()
		if err := s.Delete(message.Hash(n.Cid().String()), nil); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := len(files(t, filepath.Join(folder, "ipfs", "blocks"))); got != left {
			t.Errorf("%d blocks are left, want %d", got, left)
		}
	}
	deleteRoot(one, 3)
	if got := string(read(t, s, inside)); got != "common" {
		t.Errorf("after the directory went: %q", got)
	}
	deleteRoot(common, 3) // the other directory needs it
	deleteRoot(two, 0)
	if got := s.Stats(); got != (blob.Stats{}) {
		t.Errorf("stats: %+v, want none", got)
	}
	if err := s.Adopt(t.Context(), inside); !errors.Is(err, message.ErrNotFound) {
		t.Errorf("adopt what is gone: %v", err)
	}
}

// TestHalfCommit stops a commit between its blocks and its root. The next sweep
// removes what it had placed.
func TestHalfCommit(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	s := open(t, folder)
	g, err := s.StageUnixFS(t.Context(), strings.NewReader("half"), limit)
	if err != nil {
		t.Fatal(err)
	}
	// A file in the place of the folder of the root.
	place := filepath.Join(folder, "ipfs", "roots", string(g.Hash[len(g.Hash)-2:]))
	if err := os.WriteFile(place, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := g.Commit(); err == nil {
		t.Fatal("the commit had no place for the root and did not fail")
	}
	if got := len(files(t, filepath.Join(folder, "ipfs", "blocks"))); got != 1 {
		t.Fatalf("%d blocks were placed, want 1", got)
	}
	if err := os.Remove(place); err != nil {
		t.Fatal(err)
	}
	again := open(t, folder) // as after a crash: g is not discarded
	if n, err := again.Sweep(t.Context()); n != 1 || err != nil {
		t.Errorf("swept %d blocks, %v, want 1", n, err)
	}
	if left := files(t, folder); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestHeldRoot(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	g, err := s.StageUnixFS(t.Context(), strings.NewReader("held"), limit)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(g.Hash, nil); !errors.Is(err, blob.ErrInUse) {
		t.Errorf("delete a held root: %v", err)
	}
	g.Discard()
	if err := s.Delete(g.Hash, func() (bool, error) { return true, nil }); err != nil || !s.Has(g.Hash) {
		t.Errorf("a wanted root is gone: %v", err)
	}
	if err := s.Delete(g.Hash, nil); err != nil || s.Has(g.Hash) {
		t.Errorf("delete: %v", err)
	}
}

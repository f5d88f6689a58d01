package blob_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"aleph/internal/node/blob"
	"aleph/message"
)

const limit = 1 << 20

func open(t *testing.T, folder string) *blob.Store {
	t.Helper()
	s, err := blob.Open(blob.Config{Folder: folder})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// files lists the regular files of a folder, relative to it.
func files(t *testing.T, folder string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			relative, _ := filepath.Rel(folder, path)
			found = append(found, relative)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestPutAndOpen(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	s := open(t, folder)
	for _, size := range []int{0, 1, 128 << 10, 128<<10 + 1, limit} {
		data := make([]byte, size)
		for i := range data {
			data[i] = byte(i)
		}
		info, err := s.Put(t.Context(), iotest.HalfReader(bytes.NewReader(data)), limit)
		if err != nil {
			t.Fatalf("put %d bytes: %v", size, err)
		}
		if want := (blob.Info{Hash: message.HashOf(data), Size: int64(size)}); info != want {
			t.Errorf("put %d bytes: got %v, want %v", size, info, want)
		}
		file, err := s.Open(info.Hash)
		if err != nil {
			t.Fatal(err)
		}
		if file.Size() != int64(size) {
			t.Errorf("size: got %d, want %d", file.Size(), size)
		}
		got, err := io.ReadAll(file)
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("read %d bytes: got %d, error %v", size, len(got), err)
		}
		if _, err := file.Seek(0, io.SeekStart); err != nil {
			t.Error(err)
		}
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	}
	if got := s.Stats(); got.Files != 5 {
		t.Errorf("stats: got %+v, want 5 files", got)
	}
	if got, want := open(t, folder).Stats(), s.Stats(); got != want {
		t.Errorf("stats after opening again: got %+v, want %+v", got, want)
	}
}

func TestPutTwiceCountsOnce(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	s := open(t, folder)
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			if _, err := s.Put(context.Background(), strings.NewReader("same"), limit); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if got, want := s.Stats(), (blob.Stats{Files: 1, Bytes: 4}); got != want {
		t.Errorf("stats: got %+v, want %+v", got, want)
	}
	if got := files(t, folder); len(got) != 1 {
		t.Errorf("files: got %v, want one", got)
	}
	if got := blob.HeldBlobs(s); got != 0 {
		t.Errorf("held blobs: got %d, want 0", got)
	}
}

func TestRefusedUploadLeavesNothing(t *testing.T) {
	t.Parallel()
	cut := errors.New("the line was cut")
	cases := map[string]struct {
		put   func(s *blob.Store) error
		check func(err error) bool
	}{
		"over the limit": {
			func(s *blob.Store) error {
				_, err := s.Put(t.Context(), strings.NewReader(strings.Repeat("x", limit+1)), limit)
				return err
			},
			func(err error) bool {
				large, ok := errors.AsType[*blob.TooLargeError](err)
				return ok && large.Limit == limit && errors.Is(err, message.ErrInvalid)
			},
		},
		"cut": {
			func(s *blob.Store) error {
				_, err := s.Put(t.Context(), io.MultiReader(strings.NewReader("half"), iotest.ErrReader(cut)), limit)
				return err
			},
			func(err error) bool { return errors.Is(err, cut) },
		},
		"cancelled": {
			func(s *blob.Store) error {
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				_, err := s.Put(ctx, strings.NewReader("late"), limit)
				return err
			},
			func(err error) bool { return errors.Is(err, context.Canceled) },
		},
		"full disk": {
			func(s *blob.Store) error {
				blob.FailWrites(s, 200<<10)
				_, err := s.Put(t.Context(), strings.NewReader(strings.Repeat("x", limit)), limit)
				return err
			},
			func(err error) bool {
				return errors.Is(err, message.ErrUnavailable) && strings.Contains(err.Error(), "disk is full")
			},
		},
		"staged and not committed": {
			func(s *blob.Store) error {
				staged, err := s.Stage(t.Context(), strings.NewReader("abandoned"), limit)
				staged.Discard()
				staged.Discard()
				return err
			},
			func(err error) bool { return err == nil },
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			s := open(t, folder)
			if err := c.put(s); !c.check(err) {
				t.Errorf("unexpected error: %v", err)
			}
			if left := files(t, folder); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
			if got := s.Stats(); got != (blob.Stats{}) {
				t.Errorf("stats: got %+v, want none", got)
			}
		})
	}
}

// readCounter counts what is taken from an endless reader.
type readCounter int64

func (r *readCounter) Read(p []byte) (int, error) {
	*r += readCounter(len(p))
	return len(p), nil
}

func TestLimitStopsReading(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	var taken readCounter
	if _, err := s.Put(t.Context(), &taken, limit); err == nil {
		t.Fatal("an endless upload was accepted")
	}
	if taken > 2*limit {
		t.Errorf("read %d bytes of an upload limited to %d", taken, limit)
	}
}

func TestOpenSweepsLeftovers(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	s := open(t, folder)
	if _, err := s.Stage(t.Context(), strings.NewReader("the process dies here"), limit); err != nil {
		t.Fatal(err)
	}
	if got := files(t, folder); len(got) != 1 {
		t.Fatalf("files before: %v", got)
	}
	open(t, folder)
	if got := files(t, folder); len(got) != 0 {
		t.Errorf("files after: %v", got)
	}
}

func TestUnknownAndStrangeHashes(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "store")
	s := open(t, folder)
	outside := filepath.Join(filepath.Dir(folder), "outside")
	if err := os.WriteFile(outside, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	traversal := "/../" + strings.Repeat("./", 26) + "outside"
	for _, h := range []message.Hash{
		"", message.HashOf([]byte("never seen")), message.Hash(strings.Repeat("A", 64)),
		message.Hash(traversal + strings.Repeat("x", 64-len(traversal))), "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o",
	} {
		if _, err := s.Open(h); !errors.Is(err, message.ErrNotFound) {
			t.Errorf("open %q: got %v, want not found", h, err)
		}
		if s.Has(h) {
			t.Errorf("has %q", h)
		}
		if err := s.Delete(h, nil); err != nil {
			t.Errorf("delete %q: %v", h, err)
		}
	}
	if _, err := os.Stat(outside); err != nil {
		t.Error(err)
	}
}

func TestDelete(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	info, err := s.Put(t.Context(), strings.NewReader("bytes"), limit)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(info.Hash, func() (bool, error) { return true, nil }); err != nil || !s.Has(info.Hash) {
		t.Errorf("a wanted blob is gone, error %v", err)
	}
	again, err := s.Stage(t.Context(), strings.NewReader("bytes"), limit)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(info.Hash, nil); !errors.Is(err, blob.ErrInUse) {
		t.Errorf("delete a held blob: got %v", err)
	}
	again.Discard()
	reader, err := s.Open(info.Hash)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(info.Hash, func() (bool, error) { return false, nil }); err != nil || s.Has(info.Hash) {
		t.Errorf("delete: error %v", err)
	}
	if got, err := io.ReadAll(reader); err != nil || string(got) != "bytes" {
		t.Errorf("an open blob after its deletion: %q, %v", got, err)
	}
	if err := reader.Close(); err != nil {
		t.Error(err)
	}
	if got := s.Stats(); got != (blob.Stats{}) {
		t.Errorf("stats: got %+v, want none", got)
	}
}

// TestPutMemory must not run beside other tests: it measures the heap.
func TestPutMemory(t *testing.T) { //nolint:paralleltest // measures the memory of the process
	s := open(t, t.TempDir())
	const size = 64 << 20
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := s.Put(t.Context(), io.LimitReader(rand.NewChaCha8([32]byte{}), size), size); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20 {
		t.Errorf("an upload of %d bytes allocated %d", size, grown)
	}
}

func BenchmarkPut(b *testing.B) {
	s, err := blob.Open(blob.Config{Folder: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	source := rand.NewChaCha8([32]byte{})
	const size = 1 << 20
	b.SetBytes(size)
	for b.Loop() {
		if _, err := s.Put(b.Context(), io.LimitReader(source, size), size); err != nil {
			b.Fatal(err)
		}
	}
}

package blob_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"aleph/internal/node/blob"
	"aleph/internal/node/blob/blobtest"
	"aleph/message"
)

// FuzzCAR reads any bytes as an archive; what is accepted can be served.
func FuzzCAR(f *testing.F) {
	leaf, raw := blobtest.File("leaf"), blobtest.Raw("raw")
	root := blobtest.Directory(blobtest.Entry{Name: "leaf", Node: leaf}, blobtest.Entry{Name: "raw", Node: raw})
	f.Add(blobtest.Archive(root, leaf, raw))
	f.Add(blobtest.Archive(root, leaf))
	f.Add(blobtest.Archive(leaf))
	f.Add(blobtest.Header(root.Cid(), leaf.Cid()))
	f.Add([]byte("\x0a\xa1\x67version\x02"))
	s := openFuzz(f)
	f.Fuzz(func(t *testing.T, archive []byte) {
		car, err := s.StageCAR(t.Context(), bytes.NewReader(archive), 1<<20)
		if err != nil {
			if !errors.As(err, new(*blob.TooLargeError)) {
				t.Fatalf("%v", err)
			}
			return
		}
		defer car.Discard()
		if car.Complete(t.Context()) == nil {
			serve(t, s, car)
		}
	})
}

// FuzzUnixFS takes any bytes for the only block below a root.
func FuzzUnixFS(f *testing.F) {
	for _, data := range [][]byte{
		blobtest.File("leaf").RawData(), blobtest.Directory().RawData(), blobtest.Shard().RawData(),
		blobtest.Symlink("to").RawData(), blobtest.Parts(nil, 5).RawData(),
	} {
		f.Add(data)
	}
	s := openFuzz(f)
	f.Fuzz(func(t *testing.T, block []byte) {
		root := blobtest.DagPB(block)
		archive := append(blobtest.Header(root), blobtest.Section(root.Bytes(), block)...)
		car, err := s.StageCAR(t.Context(), bytes.NewReader(archive), 1<<20)
		if err != nil {
			return
		}
		defer car.Discard()
		if car.Complete(t.Context()) == nil {
			serve(t, s, car)
		}
	})
}

func openFuzz(f *testing.F) *blob.Store {
	s, err := blob.Open(blob.Config{Folder: f.TempDir()})
	if err != nil {
		f.Fatal(err)
	}
	return s
}

// serve commits what was accepted, reads it in both ways and deletes it.
func serve(t *testing.T, s *blob.Store, car *blob.StagedCAR) {
	t.Helper()
	if err := car.Commit(); err != nil {
		t.Fatal(err)
	}
	if size, ok := s.Size(car.Hash); !ok || size < 0 {
		t.Errorf("size %d, %t", size, ok)
	}
	_ = s.WriteTar(t.Context(), car.Hash, io.Discard)
	if file, err := s.Open(car.Hash); err == nil {
		_, _ = io.Copy(io.Discard, file)
	} else if !errors.Is(err, message.ErrNotFound) {
		t.Fatal(err)
	}
	car.Discard()
	if err := s.Delete(car.Hash, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
}

package blob_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"aleph/internal/node/blob"
	"aleph/message"
)

func TestWalk(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	s := open(t, folder)
	var want []message.Hash
	for _, text := range []string{"a", "b", "c", "d", "e"} {
		info, err := s.Put(t.Context(), strings.NewReader(text), 10)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, info.Hash)
	}
	slices.Sort(want)
	// What is not a blob in its place is left out.
	for _, name := range []string{"tmp/upload-1", "ab/readme", "ab/" + string(want[0])} {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var got []message.Hash
	for info, err := range blob.Walk(folder) {
		if err != nil || info.Size != 1 {
			t.Fatalf("%+v %v", info, err)
		}
		got = append(got, info.Hash)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for info, err := range blob.Walk(filepath.Join(folder, "none")) {
		t.Errorf("a folder that is not there: %+v %v", info, err)
	}
	for _, err := range blob.Walk(filepath.Join(folder, "ab", "readme")) {
		if err == nil {
			t.Error("a file has blobs")
		}
	}
}

package crash_test

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"aleph/internal/node/blob/blobtest"
)

// TestKilledUploads kills the cloud in the middle of uploads, of a file and of an
// archive of blocks: the next one has nothing of them.
func TestKilledUploads(t *testing.T) {
	t.Parallel()
	at := place{dir: t.TempDir()}
	c := start(t, at)
	before := stored(t, at.dir)
	leaf := blobtest.Raw(strings.Repeat("x", 400_000))
	half := blobtest.Archive(leaf, blobtest.Raw(strings.Repeat("y", 400_000)))[:600_000]
	sendHalf(t, c.API, "/api/v0/storage/add_file", bytes.Repeat([]byte("z"), 600_000))
	sendHalf(t, c.API, "/api/v0/ipfs/add_car", half)
	deadline := time.Now().Add(time.Minute)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for len(stored(t, at.dir)) < len(before)+2 { // the file, and the first block
		if <-tick.C; time.Now().After(deadline) {
			t.Fatalf("the uploads do not begin: %v", stored(t, at.dir))
		}
	}
	c.Kill()
	if left := stored(t, at.dir); len(left) < len(before)+2 {
		t.Fatalf("the cloud was not killed in the middle: %v", left)
	}
	c = start(t, at)
	if got := stored(t, at.dir); !slices.Equal(got, before) {
		t.Errorf("after a restart: %v, want %v", got, before)
	}
	if err := c.Stop(30 * time.Second); err != nil {
		t.Error(err)
	}
}

// sendHalf begins an upload and keeps its connection open.
func sendHalf(t *testing.T, api, path string, file []byte) {
	t.Helper()
	u, err := url.Parse(api)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\nContent-Type: multipart/form-data; boundary=B\r\n\r\n", path)
	_, err = io.WriteString(conn, head+"--B\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n"+string(file))
	if err != nil {
		t.Fatal(err)
	}
}

// stored lists the files and blocks that a cloud keeps, and those on their way in.
func stored(t *testing.T, dir string) []string {
	t.Helper()
	var found []string
	root := filepath.Join(dir, "node", "files")
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			found = append(found, strings.TrimPrefix(path, root))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

package api_test

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	ipld "github.com/ipfs/go-ipld-format"

	"aleph/internal/node/blob/blobtest"
)

// TestUploadMemory uploads a file of 200 MiB and downloads it again. It runs
// alone, since it measures the memory of the process.
func TestUploadMemory(t *testing.T) { //nolint:paralleltest // measures the memory of the process
	const size = 200 << 20
	n := startNode(t, func(s *settings) { s.api.MaxFileSize, s.api.MaxAnonymousFileSize = 1<<30, 1<<30 })
	var peak atomic.Uint64
	sum := sha256.New()
	source := io.TeeReader(io.LimitReader(rand.NewChaCha8([32]byte{1}), size), sum)
	watched := readerFunc(func(p []byte) (int, error) {
		n, err := source.Read(p)
		notePeak(&peak)
		return n, err
	})
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	r := n.do(t, http.MethodPost, "/api/v0/storage/add_file", watched, "Content-Type", "application/octet-stream")
	h := hex.EncodeToString(sum.Sum(nil))
	if r.StatusCode != http.StatusOK || !strings.Contains(r.body, h) {
		t.Fatalf("got %d %s, want %s", r.StatusCode, r.body, h)
	}
	res := fetch(t, n.URL+"/api/v0/storage/raw/"+h)
	defer res.Body.Close()
	back := sha256.New()
	if _, err := io.Copy(back, io.TeeReader(res.Body, writerFunc(func() { notePeak(&peak) }))); err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(back.Sum(nil)); got != h {
		t.Errorf("downloaded %s, want %s", got, h)
	}
	const most = 64 << 20
	if grown := int64(peak.Load()) - int64(before.HeapInuse); grown > most {
		t.Errorf("the heap grew by %d bytes, want at most %d", grown, most)
	}
}

// TestCARMemory uploads an archive of 128 MiB in blocks of the usual size and
// downloads the directory again. What it needs does not grow with the archive:
// one of 2 GiB is the same with more blocks.
func TestCARMemory(t *testing.T) { //nolint:paralleltest // measures the memory of the process
	const blocks, size = 512, 256 << 10
	n := startNode(t)
	var peak atomic.Uint64
	source := rand.NewChaCha8([32]byte{2})
	var leaves []ipld.Node
	var sizes []uint64
	block := make([]byte, size)
	for range blocks {
		_, _ = source.Read(block)
		leaves, sizes = append(leaves, blobtest.Stub(block)), append(sizes, size)
	}
	file := blobtest.Parts(leaves, sizes...)
	root := blobtest.Directory(blobtest.Entry{Name: "large", Node: file})
	m := storeCID(t, key(t, "1"), 1767250000, hashOf(root))

	body, out := io.Pipe()
	form := multipart.NewWriter(out)
	sent := make(chan error, 1)
	go func() {
		sent <- sendArchive(form, withMessage(t, m, true), blobtest.Archive(root, file), blocks, size, &peak)
		out.Close()
	}()
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	r := n.do(t, http.MethodPost, addCAR, body, "Content-Type", form.FormDataContentType())
	if err := <-sent; err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("got %d %s, %v", r.StatusCode, r.body, err)
	}
	res := fetch(t, n.URL+"/api/v0/storage/raw/"+string(hashOf(root)))
	defer res.Body.Close()
	got, err := io.Copy(writerFunc(func() { notePeak(&peak) }), res.Body)
	if err != nil || got < blocks*size {
		t.Errorf("downloaded %d bytes, %v", got, err)
	}
	const most = 64 << 20
	if grown := int64(peak.Load()) - int64(before.HeapInuse); grown > most {
		t.Errorf("the heap grew by %d bytes, want at most %d", grown, most)
	}
}

// sendArchive writes a form with an archive, whose leaves are made on the way.
func sendArchive(form *multipart.Writer, metadata string, begin []byte, blocks, size int, peak *atomic.Uint64) error {
	if err := form.WriteField("metadata", metadata); err != nil {
		return err
	}
	part, err := form.CreateFormFile("file", "site.car")
	if err != nil {
		return err
	}
	if _, err := part.Write(begin); err != nil {
		return err
	}
	source := rand.NewChaCha8([32]byte{2})
	block := make([]byte, size)
	for range blocks {
		_, _ = source.Read(block)
		if _, err := part.Write(blobtest.Section(blobtest.Stub(block).Cid().Bytes(), block)); err != nil {
			return err
		}
		notePeak(peak)
	}
	return form.Close()
}

type writerFunc func()

func (f writerFunc) Write(p []byte) (int, error) {
	f()
	return len(p), nil
}

var peakCalls atomic.Int64

// notePeak looks at the heap now and then: looking stops the world.
func notePeak(peak *atomic.Uint64) {
	if peakCalls.Add(1)%64 != 0 {
		return
	}
	var now runtime.MemStats
	runtime.ReadMemStats(&now)
	for {
		old := peak.Load()
		if now.HeapInuse <= old || peak.CompareAndSwap(old, now.HeapInuse) {
			return
		}
	}
}

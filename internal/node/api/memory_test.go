package api_test

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
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

package crash_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"aleph/internal/bench"
	"aleph/internal/local/spawn"
	"aleph/message"
)

// diskSize is the size of the small disk, in bytes.
const diskSize = 48 << 20

// TestFullDisk fills the disk under a running cloud: what cannot be stored is
// refused, what is there can be read, and when there is room again it goes on.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t)
	g, err := bench.NewGenerator(*seed, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	l := newLedger()
	w := &diskWork{g: g, l: l}
	c := start(t, place{dir: dir})

	before := w.publish(t, c, 100)
	if got := acknowledged(before); got != 100 {
		t.Fatalf("%d of 100 messages were processed on an empty disk", got)
	}
	filler := fill(t, dir)
	during := w.publish(t, c, 3000)
	for _, a := range during {
		if a.HTTP/100 == 2 && a.Status != message.StatusProcessed || a.HTTP == 0 {
			t.Fatalf("on a full disk %s got HTTP %d, status %q", a.Hash, a.HTTP, a.Status)
		}
	}
	if got := acknowledged(during); got == len(during) {
		t.Fatal("the disk did not get full")
	}
	file := bytes.Repeat([]byte("full"), 1<<20)
	store, err := g.Message(message.TypeStore, map[string]any{"item_type": message.ItemStorage, "item_hash": message.HashOf(file)})
	if err != nil {
		t.Fatal(err)
	}
	if err := bench.Upload(t.Context(), c.API, store, bytes.NewReader(file), int64(len(file))); err == nil {
		t.Error("a file was accepted on a full disk")
	}
	l.check(t.Context(), t, c.API, allBatches) // also says that it can still be read

	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	recovered := awaitRecovery(t, w, c)
	if err := bench.Upload(t.Context(), c.API, store, bytes.NewReader(file), int64(len(file))); err != nil {
		t.Errorf("upload with room again: %v", err)
	}
	if err := c.Stop(30 * time.Second); err != nil {
		t.Error(err)
	}
	c = start(t, place{dir: dir})
	result := l.check(t.Context(), t, c.API, allBatches)
	t.Logf("full disk: %d of %d messages acknowledged while full, accepting again after %s; %d acknowledged in all, %d lost",
		acknowledged(during), len(during), recovered.Round(time.Millisecond), result.acknowledged, result.lost)
}

// TestStartOnFullDisk expects one line that says what is wrong.
func TestStartOnFullDisk(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t)
	fill(t, dir)
	cmd := exec.CommandContext(t.Context(), binary, "local", "--data-dir", filepath.Join(dir, "data"), "--port", "0", "--compute-port", "0")
	cmd.Env = append(os.Environ(), environment(t)...)
	out, err := cmd.CombinedOutput()
	text := strings.TrimSpace(string(out))
	if err == nil || strings.Contains(text, "\n") || !strings.Contains(text, "no space left") {
		t.Errorf("%v: %s", err, text)
	}
}

// awaitRecovery publishes until the cloud accepts again.
func awaitRecovery(t *testing.T, w *diskWork, c *spawn.Cloud) time.Duration {
	t.Helper()
	begin := time.Now()
	for time.Since(begin) < 30*time.Second {
		if acknowledged(w.publish(t, c, 50)) == 50 {
			return time.Since(begin)
		}
	}
	t.Fatal("the cloud does not accept messages although there is room again")
	return 0
}

type diskWork struct {
	g *bench.Generator
	l *ledger
}

// publish sends fresh messages with about 2 KiB each and waits for the outcomes.
func (w *diskWork) publish(t *testing.T, c *spawn.Cloud, n int) []bench.Answer {
	t.Helper()
	posts, err := w.g.Posts(t.Context(), n, 2000)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range posts {
		w.l.sent(m, -1)
	}
	p := bench.Publisher{API: c.API, Connections: 8, Sync: true, Answered: w.l.answered}
	answers, _, err := p.Publish(t.Context(), posts)
	if err != nil {
		t.Fatalf("the cloud did not survive: %v", err)
	}
	return answers
}

func acknowledged(answers []bench.Answer) int {
	n := 0
	for _, a := range answers {
		if a.HTTP == http.StatusOK && a.Status == message.StatusProcessed {
			n++
		}
	}
	return n
}

// smallDisk mounts a file system of its own in memory. It needs root, as the
// compute host's own tests do.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("aleph-test", dir, "tmpfs", 0, fmt.Sprintf("size=%d", diskSize)); err != nil {
		t.Fatalf("mount a small disk: %v (this test needs root)", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Errorf("unmount the small disk: %v", err)
		}
	})
	return dir
}

// fill takes all of the space and returns the file to remove.
func fill(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "filler")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for size := 1 << 20; size >= 4096; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
	_ = f.Close()
	return path
}

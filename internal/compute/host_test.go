package compute_test

import (
	"archive/zip"
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"aleph/internal/compute"
	"aleph/message"
)

// TestCall calls a function cold and warm, with the forms of a request.
func TestCall(t *testing.T) {
	t.Parallel()
	c := start(t, nil)
	hash := c.program(nil)
	for _, method := range []string{"GET", "PUT", "PURGE"} {
		if status, body := c.do(method, hash, "/some/path?x=1%2B2", nil); status != 200 || !strings.HasPrefix(body, method+" /some/path?x=1%2B2") {
			t.Errorf("%s: %d %s", method, status, body)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.url+"/vm/"+string(hash)+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Test", "seen")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	for name, want := range map[string]string{"X-Seen": "seen", "Aleph-Program-Itemhash": string(hash), "Server": "aleph-vm/1.0.0"} {
		if got := res.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if got := c.host.Executions(); len(got) != 1 || !got[0].Running || got[0].Times.Started.IsZero() {
		t.Errorf("executions: %+v", got)
	}
}

// TestEncodings runs the same program from each kind of code, and on a runtime
// that its owner brought.
func TestEncodings(t *testing.T) {
	t.Parallel()
	c := start(t, nil)
	program, err := os.ReadFile(built.hostile)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "bin", "run"), program, 0o755); err != nil {
		t.Fatal(err)
	}
	var zipped bytes.Buffer
	z := zip.NewWriter(&zipped)
	if err := errors.Join(z.AddFS(os.DirFS(dir)), z.Close()); err != nil {
		t.Fatal(err)
	}
	squash := func(dir string) []byte {
		image := filepath.Join(t.TempDir(), "image")
		if out, err := exec.CommandContext(t.Context(), "mksquashfs", dir, image, "-noappend", "-quiet", "-no-progress").CombinedOutput(); err != nil {
			t.Fatalf("mksquashfs: %v %s", err, out)
		}
		b, err := os.ReadFile(image)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	empty := t.TempDir()
	if err := os.MkdirAll(filepath.Join(empty, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	own := c.node.store(squash(empty), "")
	for name, test := range map[string]struct {
		code       []byte
		encoding   string
		entrypoint string
		runtime    message.Hash
	}{
		"zip":         {zipped.Bytes(), "zip", "bin/run", minimal},
		"squashfs":    {squash(dir), "squashfs", "bin/run", minimal},
		"plain":       {program, "plain", "run", minimal},
		"own runtime": {program, "plain", "run", own},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := c.in(t)
			content := content(c.node.store(test.code, ""), test.runtime, test.encoding, test.entrypoint)
			hash := c.node.publish(message.TypeProgram, content)
			if status, body := c.get(hash, "/"); status != 200 || !strings.HasPrefix(body, "GET /") {
				t.Errorf("%d %s", status, body)
			}
		})
	}
}

// TestStream sends and receives at the same time.
func TestStream(t *testing.T) {
	t.Parallel()
	c := start(t, nil)
	hash := c.program(nil)
	r, w := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.url+"/vm/"+string(hash)+"/echo", r)
	if err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = w.Write([]byte("one\n")) }()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	for _, want := range []string{"one", "two", "three"} {
		if want != "one" {
			go func() { _, _ = w.Write([]byte(want + "\n")) }()
		}
		if !lines.Scan() || lines.Text() != want {
			t.Fatalf("got %q %v, want %q", lines.Text(), lines.Err(), want)
		}
	}
	_ = w.Close()
	if lines.Scan() || lines.Err() != nil {
		t.Errorf("after the end: %q %v", lines.Text(), lines.Err())
	}
	if res.StatusCode != http.StatusCreated {
		t.Errorf("status %d", res.StatusCode)
	}
}

// TestLog reads what a function printed.
func TestLog(t *testing.T) {
	t.Parallel()
	c := start(t, func(cfg *compute.Config) { cfg.Log.FileBytes = 64 << 10 })
	hash := c.program(set("variables", "MODE", "flood"))
	if status, body := c.get(hash, "/"); status != 200 {
		t.Fatal(status, body)
	}
	_, next, cancel, ok := c.host.FollowLog(hash)
	if !ok || next == nil {
		t.Fatal("a warm function has no log to follow")
	}
	cancel()
	// The flood goes on; what is kept stays small and says what is missing.
	waitFor(t, "a note of what was dropped", func() bool {
		entries, _ := c.host.Log(hash)
		for _, e := range entries {
			if strings.Contains(e.Text, "bytes of log dropped") {
				return true
			}
		}
		return false
	})
	var size int64
	files, err := filepath.Glob(filepath.Join(c.data, "logs", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if info, err := os.Stat(f); err == nil {
			size += info.Size()
		}
	}
	if size > 256<<10 {
		t.Errorf("the log of a flood has %d bytes", size)
	}
	if status, _ := c.get(hash, "/"); status != 200 {
		t.Errorf("the flooding function: %d", status)
	}
}

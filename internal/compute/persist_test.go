package compute_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aleph/internal/compute"
	"aleph/message"
)

// volumes is a change that gives a program volumes.
func volumes(list ...map[string]any) func(map[string]any) {
	return func(content map[string]any) { content["volumes"] = list }
}

// TestVolumes writes to each kind of volume.
func TestVolumes(t *testing.T) {
	t.Parallel()
	c := start(t, nil)
	file := c.node.store([]byte("a plain file"), "")
	hash := c.program(volumes(
		map[string]any{"ref": file, "use_latest": false, "mount": "/mnt/file.txt"},
		map[string]any{"ephemeral": true, "size_mib": 5, "mount": "/mnt/scratch"},
		map[string]any{"persistence": "host", "name": "data", "size_mib": 20, "mount": "/var/lib/data"},
	))
	expect := func(status int, text, method, path, body string) {
		t.Helper()
		got, answer := c.do(method, hash, path, strings.NewReader(body))
		if got != status || !strings.Contains(answer, text) {
			t.Errorf("%s %s: %d %q, want %d %q", method, path, got, answer, status, text)
		}
	}
	expect(200, "a plain file", "GET", "/read?path=/mnt/file.txt", "")
	expect(500, "", "POST", "/write?path=/mnt/file.txt", "x")
	expect(200, "", "POST", "/write?path=/var/lib/data/kept", "kept")
	expect(200, "", "POST", "/write?path=/mnt/scratch/lost", "lost")
	expect(200, "", "POST", "/write?path=/tmp/lost", "lost")
	expect(200, "full after", "GET", "/fill?path=/mnt/scratch/big&mib=10", "")
	expect(500, "", "POST", "/write?path=/etc/passwd", "x")
	expect(500, "", "POST", "/write?path=/usr/sbin/aleph-init", "x")
	if os.Geteuid() == 0 {
		expect(200, "full after", "GET", "/fill?path=/var/lib/data/big&mib=40", "")
	}
	if !c.host.Stop(t.Context(), hash) {
		t.Fatal("there was no machine to stop")
	}
	expect(200, "kept", "GET", "/read?path=/var/lib/data/kept", "")
	expect(500, "no such file", "GET", "/read?path=/mnt/scratch/lost", "")
	expect(500, "no such file", "GET", "/read?path=/tmp/lost", "")
	if err := c.host.Erase(t.Context(), hash); err != nil {
		t.Fatal(err)
	}
	expect(500, "no such file", "GET", "/read?path=/var/lib/data/kept", "")
}

// TestRestart stops a host in order and starts it again: nothing of the
// machines remains, volumes and logs do.
func TestRestart(t *testing.T) {
	t.Parallel()
	c := start(t, nil)
	hash := c.program(volumes(map[string]any{"persistence": "host", "name": "data", "size_mib": 20, "mount": "/data2"}))
	if status, body := c.do("POST", hash, "/write?path=/data2/kept", strings.NewReader("kept")); status != 200 {
		t.Fatal(status, body)
	}
	c.stop()
	for _, dir := range []string{"machines", "gvisor/runsc", "volumes/mounts"} {
		left, _ := os.ReadDir(filepath.Join(c.data, dir))
		if len(left) > 0 {
			t.Errorf("%s still holds %v", dir, left)
		}
	}
	again := startIn(t, c.node.again(), c.data, nil)
	if status, body := again.get(hash, "/read?path=/data2/kept"); status != 200 || body != "kept" {
		t.Errorf("after the restart: %d %s", status, body)
	}
}

// TestUpdate amends the code of a warm function, then forgets the function.
func TestUpdate(t *testing.T) {
	t.Parallel()
	c := start(t, nil)
	b, err := os.ReadFile(built.hostile)
	if err != nil {
		t.Fatal(err)
	}
	first := c.node.store(b, "")
	hash := c.program(set("code", "ref", first))
	codeRef := func() string {
		res, err := c.send(http.MethodGet, hash, "/", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return res.Status
		}
		return res.Header.Get("Aleph-Program-Code-Ref")
	}
	if got := codeRef(); got != string(first) {
		t.Fatalf("code %s, want %s", got, first)
	}
	second := c.node.store(append(b, 0), first)
	waitFor(t, "the new code", func() bool { return codeRef() == string(second) })
	c.node.forget(hash)
	waitFor(t, "the end of the function", func() bool { return strings.HasPrefix(codeRef(), "500") })
	if got := c.host.Executions(); len(got) != 0 {
		t.Errorf("still there: %v", got)
	}
}

// waitFor polls until a condition holds.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("%s did not come", what)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// TestIdle keeps a machine warm, ends it when idle, and makes room for others.
func TestIdle(t *testing.T) {
	t.Parallel()
	c := start(t, func(cfg *compute.Config) { cfg.ReuseTimeout, cfg.MaxMachines = 2*time.Second, 1 })
	first := c.program(set("variables", "NAME", "first"))
	second := c.program(set("variables", "NAME", "second"))
	for _, hash := range []message.Hash{first, second, first} {
		if status, body := c.get(hash, "/"); status != 200 {
			t.Fatal(status, body)
		}
		if got := c.host.Executions(); len(got) != 1 || got[0].Hash != hash {
			t.Errorf("warm: %v, want only %s", got, hash)
		}
	}
	waitFor(t, "the end of the idle machine", func() bool { return len(c.host.Executions()) == 0 })
}

// TestExpire ends a machine when its owner said.
func TestExpire(t *testing.T) {
	t.Parallel()
	c := start(t, nil)
	hash := c.program(nil)
	if c.host.Expire(hash, time.Second) {
		t.Error("a function without a machine expires")
	}
	c.get(hash, "/")
	if !c.host.Expire(hash, time.Second) {
		t.Error("a machine does not expire")
	}
	waitFor(t, "the end of the machine", func() bool { return len(c.host.Executions()) == 0 })
}

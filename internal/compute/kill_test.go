package compute_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// killedHost marks the child process of TestKill, which runs a host until it
// is killed. The value is the node's URL and the host's folder.
const killedHost = "ALEPH_TEST_KILLED_HOST"

// TestKill kills a host with kill -9 while functions run, one of them in the
// middle of a start, and starts it again: nothing is left over.
func TestKill(t *testing.T) {
	if where := os.Getenv(killedHost); where != "" {
		url, data, _ := strings.Cut(where, " ")
		c := startIn(t, &fakeNode{url: url}, data, nil)
		fmt.Println("host at", c.url)
		select {} // until it is killed
	}
	t.Parallel()
	node, data := newFakeNode(t), t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKill$")
	cmd.Env = append(os.Environ(), killedHost+"="+node.url+" "+data, "TMPDIR="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &cloud{t: t, node: node}
	for lines := bufio.NewScanner(out); c.url == "" && lines.Scan(); {
		c.url, _ = strings.CutPrefix(lines.Text(), "host at ")
	}
	root := os.Geteuid() == 0
	warm := c.program(volumes(map[string]any{"persistence": "host", "name": "data", "size_mib": 20, "mount": "/data2"}))
	online := c.program(set("environment", "internet", root))
	stubborn := c.program(set("variables", "MODE", "deaf")) // its start does not end
	if status, body := c.do("POST", warm, "/write?path=/data2/kept", strings.NewReader("kept")); status != 200 {
		t.Fatal(status, body)
	}
	if status, body := c.get(online, "/"); status != 200 {
		t.Fatal(status, body)
	}
	go c.get(stubborn, "/") // it gets no answer
	waitFor(t, "a third machine", func() bool { return len(machines(t, data)) == 3 })
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	ids := machines(t, data)

	again := startIn(t, node.again(), data, nil)
	for _, id := range ids {
		if left := remains(id); len(left) > 0 {
			t.Errorf("of machine %s: %v", id, left)
		}
	}
	if left := machines(t, data); len(left) > 0 {
		t.Errorf("records of machines: %v", left)
	}
	if status, body := again.get(warm, "/read?path=/data2/kept"); status != 200 || body != "kept" {
		t.Errorf("the volume after the restart: %d %s", status, body)
	}
}

func machines(t *testing.T, data string) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(data, "machines"))
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, e := range entries {
		ids = append(ids, e.Name())
	}
	return ids
}

// remains lists what of a machine is still on the computer.
func remains(id string) []string {
	var left []string
	groups, _ := filepath.Glob("/sys/fs/cgroup/*/aleph/" + id)
	left = append(left, groups...)
	processes, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, p := range processes {
		if b, err := os.ReadFile(p); err == nil && strings.Contains(string(b), id) {
			left = append(left, strings.ReplaceAll(string(b), "\x00", " "))
		}
	}
	if b, err := os.ReadFile("/proc/self/mounts"); err == nil {
		for line := range strings.Lines(string(b)) {
			if strings.Contains(line, id) {
				left = append(left, line)
			}
		}
	}
	return left
}

package local_test

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// person starts `aleph local` without --json and returns what it prints until a
// line that starts with the given word is complete.
func person(t *testing.T, word string, prepare func(*exec.Cmd)) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, binary, "local", "--port", "0", "--compute-port", "0")
	cmd.Env = append(os.Environ(), environment(t)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	prepare(cmd)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait()
		if code := cmd.ProcessState.ExitCode(); code != 0 {
			t.Errorf("exit code %d", code)
		}
	})
	var lines []string
	scanner := bufio.NewScanner(out)
	for scanner.Scan() {
		lines = append(lines, scanner.Text())
		if strings.HasPrefix(scanner.Text(), word) {
			return lines
		}
	}
	t.Fatalf("no line starts with %q in:\n%s", word, strings.Join(lines, "\n"))
	return nil
}

func TestTableForPeople(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := strings.Join(person(t, "data", func(cmd *exec.Cmd) { cmd.Args = append(cmd.Args, "--data-dir", dir) }), "\n")
	for _, want := range []string{"node      http://127.0.0.1:", "compute   http://127.0.0.1:", "account   0x", "key file", dir} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in:\n%s", want, text)
		}
	}
}

// TestWithoutRunsc expects a cloud whose node works and that says what to
// install for functions.
func TestWithoutRunsc(t *testing.T) {
	t.Parallel()
	lines := person(t, "sandbox", func(cmd *exec.Cmd) {
		cmd.Args = append(cmd.Args, "--data-dir", t.TempDir())
		cmd.Env = append(cmd.Env, "PATH="+t.TempDir())
	})
	last := lines[len(lines)-1]
	if !strings.Contains(last, "functions cannot run here") || !strings.Contains(last, "install runsc") {
		t.Errorf("got %q", last)
	}
}

// TestWithoutRoot expects the same cloud for an ordinary user, and that it says
// which limits do not hold.
func TestWithoutRoot(t *testing.T) {
	t.Parallel()
	home, err := os.MkdirTemp("", "aleph-nobody-") // t.TempDir is inside a folder that only root may enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(home) })
	lines := person(t, "  memory", func(cmd *exec.Cmd) {
		cmd.Args = append(cmd.Args, "--data-dir", filepath.Join(home, "data"))
		cmd.Dir = home
		for name, folder := range map[string]string{
			"HOME": "", "TMPDIR": "", "XDG_CACHE_HOME": "cache", "XDG_STATE_HOME": "state", "ALEPH_RUNTIMES_CACHE": "runtimes",
		} {
			cmd.Env = append(cmd.Env, name+"="+filepath.Join(home, folder))
		}
		if os.Geteuid() != 0 {
			return
		}
		const nobody = 65534
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		if err := os.Chown(home, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	})
	if last := lines[len(lines)-1]; !strings.Contains(last, "NOT enforced") {
		t.Errorf("got %q", last)
	}
}

package runtime

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	tailLines = 20
	maxLine   = 64 << 10
	killDelay = 10 * time.Second
	lockPoll  = 200 * time.Millisecond
)

// runTool runs a program to its end and returns its last lines of output.
// When ctx ends, its whole process group does. It inherits lock, so that the
// lock lasts as long as the program should this process be killed. onLine may
// be nil.
func runTool(ctx context.Context, lock *os.File, onLine func(string), program string, args ...string) ([]string, error) {
	cmd := exec.CommandContext(ctx, program, args...) //nolint:gosec // a closed set of tools
	cmd.Env = toolEnv(cmd.Environ())
	cmd.ExtraFiles = []*os.File{lock}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = killDelay
	out, in := io.Pipe()
	cmd.Stdout, cmd.Stderr = in, in
	tail := make(chan []string, 1)
	go func() { tail <- readLines(out, onLine) }()
	err := cmd.Run()
	if ctx.Err() != nil && cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
	_ = in.Close()
	return <-tail, err
}

// readLines reads to the end and returns the last lines.
func readLines(r io.Reader, onLine func(string)) []string {
	var tail []string
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 4096), maxLine)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" {
			continue
		}
		if onLine != nil {
			onLine(line)
		}
		tail = append(tail, line)
		tail = tail[max(0, len(tail)-tailLines):]
	}
	_, _ = io.Copy(io.Discard, r) // after a line that is too long
	return tail
}

// toolEnv is env in the C locale, with the folders of system programs in the
// path.
func toolEnv(env []string) []string {
	path := "/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"
	env = slices.DeleteFunc(env, func(kv string) bool {
		if own, ok := strings.CutPrefix(kv, "PATH="); ok {
			path = own + ":" + path
			return true
		}
		return strings.HasPrefix(kv, "LC_") || strings.HasPrefix(kv, "LANG") || strings.HasPrefix(kv, "PYTHON")
	})
	return append(env, "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive", "PATH="+path)
}

// lockFile takes the lock at path and waits for it while ctx lasts. Closing
// the file gives it back.
func lockFile(ctx context.Context, path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	ticker := time.NewTicker(lockPoll)
	defer ticker.Stop()
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return f, nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			_ = f.Close()
			return nil, fmt.Errorf("another process holds %s: %w", path, context.Cause(ctx))
		}
	}
}

// removeTree removes path and what is below. A killed build may have left file
// systems mounted there: those are unmounted and never entered.
func removeTree(path string) error {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	var below []string
	for line := range strings.Lines(string(mounts)) {
		if fields := strings.Fields(line); len(fields) > 4 && strings.HasPrefix(fields[4], path+"/") {
			below = append(below, fields[4])
		}
	}
	for _, mount := range slices.Backward(below) {
		if err := syscall.Unmount(mount, syscall.MNT_DETACH); err != nil {
			return fmt.Errorf("unmount %s: %w", mount, err)
		}
	}
	return os.RemoveAll(path)
}

// InitPath finds aleph-init.
func (c *Cache) InitPath() (string, error) { return FindInit(c.cfg.Init) }

// FindInit returns the path of the aleph-init program: configured, or beside
// the running program.
func FindInit(configured string) (string, error) {
	candidates := []string{configured}
	if configured == "" {
		self, err := os.Executable()
		if err != nil {
			return "", fmt.Errorf("find aleph-init: %w", err)
		}
		if target, err := filepath.EvalSymlinks(self); err == nil {
			self = target
		}
		dir := filepath.Dir(self)
		candidates = []string{
			filepath.Join(dir, "aleph-init"),
			filepath.Join(dir, "..", "libexec", "aleph", "aleph-init"),
			filepath.Join(dir, "..", "lib", "aleph", "aleph-init"),
		}
	}
	for _, path := range candidates {
		if st, err := os.Stat(path); err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0 {
			return filepath.Abs(path)
		}
	}
	return "", fmt.Errorf("aleph-init is not at %s: build it with `make build`, or configure its path",
		strings.Join(candidates, ", "))
}

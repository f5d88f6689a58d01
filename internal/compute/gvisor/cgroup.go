package gvisor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// cgroupRoot is where the kernel's control groups are mounted.
const cgroupRoot = "/sys/fs/cgroup"

// childSlack is by how much the sandbox's own group exceeds the group around
// it, so that the outer one, which outlives the sandbox and can be read after
// its end, is the one that reaches its limit.
const childSlack = 4 << 20

// cgroup is the control group around one sandbox. The host makes the outer
// group, which holds the memory limit; runsc makes the inner one and sets the
// limits of the OCI configuration. Both versions of control groups work.
type cgroup struct {
	id      string
	enabled bool
}

// path is the inner group, for runsc.
func (g cgroup) path() string { return "/aleph/" + g.id + "/sandbox" }

// unified reports whether the host has version 2 only.
func unified() bool {
	_, err := os.Stat(filepath.Join(cgroupRoot, "cgroup.controllers"))
	return err == nil
}

// outer is the outer group's folder of a controller of version 1, or the one
// folder of version 2.
func (g cgroup) outer(controller string) string {
	if unified() {
		return filepath.Join(cgroupRoot, "aleph", g.id)
	}
	return filepath.Join(cgroupRoot, controller, "aleph", g.id)
}

// create makes the outer group and bounds its memory.
func (g cgroup) create(memory int64) error {
	if !g.enabled {
		return nil
	}
	dir := g.outer("memory")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the control group of machine %s: %w", g.id, err)
	}
	limit, swap := "memory.limit_in_bytes", "memory.memsw.limit_in_bytes"
	if unified() {
		limit, swap = "memory.max", "memory.swap.max"
		for _, parent := range []string{cgroupRoot, filepath.Join(cgroupRoot, "aleph")} {
			if err := writeControl(parent, "cgroup.subtree_control", "+memory +cpu +pids"); err != nil {
				return err
			}
		}
	}
	if err := writeControl(dir, limit, strconv.FormatInt(memory, 10)); err != nil {
		return err
	}
	value := memory
	if unified() {
		value = 0
	}
	err := writeControl(dir, swap, strconv.FormatInt(value, 10))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // no swap accounting: the limit holds for memory alone
	}
	return err
}

func writeControl(dir, name, value string) error {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY, 0) // never create: it is a kernel file
	if err != nil {
		return fmt.Errorf("set a limit: %w", err)
	}
	_, err = f.WriteString(value)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("set a limit: %w", err)
	}
	return nil
}

// outOfMemory reports whether the group met its limit and lost a process.
func (g cgroup) outOfMemory() bool {
	if !g.enabled {
		return false
	}
	if unified() {
		return g.field("memory.events", "oom_kill") > 0
	}
	// Version 1 counts kills in the inner group, which has gone, and newer
	// kernels no longer count failures: what remains is the high-water mark.
	const batch = 256 << 10 // by which the kernel charges ahead, at most
	limit := g.number("memory", "memory.limit_in_bytes")
	return limit > 0 && g.number("memory", "memory.max_usage_in_bytes") >= limit-batch
}

// memory returns the bytes in use, 0 when unknown.
func (g cgroup) memory() int64 {
	if unified() {
		return g.number("", "memory.current")
	}
	return g.number("memory", "memory.usage_in_bytes")
}

// cpu returns the processor time used, 0 when unknown.
func (g cgroup) cpu() time.Duration {
	if unified() {
		return time.Duration(g.field("cpu.stat", "usage_usec")) * time.Microsecond
	}
	return time.Duration(g.number("cpuacct", "cpuacct.usage"))
}

func (g cgroup) number(controller, name string) int64 {
	b, err := os.ReadFile(filepath.Join(g.outer(controller), name))
	if err != nil {
		return 0
	}
	n, _ := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	return n
}

func (g cgroup) field(name, key string) int64 {
	b, err := os.ReadFile(filepath.Join(g.outer(""), name))
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(b) {
		if f := strings.Fields(string(line)); len(f) == 2 && f[0] == key {
			n, _ := strconv.ParseInt(f[1], 10, 64)
			return n
		}
	}
	return 0
}

// folders lists the outer groups of every controller.
func (g cgroup) folders() []string {
	if unified() {
		return []string{g.outer("")}
	}
	found, _ := filepath.Glob(filepath.Join(cgroupRoot, "*", "aleph", g.id)) // the pattern is well formed
	return found
}

// removeTries and removePause bound the wait for killed processes to go.
const (
	removeTries = 100
	removePause = 20 * time.Millisecond
)

// remove kills what is left in the group and removes it. It returns nil when
// there is no such group.
func (g cgroup) remove(ctx context.Context) error {
	if !g.enabled {
		return nil
	}
	var err error
	for range removeTries {
		err = nil
		for _, dir := range g.folders() {
			err = errors.Join(err, removeGroup(dir))
		}
		if err == nil {
			return nil
		}
		select {
		case <-time.After(removePause):
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		}
	}
	return fmt.Errorf("remove the control group of machine %s: %w", g.id, err)
}

// removeGroup removes a group and those below, killing their processes.
func removeGroup(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := removeGroup(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	b, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for field := range strings.FieldsSeq(string(b)) {
		if pid, err := strconv.Atoi(field); err == nil && pid > 1 && pid != os.Getpid() {
			_ = unix.Kill(pid, unix.SIGKILL) // gone already is as good
		}
	}
	if err := unix.Rmdir(dir); err != nil && !errors.Is(err, unix.ENOENT) {
		return &fs.PathError{Op: "rmdir", Path: dir, Err: err}
	}
	return nil
}

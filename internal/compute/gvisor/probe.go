package gvisor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"aleph/internal/compute/vm"
)

// probeResult is what a probe found, also as it stands in the cache file.
type probeResult struct {
	vm.Probe
	Flags    flagSet `json:"flags"`
	Rootless bool    `json:"rootless"`
	Cgroups  bool    `json:"cgroups"`
	// Network is how a machine with internet is connected: "sandbox" is
	// gVisor's own network stack; "host" is the kernel's, in the machine's
	// namespace, for a runsc that does not recognise namespaces of newer kernels.
	Network string `json:"network"`
	// Key says for which runsc, by which user and under which kernel this holds.
	Key string `json:"key"`

	// NoCgroups is why control groups do not work for root.
	NoCgroups string `json:"no_cgroups,omitempty"`

	binary string
}

// probeFile is the name of the cached answer.
const probeFile = "gvisor-probe.json"

// Probe says whether sandboxes run here and which limits hold in them.
func (d *Driver) Probe(ctx context.Context) (vm.Probe, error) {
	p, err := d.probe(ctx)
	if err != nil {
		return vm.Probe{}, err
	}
	return p.Probe, nil
}

// probe answers from memory, else from the cache file, else by trying. Callers
// that come while it tries wait for the same answer.
func (d *Driver) probe(ctx context.Context) (*probeResult, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.probed != nil {
		return d.probed, nil
	}
	binary, err := exec.LookPath(d.cfg.Binary)
	if err == nil {
		binary, err = filepath.Abs(binary)
	}
	if err != nil {
		// Not remembered: it may be installed while we run.
		return &probeResult{Probe: vm.Probe{
			Reason: fmt.Sprintf("%s was not found; install it (Debian: apt install runsc)", d.cfg.Binary),
		}}, nil
	}
	key, err := d.probeKey(binary)
	if err != nil {
		return nil, err
	}
	if p := d.loadProbe(key); p != nil {
		p.binary = binary
		p.Limits = d.limits(p) // in the words of this version
		d.probed = p
		return p, nil
	}
	p, err := d.try(ctx, binary)
	if err != nil {
		return nil, err
	}
	p.Key, p.binary = key, binary
	if p.Usable {
		d.probed = p
		d.saveProbe(p)
	}
	return p, nil
}

// probeKey names everything that an answer depends on.
func (d *Driver) probeKey(binary string) (string, error) {
	info, err := os.Stat(binary)
	if err != nil {
		return "", err
	}
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return "", err
	}
	return fmt.Sprintf("3 %s %d %d uid=%d kernel=%s platform=%s limits=%t", binary, info.Size(), info.ModTime().UnixNano(),
		os.Geteuid(), bytes.TrimRight(name.Release[:], "\x00"), d.cfg.Platform, !d.cfg.WithoutLimits), nil
}

func (d *Driver) loadProbe(key string) *probeResult {
	b, err := os.ReadFile(filepath.Join(d.deps.Cache, probeFile))
	if err != nil {
		return nil
	}
	p := &probeResult{}
	if json.Unmarshal(b, p) != nil || p.Key != key {
		return nil
	}
	return p
}

// saveProbe keeps the answer; without it the next start probes again.
func (d *Driver) saveProbe(p *probeResult) {
	b, err := json.MarshalIndent(p, "", " ")
	if err == nil {
		err = os.MkdirAll(d.deps.Cache, 0o755)
	}
	var tmp *os.File
	if err == nil {
		tmp, err = os.CreateTemp(d.deps.Cache, probeFile+".*")
	}
	if err == nil {
		_, err = tmp.Write(b)
		err = errors.Join(err, tmp.Close())
		if err == nil {
			err = os.Rename(tmp.Name(), filepath.Join(d.deps.Cache, probeFile))
		} else {
			err = errors.Join(err, os.Remove(tmp.Name()))
		}
	}
	if err != nil {
		d.deps.Log.Warn("the answer of the sandbox probe could not be kept", "error", err)
	}
}

// try runs a trivial container on each platform until one works, then once
// more with control groups.
func (d *Driver) try(ctx context.Context, binary string) (*probeResult, error) {
	version, err := output(ctx, d.cfg.ProbeTimeout, binary, "--version")
	if err != nil {
		return &probeResult{Probe: vm.Probe{Reason: fmt.Sprintf("%s does not run: %v", binary, err)}}, nil
	}
	help, err := output(ctx, d.cfg.ProbeTimeout, "/bin/sh", "-c", `exec "$0" flags 2>&1`, binary) // the list is on standard error
	if err != nil && help == "" {
		return nil, fmt.Errorf("list the flags of %s: %w", binary, err)
	}
	p := &probeResult{Flags: parseFlags(help), Rootless: os.Geteuid() != 0}
	first, _, _ := strings.Cut(version, "\n")
	p.Version = strings.TrimPrefix(strings.TrimSpace(first), "runsc version ")
	platforms := []string{"systrap", "kvm", "ptrace"}
	if d.cfg.Platform != "" {
		platforms = []string{d.cfg.Platform}
	}
	var why []string
	for _, platform := range platforms {
		p.Platform = platform
		err := d.tryContainer(ctx, binary, p, "none")
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err != nil {
			why = append(why, fmt.Sprintf("%s: %v", platform, err))
			continue
		}
		p.Usable = true
		if !p.Rootless && !d.cfg.WithoutLimits {
			p.Cgroups = true
			if err := d.tryContainer(ctx, binary, p, "none"); err != nil {
				p.Cgroups, p.NoCgroups = false, err.Error()
			}
		}
		if !p.Rootless {
			p.Network = "sandbox"
			if err := d.tryContainer(ctx, binary, p, p.Network); err != nil {
				p.Network = "host"
			}
		}
		p.Limits = d.limits(p)
		return p, nil
	}
	p.Platform = ""
	p.Reason = fmt.Sprintf("no sandbox of %s starts here (%s)", binary, strings.Join(why, "; "))
	return p, nil
}

// tryContainer runs a container whose only process is runsc itself, which is
// linked statically, asked for its version.
func (d *Driver) tryContainer(ctx context.Context, binary string, p *probeResult, network string) (err error) {
	dir, err := os.MkdirTemp("", "aleph-probe-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	root := filepath.Join(dir, "root")
	for _, sub := range []string{"dev", "proc", "sys", "tmp"} {
		if err := os.MkdirAll(filepath.Join(root, sub), 0o755); err != nil {
			return err
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil { // the sandbox's own user must reach it
		return err
	}
	id := "aleph-probe-" + strconv.FormatInt(time.Now().UnixNano(), 36)
	l := vm.Launch{Dir: dir, Spec: &vm.Spec{ID: id, Root: root, Resources: vm.Resources{VCPUs: 1, MemoryMiB: 64, PIDs: 256}}}
	group := cgroup{id: id, enabled: p.Cgroups}
	if err := d.writeProbeBundle(l, binary, group); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, d.cfg.ProbeTimeout)
	defer cancel()
	defer func() {
		// Without the deadline, which may be what ended the container.
		err = errors.Join(err, d.clean(context.WithoutCancel(ctx), binary, id))
	}()
	if err := group.create(d.memoryLimit(l.Spec)); err != nil {
		return err
	}
	out, err := output(ctx, d.cfg.ProbeTimeout, binary, append(d.flags(p, dir, network), "run", "--bundle", dir, id)...)
	if err != nil {
		return err
	}
	if !strings.Contains(out, "runsc version") {
		return errors.New("the container did not say what it should")
	}
	return nil
}

// writeProbeBundle writes the configuration of the trivial container.
func (d *Driver) writeProbeBundle(l vm.Launch, binary string, group cgroup) error {
	config, err := d.ociSpec(l, binary, group)
	if err != nil {
		return err
	}
	config.Process.Args = []string{initPath, "--version"}
	config.Mounts = slices.DeleteFunc(config.Mounts, func(m specs.Mount) bool {
		return m.Type == "bind" && m.Destination != initPath
	})
	b, err := json.Marshal(config)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(l.Dir, "config.json"), b, 0o644)
}

// output runs a command and returns what it printed on standard output. The
// error holds the last line of what it printed on the other. The command ends
// with this process, however that ends: a sandbox on a platform that hangs takes
// a processor for itself.
func output(ctx context.Context, limit time.Duration, name string, args ...string) (string, error) {
	// The kernel sends the signal when the thread ends that started the command.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...) //nolint:gosec // the configured program
	// A sandbox that hangs has children, which hold the pipes open: do not
	// wait for those longer than this.
	cmd.WaitDelay = time.Second
	cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true, Pdeathsig: unix.SIGKILL}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if ctx.Err() == context.DeadlineExceeded {
		return "", fmt.Errorf("no answer within %s", limit)
	}
	if err != nil {
		return string(out), fmt.Errorf("%w: %s", err, lastLine(stderr.Bytes()))
	}
	return string(out), nil
}

// lastLine returns the last line of b, shortened.
func lastLine(b []byte) string {
	b = bytes.TrimSpace(b)
	b = b[bytes.LastIndexByte(b, '\n')+1:]
	return string(b[:min(len(b), 300)])
}

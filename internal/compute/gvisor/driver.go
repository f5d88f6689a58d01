package gvisor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"aleph/internal/compute/guest"
	"aleph/internal/compute/vm"
)

// Name of the driver in records.
const Name = "gvisor"

// Driver starts gVisor sandboxes. Safe for concurrent use.
type Driver struct {
	cfg  Config
	deps Deps

	mu     sync.Mutex // guards probed; held while a probe runs
	probed *probeResult
}

// Deps is what a driver works with.
type Deps struct {
	// State is a folder of this host for the sandboxes' own state.
	State string
	// Cache is a folder for what a probe found; it may be shared by hosts.
	Cache string
	// Init finds the aleph-init program.
	Init func() (path string, err error)
	Log  *slog.Logger
}

// New returns a driver. It starts nothing and does not look for runsc yet.
func New(cfg Config, deps Deps) (*Driver, error) {
	if deps.State == "" || deps.Cache == "" {
		return nil, errors.New("gvisor: folders for state and cache are required")
	}
	switch cfg.Platform {
	case "", "systrap", "kvm", "ptrace":
	default:
		return nil, fmt.Errorf("gvisor: unknown platform %q: use systrap, kvm or ptrace", cfg.Platform)
	}
	if cfg.ProbeTimeout <= 0 || cfg.TemporaryMiB <= 0 || cfg.OverheadMiB < 0 {
		return nil, errors.New("gvisor: probe_timeout and temporary_mib must be positive, overhead_mib not negative")
	}
	return &Driver{cfg: cfg, deps: deps}, nil
}

// Name returns "gvisor".
func (*Driver) Name() string { return Name }

// Start launches the sandbox of l.
func (d *Driver) Start(ctx context.Context, l vm.Launch) (_ vm.Instance, err error) {
	p, err := d.probe(ctx)
	if err != nil {
		return nil, err
	}
	if !p.Usable {
		return nil, fmt.Errorf("%w: %s", vm.ErrUnusable, p.Reason)
	}
	undo := func() {
		if cleanErr := d.clean(context.WithoutCancel(ctx), p.binary, l.Spec.ID); cleanErr != nil {
			d.deps.Log.Error("clean up after a sandbox that did not start", "machine", l.Spec.ID, "error", cleanErr)
		}
	}
	group := cgroup{id: l.Spec.ID, enabled: p.Cgroups}
	init, err := d.deps.Init()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", vm.ErrUnusable, err)
	}
	if err := d.writeBundle(l, p, init, group); err != nil {
		return nil, err
	}
	limit := d.memoryLimit(l.Spec)
	if err := group.create(limit); err != nil {
		undo()
		return nil, err
	}
	inst, err := d.launch(l, p, group)
	if err != nil {
		undo()
		return nil, err
	}
	return inst, nil
}

// systemPath is the search path of runsc and of what runs inside.
const systemPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// launch starts runsc with its streams connected.
func (d *Driver) launch(l vm.Launch, p *probeResult, group cgroup) (*instance, error) {
	hostConn, guestEnd, err := socketPair()
	if err != nil {
		return nil, err
	}
	defer guestEnd.Close() // the sandbox has its own copy once started
	mux, err := guest.NewMux(hostConn, guest.HostSide)
	if err != nil {
		return nil, errors.Join(err, hostConn.Close())
	}
	if l.Listen != nil {
		if err := l.Listen(mux); err != nil {
			return nil, errors.Join(err, mux.Close())
		}
	}
	network := "none"
	if l.Network != nil {
		network = p.Network
	}
	args := append(d.flags(p, l.Dir, network), "run", "--bundle", l.Dir, l.Spec.ID)
	cmd := exec.Command(p.binary, args...) //nolint:gosec // the configured program; ids and paths are ours
	cmd.Stdin = guestEnd
	cmd.Env = []string{"PATH=" + systemPath, "XDG_RUNTIME_DIR=" + d.deps.State}
	// Its own process group: a terminal's Ctrl-C is for the host to handle.
	cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, errors.Join(err, mux.Close())
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, errors.Join(err, mux.Close())
	}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start runsc: %w", err), mux.Close())
	}
	inst := &instance{
		driver: d, id: l.Spec.ID, binary: p.binary, mux: mux, cmd: cmd, group: group,
		done: make(chan struct{}),
	}
	var drains sync.WaitGroup
	drains.Go(func() { l.Log.Drain(vm.Stdout, stdout) })
	drains.Go(func() { l.Log.Drain(vm.Stderr, stderr) })
	inst.owner.Go(func() { inst.watch(&drains) })
	if !group.enabled {
		inst.owner.Go(func() { inst.watchMemory(d.memoryLimit(l.Spec)) })
	}
	return inst, nil
}

// Attach never succeeds: the channel to a guest ends with the host that made
// it, and the guest ends with its channel.
func (*Driver) Attach(context.Context, *vm.Record) (vm.Instance, error) {
	return nil, vm.ErrNotAttachable
}

// cleanTimeout bounds one call of `runsc delete`.
const cleanTimeout = 20 * time.Second

// Clean ends and removes the sandbox of r.
func (d *Driver) Clean(ctx context.Context, r *vm.Record) error {
	binary, err := exec.LookPath(d.cfg.Binary)
	if err != nil {
		return d.cleanFiles(r.ID) // no runsc, no sandbox
	}
	return d.clean(ctx, binary, r.ID)
}

func (d *Driver) clean(ctx context.Context, binary, id string) error {
	var errs []error
	if known, err := d.known(id); err != nil {
		errs = append(errs, err)
	} else if known {
		ctx, cancel := context.WithTimeout(ctx, cleanTimeout)
		defer cancel()
		cmd := exec.CommandContext(ctx, binary, append(d.stateFlags(), "delete", "--force", id)...) //nolint:gosec // as above
		if out, err := cmd.CombinedOutput(); err != nil {
			errs = append(errs, fmt.Errorf("runsc delete %s: %w: %s", id, err, lastLine(out)))
		}
	}
	group := cgroup{id: id, enabled: os.Geteuid() == 0}
	if err := group.remove(ctx); err != nil {
		errs = append(errs, err)
	} else {
		// Whatever runsc said: no process is left in the group. Without groups
		// they end with the `runsc run` that is their parent, or have ended with
		// their channel when that was killed.
		errs = nil
	}
	return errors.Join(append(errs, d.cleanFiles(id))...)
}

// known reports whether runsc has state of the sandbox.
func (d *Driver) known(id string) (bool, error) {
	names, err := d.stateFiles(id)
	return len(names) > 0, err
}

func (d *Driver) stateFiles(id string) ([]string, error) {
	return filepath.Glob(filepath.Join(d.runscRoot(), "*"+id+"*"))
}

func (d *Driver) cleanFiles(id string) error {
	names, err := d.stateFiles(id)
	errs := []error{err}
	for _, n := range names {
		errs = append(errs, os.RemoveAll(n))
	}
	return errors.Join(errs...)
}

// runscRoot is where runsc keeps the state of this host's sandboxes.
func (d *Driver) runscRoot() string { return filepath.Join(d.deps.State, "runsc") }

// socketPair returns a connection and the file to give to a sandbox.
func socketPair() (net.Conn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make the channel to a guest: %w", err)
	}
	host, other := os.NewFile(uintptr(fds[0]), "guest"), os.NewFile(uintptr(fds[1]), "host")
	conn, err := net.FileConn(host)
	if err = errors.Join(err, host.Close()); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("make the channel to a guest: %w", err), other.Close())
	}
	return conn, other, nil
}

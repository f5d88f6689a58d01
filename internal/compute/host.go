package compute

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"aleph/client"
	"aleph/internal/compute/api"
	"aleph/internal/compute/disk"
	"aleph/internal/compute/guest"
	"aleph/internal/compute/gvisor"
	"aleph/internal/compute/network"
	"aleph/internal/compute/runtime"
	"aleph/internal/compute/vm"
	"aleph/message"
)

// Deps is what a host works with.
type Deps struct {
	// Client reaches the network.
	Client *client.Client
	// Runtimes are those that the host builds itself, and the place of
	// aleph-init.
	Runtimes *runtime.Cache
	// Alias names the runtime of ours that a reference stands for.
	Alias func(ref message.Hash) (name string, ok bool)
	// Data is the folder of everything that belongs to this host alone.
	Data string
	// Cache is a folder for what other hosts of the user may share.
	Cache string
	// Version of the program, as the API shows it.
	Version string
	Log     *slog.Logger
	// Metrics takes the host's counters.
	Metrics prometheus.Registerer
}

// Host runs functions. Make one with [New], then call [Host.Run]. Safe for
// concurrent use.
type Host struct {
	cfg      Config
	client   *client.Client
	runtimes *runtime.Cache
	alias    func(ref message.Hash) (name string, ok bool)
	dir      string
	log      *slog.Logger
	driver   vm.Driver
	network  *network.Manager
	volumes  *disk.Volumes
	starter  *vm.Starter
	room     *room
	metrics  *metrics
	events   *events
	grants   *grants
	values   *guest.Cache // of the guest API
	node     *http.Client // for the guest API
	api      *api.Server

	background sync.WaitGroup // starts and the watch over machines
	ready      chan struct{}  // closed when calls are taken

	cache *cache // set before ready is closed

	draining atomic.Bool
	closing  chan struct{} // closed when a stop no longer waits for calls

	mu        sync.Mutex // guards what follows; taken before a function's
	functions map[message.Hash]*function
	waiting   int
	probe     *vm.Probe
}

// New returns a host. It starts nothing and touches no file.
func New(cfg Config, d Deps) (*Host, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(d.Data)
	if err != nil {
		return nil, err
	}
	h := &Host{
		cfg: cfg, client: d.Client, runtimes: d.Runtimes, alias: d.Alias, dir: dir, log: d.Log,
		room: newRoom(cfg.MaxMachines, cfg.MemoryMiB), metrics: newMetrics(d.Metrics),
		grants: newGrants(d.Client), values: guest.NewCache(time.Now), node: nodeClient(),
		ready: make(chan struct{}), closing: make(chan struct{}), functions: map[message.Hash]*function{},
	}
	h.events = newEvents(h)
	if h.driver, err = gvisor.New(cfg.GVisor, gvisor.Deps{
		State: filepath.Join(dir, "gvisor"), Cache: d.Cache, Init: d.Runtimes.InitPath, Log: d.Log,
	}); err != nil {
		return nil, err
	}
	if h.network, err = network.New(cfg.Network, dir); err != nil {
		return nil, err
	}
	if h.volumes, err = disk.NewVolumes(filepath.Join(dir, "volumes")); err != nil {
		return nil, err
	}
	if h.starter, err = vm.NewStarter(cfg.Machine, vm.Deps{
		Driver: h.driver, Network: h.network, Volumes: h.volumes,
		Machines: filepath.Join(dir, "machines"), API: h.guestAPI, Log: d.Log,
	}); err != nil {
		return nil, err
	}
	if h.api, err = api.New(api.Config{DomainName: cfg.DomainName, Node: d.Client.API(), Version: d.Version, Disk: dir}, h, d.Log); err != nil {
		return nil, err
	}
	return h, nil
}

// Handler returns the HTTP API of the host. It may serve before Run: calls
// wait until the host is ready.
func (h *Host) Handler() http.Handler { return h.api }

// Ready is closed when the host takes calls.
func (h *Host) Ready() <-chan struct{} { return h.ready }

// Run prepares the host, keeps it until ctx ends, then lets requests in flight
// end and stops every machine.
func (h *Host) Run(ctx context.Context) error {
	unlock, err := h.prepare(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	defer unlock()
	close(h.ready)
	group, runCtx := errgroup.WithContext(ctx)
	group.Go(func() error { h.probeDriver(runCtx); return nil })
	group.Go(func() error { h.reap(runCtx); return nil })
	group.Go(func() error { h.watch(runCtx); return nil })
	group.Go(func() error { h.events.run(runCtx); return nil })
	err = group.Wait()
	h.drain(context.WithoutCancel(ctx))
	return err
}

// prepare makes the folders and removes what a killed host left behind.
func (h *Host) prepare(ctx context.Context) (unlock func(), err error) {
	for _, sub := range []string{"gvisor", "machines", "volumes", "logs"} {
		if err := os.MkdirAll(filepath.Join(h.dir, sub), 0o700); err != nil {
			return nil, fmt.Errorf("folder of the compute host: %w", err)
		}
	}
	unlock, err = lock(filepath.Join(h.dir, "lock"))
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			unlock()
		}
	}()
	if err := h.starter.Sweep(ctx); err != nil {
		return nil, fmt.Errorf("clean up after the last run: %w", err)
	}
	if h.cache, err = openCache(filepath.Join(h.dir, "content"), h.cfg.Cache, h.client); err != nil {
		return nil, fmt.Errorf("cache of the compute host: %w", err)
	}
	return unlock, h.pruneLogs()
}

// lock makes sure that one host uses a folder at a time.
func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("another compute host uses %s: stop it, or choose another folder", filepath.Dir(path))
	}
	return func() { f.Close() }, nil
}

// probeDriver finds out what the sandbox can do, in the background: the first
// time it takes seconds.
func (h *Host) probeDriver(ctx context.Context) {
	p, err := h.driver.Probe(ctx)
	if err != nil {
		if ctx.Err() == nil {
			h.log.Error("probe the sandbox", "driver", h.driver.Name(), "error", err)
		}
		return
	}
	p.Limits = append(p.Limits, h.hostLimits()...)
	h.mu.Lock()
	h.probe = &p
	h.mu.Unlock()
	if !p.Usable {
		h.log.Error("functions cannot run on this host", "driver", h.driver.Name(), "reason", p.Reason)
		return
	}
	h.log.Info("functions run in a sandbox", "driver", h.driver.Name(), "version", p.Version, "platform", p.Platform)
}

// hostLimits says which promises of network and volumes hold here.
func (h *Host) hostLimits() []vm.Limit {
	internet := vm.Limit{Name: "internet", Enforced: true, Detail: "own network namespace; the host and private ranges are unreachable"}
	if err := h.network.Probe(); err != nil {
		internet = vm.Limit{Name: "internet", Detail: "not available: " + err.Error()}
	}
	volumes := vm.Limit{Name: "volume size limit", Enforced: true, Detail: "a file system of its size for each persistent volume"}
	if err := h.volumes.Enforced(); err != nil {
		volumes = vm.Limit{Name: "volume size limit", Detail: "not enforced: " + err.Error()}
	}
	return []vm.Limit{internet, volumes}
}

// reapInterval is how often idle machines are looked for, pruneInterval how
// often logs that are too many.
const (
	reapInterval  = time.Second
	pruneInterval = time.Hour
)

// reap ends machines that are due, forgets functions that are over and deletes
// the oldest logs.
func (h *Host) reap(ctx context.Context) {
	tick, prune := time.NewTicker(reapInterval), time.NewTicker(pruneInterval)
	defer tick.Stop()
	defer prune.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-prune.C:
			if err := h.pruneLogs(); err != nil {
				h.log.WarnContext(ctx, "old logs of functions stay", "error", err)
			}
			continue
		case <-tick.C:
		}
		now := time.Now()
		for _, f := range h.all() {
			if r := f.detachDue(now); r != nil {
				h.background.Go(func() { f.end(context.WithoutCancel(ctx), r) })
				continue
			}
			h.mu.Lock()
			if f.users == 0 && f.forgettable(now) {
				delete(h.functions, f.hash)
			}
			h.mu.Unlock()
		}
	}
}

// all returns the functions of now.
func (h *Host) all() []*function {
	h.mu.Lock()
	defer h.mu.Unlock()
	fs := make([]*function, 0, len(h.functions))
	for _, f := range h.functions {
		fs = append(fs, f)
	}
	return fs
}

// drain refuses new calls, lets those in flight end, and stops every machine.
// // spec crn 1.1.2
func (h *Host) drain(ctx context.Context) {
	h.draining.Store(true)
	wait, cancel := context.WithTimeout(ctx, h.cfg.DrainTimeout)
	defer cancel()
	defer context.AfterFunc(wait, func() { close(h.closing) })()
	var stops sync.WaitGroup
	for _, f := range h.all() {
		stops.Go(func() { f.stop(wait) })
	}
	stops.Wait()
	h.background.Wait()
	for _, f := range h.all() {
		f.forgettable(time.Now().Add(h.cfg.FailureMax)) // closes its log
	}
	h.node.CloseIdleConnections()
}

// errTooMany means that more requests wait for starts than the host lets wait.
var errTooMany = fmt.Errorf("%w: too many requests wait for a start", api.ErrFull)

// await waits for a start, if not too many do.
func (h *Host) await(ctx context.Context, done <-chan struct{}) error {
	h.mu.Lock()
	if h.waiting >= h.cfg.MaxWaiting {
		h.mu.Unlock()
		return errTooMany
	}
	h.waiting++
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.waiting--
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// takeRoom reserves room for a machine, ending the one that is idle longest
// when there is none.
func (h *Host) takeRoom(ctx context.Context, memory int) error {
	ctx, cancel := context.WithTimeoutCause(ctx, h.cfg.QueueTimeout, errors.New("no function became idle in time"))
	defer cancel()
	return h.room.take(ctx, memory, func() {
		var oldest *function
		var since time.Time
		for _, f := range h.all() {
			if used, idle := f.idleSince(); idle && (oldest == nil || used.Before(since)) {
				oldest, since = f, used
			}
		}
		if oldest == nil {
			return
		}
		if r := oldest.detachIdle(); r != nil {
			h.background.Go(func() { oldest.end(context.WithoutCancel(ctx), r) })
		}
	})
}

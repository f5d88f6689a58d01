package vm

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"aleph/internal/compute/disk"
	"aleph/internal/compute/guest"
	"aleph/internal/compute/network"
	"aleph/message"
)

// Config bounds the start and the end of machines.
type Config struct {
	InitTimeout  time.Duration `yaml:"init_timeout" doc:"How long a guest may take from launch to its ready signal."` // INIT_TIMEOUT, spec crn 3.4
	SetupTimeout time.Duration `yaml:"setup_timeout" doc:"How long a program may take to load after the guest is ready."`
	UndoTimeout  time.Duration `yaml:"undo_timeout" doc:"How long the removal of a machine may take before it is left to the next start of the host."`
}

// DefaultConfig returns the documented defaults.
func DefaultConfig() Config {
	return Config{InitTimeout: 20 * time.Second, SetupTimeout: 60 * time.Second, UndoTimeout: 60 * time.Second}
}

// Starter starts machines and undoes what is left of them. Safe for concurrent
// use.
type Starter struct {
	cfg  Config
	deps Deps
}

// Deps is what a starter works with.
type Deps struct {
	Driver  Driver
	Network *network.Manager
	Volumes *disk.Volumes
	// Machines is the folder that holds one folder per machine.
	Machines string
	// API makes the guest API of a machine; nil serves none.
	API func(h message.Hash) *guest.API
	Log *slog.Logger
}

// NewStarter returns a starter. It starts nothing.
func NewStarter(cfg Config, deps Deps) (*Starter, error) {
	if cfg.InitTimeout <= 0 || cfg.SetupTimeout <= 0 || cfg.UndoTimeout <= 0 {
		return nil, errors.New("the timeouts of machines must be positive")
	}
	machines, err := filepath.Abs(deps.Machines)
	if err != nil {
		return nil, err
	}
	deps.Machines = machines
	return &Starter{cfg: cfg, deps: deps}, nil
}

// Order asks for one machine.
type Order struct {
	Hash message.Hash
	// Log takes what the guest prints; it stays open after the machine.
	Log *Log
	// Content makes everything that the machine runs available on this host
	// and says where. It is the first step of the start. The release it
	// returns is called when the machine has gone, or never when it fails.
	Content func(ctx context.Context) (s *Spec, release func(), err error)
}

// step is one part of a start. do is called once; undo after a failed do too,
// after the machine ended, and for machines of a host that was killed: it
// assumes nothing and may be called twice.
type step struct {
	name string
	do   func(ctx context.Context, m *Machine) error
	undo func(ctx context.Context, m *Machine) error
}

// networkHandle is the network of a machine, nil without internet.
type networkHandle = *network.Namespace

// steps is the order in which a machine comes to be.
func (s *Starter) steps(o *Order) []step {
	var release func()
	return []step{
		{
			name: "content",
			do: func(ctx context.Context, m *Machine) (err error) {
				var spec *Spec
				if spec, release, err = o.Content(ctx); err != nil {
					return err
				}
				spec.ID, spec.Hash = m.record.ID, m.record.Hash
				m.spec = spec
				return nil
			},
			undo: func(context.Context, *Machine) error {
				if release != nil {
					release()
					release = nil
				}
				return nil
			},
		},
		{name: "disks", do: s.attachDisks, undo: s.detachDisks},
		{name: "network", do: s.attachNetwork, undo: s.detachNetwork},
		{name: "launch", do: s.launch, undo: s.clean},
		{name: "ready", do: func(ctx context.Context, m *Machine) error { return m.ready(ctx) }, undo: stopAPI},
	}
}

// Start runs the steps of one machine. ctx bounds the start; the machine lives
// on until it ends or is stopped. On failure the error is a [StartError] and
// nothing of the machine remains.
func (s *Starter) Start(ctx context.Context, o Order) (*Machine, error) {
	var random [8]byte
	rand.Read(random[:]) // never fails
	m := &Machine{
		starter: s, log: o.Log, done: make(chan struct{}), state: StateStarting,
		record: Record{
			ID: "aleph-" + hex.EncodeToString(random[:]), Hash: o.Hash, Driver: s.deps.Driver.Name(), Created: time.Now(),
		},
	}
	m.times.Defined, m.times.Preparing = time.Now(), time.Now()
	m.dir = filepath.Join(s.deps.Machines, m.record.ID)
	o.Log.ResetTail()
	m.steps = s.steps(&o)
	if err := os.MkdirAll(m.dir, 0o755); err != nil {
		return nil, &StartError{Step: "record", Err: err}
	}
	for _, st := range m.steps {
		m.record.Step = st.name
		err := m.record.save(m.dir)
		if err == nil {
			err = st.do(ctx, m)
		}
		if err != nil {
			s.undo(ctx, m)
			m.owner.Wait()
			m.mu.Lock()
			m.state = StateFailed
			m.mu.Unlock()
			return nil, &StartError{Step: st.name, Err: err}
		}
	}
	m.mu.Lock()
	m.state = StateRunning
	m.times.Started = time.Now()
	m.mu.Unlock()
	watchCtx := context.WithoutCancel(ctx) // the machine outlives its start
	m.owner.Go(func() { m.watch(watchCtx) })
	return m, nil
}

// undo runs the undo of every step in reverse and removes the machine's
// folder, whether or not ctx has ended. What cannot be undone now is left to
// the next [Starter.Sweep].
func (s *Starter) undo(ctx context.Context, m *Machine) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.UndoTimeout)
	defer cancel()
	var errs []error
	for _, st := range slices.Backward(m.steps) {
		if err := st.undo(ctx, m); err != nil {
			errs = append(errs, fmt.Errorf("undo %s: %w", st.name, err))
		}
	}
	if len(errs) == 0 {
		errs = append(errs, os.RemoveAll(m.dir))
	}
	if err := errors.Join(errs...); err != nil {
		s.deps.Log.Error("a machine was not removed completely; the next start of the host tries again",
			"machine", m.record.ID, "error", err)
	}
}

// Sweep undoes the machines that a killed host left behind. Call it once,
// before the first Start.
func (s *Starter) Sweep(ctx context.Context) error {
	all, err := records(s.deps.Machines)
	if err != nil {
		return fmt.Errorf("read the machines of the last run: %w", err)
	}
	for _, r := range all {
		s.deps.Log.Info("remove a machine of the last run", "machine", r.ID, "vm_hash", r.Hash)
		s.undo(ctx, &Machine{
			starter: s, record: *r, dir: filepath.Join(s.deps.Machines, r.ID), steps: s.steps(&Order{}),
		})
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return s.deps.Network.Sweep(ctx)
}

func (s *Starter) attachDisks(ctx context.Context, m *Machine) error {
	for i, v := range m.spec.Volumes {
		if v.Kind != message.VolumePersistent {
			continue
		}
		source, err := s.deps.Volumes.Attach(ctx, m.record.ID, string(m.record.Hash), v.Name, v.SizeMiB)
		if err != nil {
			return fmt.Errorf("volume %s: %w: %w", v.Mount, message.ErrUnavailable, err)
		}
		m.spec.Volumes[i].Source = source
	}
	m.mu.Lock()
	m.times.Prepared = time.Now()
	m.mu.Unlock()
	return nil
}

func (s *Starter) detachDisks(_ context.Context, m *Machine) error {
	return s.deps.Volumes.Detach(m.record.ID)
}

func (s *Starter) attachNetwork(ctx context.Context, m *Machine) error {
	if !m.spec.Internet {
		return nil
	}
	n, err := s.deps.Network.Attach(ctx, m.record.ID)
	if err != nil {
		return fmt.Errorf("%w: %w", message.ErrUnavailable, err)
	}
	m.mu.Lock()
	m.network = n
	m.mu.Unlock()
	return nil
}

func (s *Starter) detachNetwork(ctx context.Context, m *Machine) error {
	return s.deps.Network.Detach(ctx, m.record.ID)
}

func (s *Starter) launch(ctx context.Context, m *Machine) error {
	m.mu.Lock()
	m.times.Starting = time.Now()
	m.mu.Unlock()
	inst, err := s.deps.Driver.Start(ctx, Launch{
		Spec: m.spec, Dir: m.dir, Network: m.network, Log: m.log,
		Listen: func(t guest.Transport) error {
			signal, err := guest.ListenReady(t)
			m.mu.Lock()
			m.listener = signal
			m.mu.Unlock()
			return err
		},
	})
	if err != nil {
		return err
	}
	m.mu.Lock()
	m.instance = inst
	m.mu.Unlock()
	return nil
}

// clean ends the machine, by the instance when this host launched it, and in
// any case by its id.
func (s *Starter) clean(ctx context.Context, m *Machine) error {
	m.mu.Lock()
	inst := m.instance
	m.instance = nil
	m.mu.Unlock()
	var err error
	if inst != nil {
		err = errors.Join(inst.Kill(), inst.Stop(ctx))
	}
	return errors.Join(err, s.deps.Driver.Clean(ctx, &m.record))
}

// serveAPI opens the guest API of a machine. // spec crn 3.8
func (s *Starter) serveAPI(m *Machine) (stop func(), err error) {
	if s.deps.API == nil {
		return func() {}, nil
	}
	l, err := m.instance.Transport().Listen(guest.APIPort)
	if err != nil {
		return nil, fmt.Errorf("open the guest API: %w", err)
	}
	server := s.deps.API(m.record.Hash).Server()
	m.owner.Go(func() { _ = server.Serve(l) }) // it ends with Close
	return func() {
		_ = errors.Join(server.Close(), l.Close())
	}, nil
}

func stopAPI(_ context.Context, m *Machine) error {
	m.mu.Lock()
	stop, signal := m.api, m.listener
	m.api, m.listener = nil, nil
	m.mu.Unlock()
	if stop != nil {
		stop()
	}
	if signal != nil {
		if err := signal.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			return err
		}
	}
	return nil
}

package vm

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"aleph/internal/compute/guest"
	"aleph/message"
)

// State is where a machine stands in its life.
type State string

// The states of a machine; doc.go draws the transitions.
const (
	StateStarting State = "starting"
	StateRunning  State = "running"
	StateStopping State = "stopping"
	StateStopped  State = "stopped"
	StateFailed   State = "failed"
)

// Times says when a machine entered its phases; zero for those it has not
// reached. // spec crn 2.6
type Times struct {
	Defined, Preparing, Prepared, Starting, Started, Stopping, Stopped time.Time
}

// Machine is one machine, from the first step of its start to the end of its
// undoing. Safe for concurrent use.
type Machine struct {
	starter *Starter
	steps   []step
	record  Record
	spec    *Spec
	dir     string
	log     *Log

	owner sync.WaitGroup // the goroutine that waits for the end
	done  chan struct{}  // closed when nothing of the machine is left

	mu       sync.Mutex // guards what follows
	state    State
	times    Times
	network  networkHandle
	listener *guest.ReadySignal
	instance Instance
	session  *guest.Session
	api      func() // stops the guest API
	exit     Exit
	asked    bool // the end was asked for
}

// ID returns the machine's name on this host.
func (m *Machine) ID() string { return m.record.ID }

// Hash returns the message that the machine runs for.
func (m *Machine) Hash() message.Hash { return m.record.Hash }

// Spec returns what the machine runs. It is shared: do not modify.
func (m *Machine) Spec() *Spec { return m.spec }

// Session is the conversation with the guest of a running machine.
func (m *Machine) Session() *guest.Session {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.session
}

// State returns the state and when the machine entered its phases.
func (m *Machine) State() (State, Times) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state, m.times
}

// Address returns the address of the guest in the network of the machine. It
// is not valid when the machine has no network, or not yet.
func (m *Machine) Address() netip.Prefix {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.network == nil {
		return netip.Prefix{}
	}
	return m.network.Guest
}

// Done is closed when the machine has ended and nothing of it is left.
func (m *Machine) Done() <-chan struct{} { return m.done }

// Exit says how the machine ended. It is meaningful once Done is closed.
func (m *Machine) Exit() Exit {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.exit
}

// Stats measures a running machine.
func (m *Machine) Stats() (Stats, error) {
	m.mu.Lock()
	inst := m.instance
	m.mu.Unlock()
	if inst == nil {
		return Stats{}, ErrEnded
	}
	return inst.Stats()
}

// Kill ends the machine at once. [Machine.Done] tells when it has gone.
func (m *Machine) Kill() {
	m.mu.Lock()
	inst := m.instance
	m.asked = true
	m.mu.Unlock()
	if inst != nil {
		_ = inst.Kill() // the undo of the launch step repeats it
	}
}

// Stop lets the program end in order, for grace at most, then ends the machine
// and waits until nothing of it is left. It may be called more than once.
func (m *Machine) Stop(ctx context.Context, grace time.Duration) {
	m.mu.Lock()
	inst, session, running := m.instance, m.session, m.state == StateRunning
	m.asked = true
	if running {
		m.state = StateStopping
		m.times.Stopping = time.Now()
	}
	m.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	if inst != nil {
		if running && session != nil {
			_ = session.Halt(ctx) // a courtesy: what follows does not depend on it
		}
		_ = inst.Stop(ctx) // the undo of the launch step repeats it
	}
	<-m.done
}

// watch waits for the end of the machine and undoes its steps.
func (m *Machine) watch(ctx context.Context) {
	m.mu.Lock()
	inst := m.instance
	m.mu.Unlock()
	exit, _ := inst.Wait(ctx) // without a deadline there is no error
	m.mu.Lock()
	m.exit = exit
	if m.state == StateRunning {
		m.times.Stopping = exit.At
	}
	asked := m.asked
	m.state = StateStopping
	m.mu.Unlock()
	if !asked {
		m.log.Append(Stderr, []byte(endText(exit)))
	}
	m.starter.undo(ctx, m)
	m.mu.Lock()
	m.state = StateStopped
	m.times.Stopped = time.Now()
	m.mu.Unlock()
	close(m.done)
}

// endText tells the owner of a function why it ended.
func endText(e Exit) string {
	if e.OutOfMemory {
		return "[the function exceeded its memory and was ended]"
	}
	return fmt.Sprintf("[the function ended by itself with exit code %d]", e.Code)
}

// EndedError says why a machine that was not asked to end did, for the caller
// of its function.
func (m *Machine) EndedError() error {
	e := m.Exit()
	if e.OutOfMemory {
		return fmt.Errorf("%w: it exceeded its memory of %d MiB", ErrEnded, m.spec.Resources.MemoryMiB)
	}
	return fmt.Errorf("%w with exit code %d", ErrEnded, e.Code)
}

// ready waits for the guest, configures it and opens the guest API.
func (m *Machine) ready(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	m.owner.Go(func() { // a guest that ends will not call back
		waitCtx, stop := context.WithCancel(ctx)
		defer stop()
		if exit, err := m.instance.Wait(waitCtx); err == nil {
			m.mu.Lock()
			m.exit = exit
			m.mu.Unlock()
			cancel(m.EndedError())
		}
	})
	version, err := m.waitReady(ctx)
	if err != nil {
		return err
	}
	session := guest.NewSession(m.instance.Transport(), version)
	stop, err := m.starter.serveAPI(m)
	if err != nil {
		return err
	}
	m.mu.Lock()
	m.api, m.session = stop, session
	m.mu.Unlock()
	setupCtx, stopSetup := context.WithTimeoutCause(ctx, m.starter.cfg.SetupTimeout,
		fmt.Errorf("%w: the program was not ready within %s", ErrInit, m.starter.cfg.SetupTimeout))
	defer stopSetup()
	err = session.Configure(setupCtx, m.spec.guestConfig())
	if err != nil && errors.Is(err, guest.ErrNoReply) {
		m.awaitExit(ctx)
	}
	if cause := context.Cause(setupCtx); err != nil && cause != nil {
		return cause
	}
	return err
}

// exitGrace is how long the end of a machine may take to be noticed after its
// channel broke.
const exitGrace = 2 * time.Second

// awaitExit gives the end of the machine a moment to be noticed, since it says
// more than a broken connection.
func (m *Machine) awaitExit(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(exitGrace):
	}
}

func (m *Machine) waitReady(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, m.starter.cfg.InitTimeout,
		fmt.Errorf("%w within %s", ErrInit, m.starter.cfg.InitTimeout))
	defer cancel()
	m.mu.Lock()
	signal := m.listener
	m.mu.Unlock()
	version, err := signal.Wait(ctx)
	if err != nil && context.Cause(ctx) == nil {
		m.awaitExit(ctx) // the channel broke: see whether the machine ended
	}
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		if !errors.Is(err, ErrInit) {
			err = fmt.Errorf("%w: %w", ErrInit, err)
		}
		return "", err
	}
	return version, nil
}

// guestConfig is what the guest is told. // spec crn 3.5
func (s *Spec) guestConfig() *guest.Config {
	c := &guest.Config{
		InputData: s.Data, Interface: s.Code.Interface, VMHash: string(s.Hash), Encoding: string(s.Code.Encoding),
		Entrypoint: s.Code.Entrypoint, Code: s.Code.Bytes, Variables: s.Env, AuthorizedKeys: s.AuthorizedKeys,
	}
	if s.Code.Dir != "" {
		// The archive is unpacked and mounted where a squashfs would be.
		c.Encoding, c.Code = string(message.EncodingSquashfs), nil
	}
	return c
}

package compute

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"aleph/internal/compute/api"
	"aleph/internal/compute/guest"
	"aleph/internal/compute/vm"
	"aleph/message"
)

// function is one program on this host: at most one machine, started by the
// first call, kept warm, ended when idle. Safe for concurrent use.
type function struct {
	host  *Host
	hash  message.Hash
	slots chan struct{} // requests in flight
	users int           // calls that hold the function; the host's mutex guards it

	mu       sync.Mutex // guards what follows
	log      *vm.Log    // opened by the first start
	current  *running
	starting *starting
	gone     <-chan struct{} // the newest machine's Done
	waiting  int
	failure  error // of the last start, kept until retry
	failures int
	retry    time.Time
}

// running is a machine that takes calls. The function's mutex guards it.
type running struct {
	machine *vm.Machine
	plan    *plan
	served  bool // it has answered a call
	active  int
	used    time.Time
	expires time.Time     // zero: never asked to
	idle    chan struct{} // closed when the last call ends after it was detached; nil before
}

// starting is one start that any number of calls wait for.
type starting struct {
	done   chan struct{} // closed when machine or err is set
	cancel context.CancelCauseFunc
	err    error
}

// lease is the right to call a machine; it keeps the machine warm.
type lease struct {
	f *function
	*running
}

// errEnded is why a start is given up when its function or host ends.
var errEnded = fmt.Errorf("the start was given up: %w", message.ErrUnavailable)

// acquire returns a lease on the running machine, starting one if needed. The
// caller releases it.
func (f *function) acquire(ctx context.Context) (*lease, error) {
	select {
	case f.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	l, err := f.lease(ctx)
	if err != nil {
		<-f.slots
	}
	return l, err
}

func (f *function) lease(ctx context.Context) (*lease, error) {
	for {
		f.mu.Lock()
		if r := f.current; r != nil {
			if state, _ := r.machine.State(); state == vm.StateRunning {
				r.active++
				f.mu.Unlock()
				return &lease{f, r}, nil
			}
			f.detachLocked(r)
		}
		if after := time.Until(f.retry); f.failure != nil && after > 0 {
			err := &api.RetryError{Err: f.failure, After: after}
			f.mu.Unlock()
			return nil, err
		}
		s := f.starting
		if s == nil && f.host.draining.Load() {
			f.mu.Unlock()
			return nil, api.ErrDraining
		}
		if s == nil {
			s = f.startLocked(ctx)
		}
		f.waiting++
		f.mu.Unlock()
		err := f.host.await(ctx, s.done)
		f.mu.Lock()
		f.waiting--
		f.mu.Unlock()
		if err != nil {
			return nil, err
		}
		if s.err != nil {
			return nil, s.err
		}
	}
}

// release ends a call. The machine stays warm from now on.
func (l *lease) release() {
	l.f.mu.Lock()
	l.active--
	l.used = time.Now()
	if l.active == 0 && l.idle != nil {
		close(l.idle)
	}
	l.f.mu.Unlock()
	<-l.f.slots
}

// succeeded notes that the machine has answered.
func (l *lease) succeeded() {
	l.f.mu.Lock()
	defer l.f.mu.Unlock()
	l.served, l.f.failures = true, 0
}

// detachLocked takes a machine away from new calls. Those that it has go on.
func (f *function) detachLocked(r *running) {
	if f.current == r {
		f.current = nil
		r.idle = make(chan struct{})
		if r.active == 0 {
			close(r.idle)
		}
	}
}

// startLocked begins a start, which goes on without the call that caused it.
func (f *function) startLocked(ctx context.Context) *starting {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	s := &starting{done: make(chan struct{}), cancel: cancel}
	f.starting, f.failure = s, nil
	gone := f.gone
	f.host.background.Go(func() {
		defer cancel(nil)
		begun := time.Now()
		m, p, err := f.start(ctx, gone)
		f.host.metrics.started(time.Since(begun), err)
		f.mu.Lock()
		defer f.mu.Unlock()
		f.starting, s.err = nil, err
		if err != nil {
			f.failedLocked(err)
		} else {
			f.current, f.gone = &running{machine: m, plan: p, used: time.Now()}, m.Done()
		}
		close(s.done)
	})
	return s
}

// start brings the function from its message to a running machine.
func (f *function) start(ctx context.Context, gone <-chan struct{}) (_ *vm.Machine, _ *plan, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, f.host.cfg.StartTimeout,
		fmt.Errorf("%w: the start took longer than %s", vm.ErrInit, f.host.cfg.StartTimeout))
	defer cancel()
	if gone != nil {
		select {
		case <-gone: // its volumes and its place are free now
		case <-ctx.Done():
			return nil, nil, context.Cause(ctx)
		}
	}
	program, err := f.host.lookup(ctx, f.hash)
	if err != nil {
		return nil, nil, err
	}
	p, err := f.host.resolve(ctx, program)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", api.ErrContent, err)
	}
	if p.program.Environment.Internet {
		if err := f.host.network.Probe(); err != nil {
			return nil, nil, fmt.Errorf("%w: %w", api.ErrFull, err)
		}
	}
	log, err := f.openLog()
	if err != nil {
		return nil, nil, err
	}
	memory := program.Resources.Memory
	if err := f.host.takeRoom(ctx, memory); err != nil {
		return nil, nil, err
	}
	m, err := f.host.starter.Start(ctx, vm.Order{
		Hash: f.hash, Log: log,
		Content: func(ctx context.Context) (*vm.Spec, func(), error) {
			s, release, err := f.host.fetch(ctx, p)
			if err != nil && !errors.Is(err, api.ErrCodeTooLarge) && ctx.Err() == nil {
				err = fmt.Errorf("%w: %w", api.ErrContent, err)
			}
			return s, release, err
		},
	})
	if err != nil {
		f.host.room.give(memory)
		if failed, ok := errors.AsType[*vm.StartError](err); ok && failed.Step != "content" {
			for line := range strings.Lines("[the function did not start: " + strings.TrimSpace(startText(failed)) + "]") {
				log.Append(vm.Stderr, []byte(strings.TrimRight(line, "\r\n")))
			}
		}
		return nil, nil, err
	}
	f.host.background.Go(func() {
		<-m.Done()
		f.host.room.give(memory)
		f.mu.Lock()
		defer f.mu.Unlock()
		if r := f.current; r != nil && r.machine == m {
			f.detachLocked(r)
		}
	})
	return m, p, nil
}

// startText is what the owner of a function reads about a failed start.
func startText(e *vm.StartError) string {
	if setup, ok := errors.AsType[*guest.SetupError](e.Err); ok {
		return setup.Error() + "\n" + setup.Traceback
	}
	return e.Error()
}

func (f *function) openLog() (*vm.Log, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.log == nil {
		log, err := vm.OpenLog(f.host.logPath(f.hash), f.host.cfg.Log)
		if err != nil {
			return nil, fmt.Errorf("open the log of %s: %w", f.hash, err)
		}
		f.log = log
	}
	return f.log, nil
}

// failedLocked remembers why a start failed, so that a program that cannot
// start does not keep the host busy. What costs nothing to find out again, or
// may be over in a moment, is not remembered.
func (f *function) failedLocked(err error) {
	failed, launched := errors.AsType[*vm.StartError](err)
	crashed := errors.Is(err, api.ErrCrashed)
	if (!launched && !crashed) || errors.Is(err, errEnded) ||
		(launched && failed.Step == "content" && errors.Is(err, message.ErrUnavailable)) {
		return
	}
	wait := f.host.cfg.FailureMax
	if f.failures < 16 {
		wait = min(wait, f.host.cfg.FailureMin<<f.failures)
	}
	f.failures++
	f.failure, f.retry = err, time.Now().Add(wait)
}

// crashed ends a machine that broke off a call and says why it did.
func (l *lease) crashed(ctx context.Context) error {
	f, m := l.f, l.machine
	f.mu.Lock()
	f.detachLocked(l.running)
	f.mu.Unlock()
	// A machine that ends by itself says why; one that only lost its channel
	// is ended.
	select {
	case <-m.Done():
	case <-time.After(crashGrace):
		m.Kill()
		select {
		case <-m.Done():
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", api.ErrCrashed, context.Cause(ctx))
		}
	}
	err := fmt.Errorf("%w: %w", api.ErrCrashed, m.EndedError())
	f.mu.Lock()
	defer f.mu.Unlock()
	if !l.served && f.failure == nil && f.starting == nil && f.current == nil {
		f.failedLocked(err)
	}
	return err
}

// crashGrace is how long a machine may take to end after it broke off a call.
const crashGrace = 2 * time.Second

// stop ends the machine, or the start of one, and waits. Calls in flight may
// end first while ctx lasts. It reports whether there was a machine.
func (f *function) stop(ctx context.Context) bool {
	f.mu.Lock()
	s := f.starting
	f.failure, f.failures = nil, 0
	f.mu.Unlock()
	if s != nil {
		s.cancel(errEnded)
		<-s.done
	}
	f.mu.Lock()
	r := f.current
	if r != nil {
		f.detachLocked(r)
	}
	f.mu.Unlock()
	if r != nil {
		f.end(ctx, r)
	}
	return r != nil || s != nil
}

// end stops a detached machine once its calls have ended, or ctx has, or the
// host no longer waits.
func (f *function) end(ctx context.Context, r *running) {
	select {
	case <-r.idle:
	case <-ctx.Done():
	case <-f.host.closing:
	}
	r.machine.Stop(context.WithoutCancel(ctx), f.host.cfg.StopGrace)
}

// idleSince says since when nobody uses the machine; ok is false when somebody
// does or when there is none.
func (f *function) idleSince() (since time.Time, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.current == nil || f.current.active > 0 {
		return time.Time{}, false
	}
	return f.current.used, true
}

// detachIdle takes the machine away from new calls if nobody uses it. The
// caller ends it.
func (f *function) detachIdle() *running {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.current
	if r == nil || r.active > 0 {
		return nil
	}
	f.detachLocked(r)
	return r
}

// detachDue takes the machine away from new calls if it has been idle for the
// reuse time, or if its owner let it expire. The caller ends it.
func (f *function) detachDue(now time.Time) *running {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.current
	if r == nil {
		return nil
	}
	idle := r.active == 0 && now.Sub(r.used) >= f.host.cfg.ReuseTimeout
	expired := !r.expires.IsZero() && !now.Before(r.expires)
	if !idle && !expired {
		return nil
	}
	f.detachLocked(r)
	return r
}

// forgettable reports whether nothing of the function is worth keeping in
// memory, and closes its log if so.
func (f *function) forgettable(now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.current != nil || f.starting != nil || f.waiting > 0 || len(f.slots) > 0 || now.Before(f.retry) {
		return false
	}
	if f.gone != nil {
		select {
		case <-f.gone:
		default:
			return false
		}
	}
	if f.log != nil {
		_ = f.log.Close() // nothing writes to it any more
		f.log = nil
	}
	return true
}

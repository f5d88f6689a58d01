package vm_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"aleph/internal/compute/disk"
	"aleph/internal/compute/guest"
	"aleph/internal/compute/network"
	"aleph/internal/compute/vm"
	"aleph/message"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var hash = message.Hash(strings.Repeat("ab", 32))

// fakeDriver runs guests in this process, over a pipe.
type fakeDriver struct {
	launchErr error
	silent    bool  // the guest never calls back
	ends      bool  // the guest ends instead of calling back
	setupErr  error // of the program

	mu    sync.Mutex // guards calls
	calls []string
}

func (d *fakeDriver) called(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls = append(d.calls, name)
}

func (d *fakeDriver) seen() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.calls)
}

func (*fakeDriver) Name() string { return "fake" }

func (*fakeDriver) Probe(context.Context) (vm.Probe, error) { return vm.Probe{Usable: true}, nil }

func (*fakeDriver) Attach(context.Context, *vm.Record) (vm.Instance, error) {
	return nil, vm.ErrNotAttachable
}

func (d *fakeDriver) Clean(_ context.Context, r *vm.Record) error {
	if r.ID == "" {
		return errors.New("no id")
	}
	d.called("clean")
	return nil
}

func (d *fakeDriver) Start(ctx context.Context, l vm.Launch) (vm.Instance, error) {
	d.called("launch")
	if d.launchErr != nil {
		return nil, d.launchErr
	}
	here, there := net.Pipe()
	host, err := guest.NewMux(here, guest.HostSide)
	if err != nil {
		return nil, err
	}
	if err := l.Listen(host); err != nil {
		return nil, errors.Join(err, host.Close())
	}
	inst := &fakeInstance{mux: host, done: make(chan struct{})}
	guestSide, err := guest.NewMux(there, guest.GuestSide)
	if err != nil {
		return nil, err
	}
	inst.guest = guestSide
	ctx = context.WithoutCancel(ctx)
	switch {
	case d.ends:
		l.Log.Append(vm.Stderr, []byte("last words"))
		inst.end(7)
	case !d.silent:
		listener, err := guestSide.Listen(guest.ControlPort)
		if err != nil {
			return nil, err
		}
		inst.wait.Go(func() {
			if guest.SendReady(ctx, guestSide, guest.Version3) == nil {
				_ = guest.NewServer(fakeProgram{d.setupErr}, slog.New(slog.DiscardHandler)).Serve(ctx, listener)
			}
		})
	}
	return inst, nil
}

type fakeInstance struct {
	mux, guest *guest.Mux
	once       sync.Once
	done       chan struct{}
	exit       vm.Exit
	wait       sync.WaitGroup
}

func (i *fakeInstance) end(code int) {
	i.once.Do(func() {
		i.exit = vm.Exit{Code: code, At: time.Now()}
		_ = i.guest.Close()
		_ = i.mux.Close()
		close(i.done)
	})
}
func (i *fakeInstance) Transport() guest.Transport { return i.mux }
func (i *fakeInstance) Kill() error                { i.end(137); return nil }
func (i *fakeInstance) Stop(context.Context) error { i.end(0); i.wait.Wait(); return nil }
func (*fakeInstance) Stats() (vm.Stats, error)     { return vm.Stats{}, nil }
func (i *fakeInstance) Wait(ctx context.Context) (vm.Exit, error) {
	select {
	case <-i.done:
		return i.exit, nil
	case <-ctx.Done():
		return vm.Exit{}, context.Cause(ctx)
	}
}

// fakeProgram answers every call with its path.
type fakeProgram struct{ setupErr error }

func (p fakeProgram) Configure(context.Context, *guest.Config) error { return p.setupErr }
func (fakeProgram) HTTP(_ context.Context, r *guest.Request, w guest.ResponseWriter) error {
	if err := w.Start(200, nil); err != nil {
		return err
	}
	_, err := io.WriteString(w, r.Path)
	return err
}
func (fakeProgram) Event(context.Context, string) error { return nil }
func (fakeProgram) Halt(context.Context) error          { return nil }

// starter is one with a fake driver in a folder of its own.
func starter(t *testing.T, d *fakeDriver) (*vm.Starter, string, *vm.Log) {
	t.Helper()
	dir := t.TempDir()
	net, err := network.New(network.DefaultConfig(), dir)
	if err != nil {
		t.Fatal(err)
	}
	volumes, err := disk.NewVolumes(filepath.Join(dir, "volumes"))
	if err != nil {
		t.Fatal(err)
	}
	cfg := vm.DefaultConfig()
	cfg.InitTimeout = 200 * time.Millisecond
	machines := filepath.Join(dir, "machines")
	s, err := vm.NewStarter(cfg, vm.Deps{
		Driver: d, Network: net, Volumes: volumes, Machines: machines,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	log, err := vm.OpenLog(filepath.Join(dir, "log"), vm.DefaultLogConfig())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	return s, machines, log
}

func left(t *testing.T, machines string) []os.DirEntry {
	t.Helper()
	entries, err := os.ReadDir(machines)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return entries
}

func TestStart(t *testing.T) {
	t.Parallel()
	d := &fakeDriver{}
	s, machines, log := starter(t, d)
	released := 0
	m, err := s.Start(t.Context(), vm.Order{Hash: hash, Log: log, Content: func(context.Context) (*vm.Spec, func(), error) {
		return &vm.Spec{}, func() { released++ }, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	if state, times := m.State(); state != vm.StateRunning || times.Started.Before(times.Defined) {
		t.Errorf("state %s, times %+v", state, times)
	}
	if len(left(t, machines)) != 1 {
		t.Error("a running machine has no record")
	}
	res, err := m.Session().Call(t.Context(), &guest.Request{Method: "GET", Path: "/x", RawPath: "/x"})
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(res.Body); string(b) != "/x" || err != nil {
		t.Errorf("answer %q %v", b, err)
	}
	res.Body.Close()
	for range 2 {
		m.Stop(t.Context(), time.Second)
	}
	if state, _ := m.State(); state != vm.StateStopped || released != 1 || len(left(t, machines)) != 0 {
		t.Errorf("after the stop: state %s, released %d times, left %v", state, released, left(t, machines))
	}
	if _, err := m.Stats(); !errors.Is(err, vm.ErrEnded) {
		t.Errorf("stats: %v", err)
	}
}

func TestMachineEnds(t *testing.T) {
	t.Parallel()
	s, machines, log := starter(t, &fakeDriver{})
	m, err := s.Start(t.Context(), vm.Order{Hash: hash, Log: log, Content: func(context.Context) (*vm.Spec, func(), error) {
		return &vm.Spec{}, func() {}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	m.Kill()
	<-m.Done()
	if m.Exit().Code != 137 || !errors.Is(m.EndedError(), vm.ErrEnded) || len(left(t, machines)) != 0 {
		t.Errorf("exit %+v, %v, left %v", m.Exit(), m.EndedError(), left(t, machines))
	}
}

func TestStartFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for name, test := range map[string]struct {
		driver  *fakeDriver
		content error
		step    string
		is      error
		text    string
	}{
		"content":     {&fakeDriver{}, broken, "content", broken, "broken"},
		"launch":      {&fakeDriver{launchErr: broken}, nil, "launch", broken, "broken"},
		"never ready": {&fakeDriver{silent: true}, nil, "ready", vm.ErrInit, "within 200ms"},
		"ends":        {&fakeDriver{ends: true}, nil, "ready", vm.ErrEnded, "exit code 7"},
		"setup":       {&fakeDriver{setupErr: &guest.SetupError{Message: "no module"}}, nil, "ready", nil, "no module"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, machines, log := starter(t, test.driver)
			released := 0
			_, err := s.Start(t.Context(), vm.Order{Hash: hash, Log: log, Content: func(context.Context) (*vm.Spec, func(), error) {
				return &vm.Spec{}, func() { released++ }, test.content
			}})
			failed, ok := errors.AsType[*vm.StartError](err)
			if !ok || failed.Step != test.step || !strings.Contains(err.Error(), test.text) || (test.is != nil && !errors.Is(err, test.is)) {
				t.Errorf("got %v, want step %s with %q", err, test.step, test.text)
			}
			if test.driver.ends && log.Tail() != "last words\n" {
				t.Errorf("log tail %q", log.Tail())
			}
			if len(left(t, machines)) != 0 {
				t.Errorf("left %v", left(t, machines))
			}
			if calls := test.driver.seen(); calls[len(calls)-1] != "clean" {
				t.Errorf("calls %v: the machine was not cleaned up", calls)
			}
			if released > 1 || (test.content == nil && released != 1) {
				t.Errorf("released %d times", released)
			}
		})
	}
}

// TestSweep undoes machines of which only a folder is known.
func TestSweep(t *testing.T) {
	t.Parallel()
	d := &fakeDriver{}
	s, machines, _ := starter(t, d)
	for id, record := range map[string]string{
		"aleph-one": `{"id":"aleph-one","step":"ready"}`, "aleph-two": `{"id":"other"}`, "aleph-three": `torn {`, "aleph-four": "",
	} {
		dir := filepath.Join(machines, id)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if record == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, "record.json"), []byte(record), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := d.seen(); len(got) != 4 || len(left(t, machines)) != 0 {
		t.Errorf("calls %v, left %v", got, left(t, machines))
	}
}

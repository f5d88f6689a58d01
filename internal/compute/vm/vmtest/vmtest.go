// Package vmtest is the conformance suite of drivers: what every isolation
// technique promises by the contract of [vm.Driver], tried on real machines.
package vmtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aleph/internal/compute/guest"
	"aleph/internal/compute/vm"
	"aleph/message"
)

// Setup is what the suite needs to try a driver.
type Setup struct {
	// Driver under test.
	Driver vm.Driver
	// Root is the directory of a runtime for static programs.
	Root string
	// Hostile is the path of the test program in testdata/hostile.
	Hostile string
}

// Run tries every promise.
func Run(t *testing.T, s Setup) {
	for name, test := range map[string]func(*testing.T, Setup){
		"probe": testProbe, "call": testCall, "stop": testStop, "kill": testKill, "exit": testExit,
		"unprivileged": testUnprivileged, "root is read-only": testReadOnly, "temporary space": testTemporary,
		"memory": testMemory, "environment": testEnvironment, "attach": testAttach, "clean": testClean, "launch fails": testLaunchFails,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, s)
		})
	}
}

// machine is one machine of the suite.
type machine struct {
	t    *testing.T
	spec *vm.Spec
	inst vm.Instance
	log  *vm.Log
	call *guest.Session
}

// spec is a machine that runs the hostile program.
func spec(t *testing.T, s Setup, env map[string]string) *vm.Spec {
	t.Helper()
	code, err := os.ReadFile(s.Hostile)
	if err != nil {
		t.Fatal(err)
	}
	id := fmt.Sprintf("aleph-vmtest-%x", time.Now().UnixNano())
	return &vm.Spec{
		ID: id, Hash: message.HashOf([]byte(id)), Root: s.Root, Env: env,
		Code:      vm.Code{Encoding: message.EncodingPlain, Entrypoint: "hostile", Interface: guest.Executable, Bytes: code},
		Resources: vm.Resources{VCPUs: 1, MemoryMiB: 128, PIDs: 512},
	}
}

// launch starts a machine; it is cleaned up after the test.
func launch(t *testing.T, s Setup, sp *vm.Spec) (*machine, *guest.ReadySignal) {
	t.Helper()
	dir := t.TempDir()
	log, err := vm.OpenLog(filepath.Join(dir, "log"), vm.DefaultLogConfig())
	if err != nil {
		t.Fatal(err)
	}
	bundle := filepath.Join(dir, "machine")
	if err := os.Mkdir(bundle, 0o755); err != nil {
		t.Fatal(err)
	}
	var signal *guest.ReadySignal
	inst, err := s.Driver.Start(t.Context(), vm.Launch{Spec: sp, Dir: bundle, Log: log, Listen: func(tr guest.Transport) (err error) {
		signal, err = guest.ListenReady(tr)
		return err
	}})
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{t: t, spec: sp, inst: inst, log: log}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 30*time.Second)
		defer cancel()
		if err := errors.Join(inst.Kill(), inst.Stop(ctx), s.Driver.Clean(ctx, &vm.Record{ID: sp.ID}), log.Close()); err != nil {
			t.Error(err)
		}
	})
	return m, signal
}

// ready starts a machine and waits until its program answers.
func ready(t *testing.T, s Setup, env map[string]string) *machine {
	t.Helper()
	m, signal := launch(t, s, spec(t, s, env))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	version, err := signal.Wait(ctx)
	if err != nil {
		t.Fatalf("%v\n%s", err, m.log.Tail())
	}
	m.call = guest.NewSession(m.inst.Transport(), version)
	c := m.spec.Code
	err = m.call.Configure(ctx, &guest.Config{
		Interface: c.Interface, VMHash: string(m.spec.Hash), Encoding: string(c.Encoding),
		Entrypoint: c.Entrypoint, Code: c.Bytes, Variables: m.spec.Env,
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, m.log.Tail())
	}
	return m
}

// get calls the program.
func (m *machine) get(method, path, body string) (int, string, error) {
	ctx, cancel := context.WithTimeout(m.t.Context(), 20*time.Second)
	defer cancel()
	u, err := url.Parse(path)
	if err != nil {
		m.t.Fatal(err)
	}
	r := &guest.Request{
		Method: method, Path: u.Path, RawPath: u.EscapedPath(), Query: u.RawQuery, HTTPVersion: "1.1", Scheme: "http",
		Headers: []guest.Header{{Name: "host", Value: "test"}},
	}
	if body != "" {
		r.Body = strings.NewReader(body)
	}
	res, err := m.call.Call(ctx, r)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return res.Status, string(b), err
}

// expect calls the program and checks its answer.
func (m *machine) expect(status int, text, method, path, body string) {
	m.t.Helper()
	got, answer, err := m.get(method, path, body)
	if err != nil || got != status || !strings.Contains(answer, text) {
		m.t.Errorf("%s %s: %d %q %v, want %d %q", method, path, got, answer, err, status, text)
	}
}

// wait returns the exit of the machine.
func (m *machine) wait() vm.Exit {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(m.t.Context(), 20*time.Second)
	defer cancel()
	exit, err := m.inst.Wait(ctx)
	if err != nil {
		m.t.Fatalf("the machine goes on: %v", err)
	}
	return exit
}

func testProbe(t *testing.T, s Setup) {
	p, err := s.Driver.Probe(t.Context())
	if err != nil || !p.Usable || p.Version == "" || len(p.Limits) == 0 {
		t.Errorf("probe: %+v %v", p, err)
	}
	begun := time.Now()
	if _, err := s.Driver.Probe(t.Context()); err != nil || time.Since(begun) > 100*time.Millisecond {
		t.Errorf("the second probe took %s: %v", time.Since(begun), err)
	}
}

func testCall(t *testing.T, s Setup) {
	m := ready(t, s, nil)
	m.expect(200, "GET /a?b=c", "GET", "/a?b=c", "")
	m.expect(201, "body", "POST", "/echo", "body")
	stats, err := m.inst.Stats()
	if err != nil || stats.MemoryBytes <= 0 || stats.CPU <= 0 {
		t.Errorf("stats: %+v %v", stats, err)
	}
}

func testStop(t *testing.T, s Setup) {
	m := ready(t, s, nil)
	for range 2 { // twice: an ended machine stays ended
		if err := m.inst.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	m.wait()
	if _, err := m.inst.Stats(); !errors.Is(err, vm.ErrEnded) {
		t.Errorf("stats of an ended machine: %v", err)
	}
	if _, _, err := m.get("GET", "/", ""); err == nil {
		t.Error("an ended machine answers")
	}
}

func testKill(t *testing.T, s Setup) {
	m := ready(t, s, nil)
	for range 2 {
		if err := m.inst.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	if exit := m.wait(); exit.OutOfMemory || exit.At.IsZero() {
		t.Errorf("exit: %+v", exit)
	}
}

func testExit(t *testing.T, s Setup) {
	m := ready(t, s, nil)
	_, _, err := m.get("GET", "/die", "")
	if !errors.Is(err, guest.ErrNoReply) {
		t.Errorf("a call that ends the program: %v", err)
	}
	if exit := m.wait(); exit.Code == 0 || exit.OutOfMemory {
		t.Errorf("exit: %+v", exit)
	}
}

func testUnprivileged(t *testing.T, s Setup) {
	m := ready(t, s, nil)
	for _, line := range []string{"CapPrm:\t0000000000000000", "CapEff:\t0000000000000000", "CapBnd:\t0000000000000000"} {
		m.expect(200, line, "GET", "/status", "")
	}
	_, answer, err := m.get("GET", "/", "")
	if err != nil || strings.HasSuffix(answer, "uid 0") {
		t.Errorf("the program runs as root: %q %v", answer, err)
	}
	m.expect(200, "lo ", "GET", "/interfaces", "")
	if _, answer, _ := m.get("GET", "/interfaces", ""); strings.Contains(answer, "eth") {
		t.Errorf("a machine without a network has an interface: %q", answer)
	}
}

func testReadOnly(t *testing.T, s Setup) {
	m := ready(t, s, nil)
	for _, path := range []string{"/x", "/etc/x", "/etc/resolv.conf", "/usr/x", "/usr/sbin/aleph-init", "/proc/sys/kernel/hostname"} {
		m.expect(500, "", "POST", "/write?path="+path, "x")
	}
	if _, err := os.Stat(filepath.Join(s.Root, "x")); err == nil {
		t.Error("the runtime was written to")
	}
}

func testTemporary(t *testing.T, s Setup) {
	m := ready(t, s, nil)
	m.expect(200, "", "POST", "/write?path=/tmp/x", "kept")
	m.expect(200, "kept", "GET", "/read?path=/tmp/x", "")
	status, answer, err := m.get("GET", "/fill?path=/tmp/big&mib=4000", "")
	if err == nil && (status != 200 || !strings.Contains(answer, "full after")) {
		t.Errorf("4000 MiB in /tmp of a machine of 128 MiB: %d %q", status, answer)
	}
}

func testMemory(t *testing.T, s Setup) {
	m := ready(t, s, nil)
	if _, _, err := m.get("GET", "/eat", ""); !errors.Is(err, guest.ErrNoReply) {
		t.Errorf("a program that eats memory: %v", err)
	}
	if exit := m.wait(); !exit.OutOfMemory {
		t.Errorf("exit: %+v, want out of memory", exit)
	}
}

func testEnvironment(t *testing.T, s Setup) {
	m := ready(t, s, map[string]string{"GREETING": "hello"})
	m.expect(200, "GREETING=hello", "GET", "/env", "")
	_, answer, err := m.get("GET", "/env", "")
	if err != nil || strings.Contains(answer, "XDG_RUNTIME_DIR") {
		t.Errorf("the host's environment shows: %q %v", answer, err)
	}
}

// testAttach allows both outcomes of the contract.
func testAttach(t *testing.T, s Setup) {
	m := ready(t, s, nil)
	inst, err := s.Driver.Attach(t.Context(), &vm.Record{ID: m.spec.ID})
	if err != nil && !errors.Is(err, vm.ErrNotAttachable) {
		t.Errorf("attach: %v", err)
	}
	if err == nil && inst == nil {
		t.Error("attach gave no machine")
	}
	if _, err := s.Driver.Attach(t.Context(), &vm.Record{ID: "aleph-never-was"}); !errors.Is(err, vm.ErrNotAttachable) {
		t.Errorf("attach to no machine: %v", err)
	}
}

func testClean(t *testing.T, s Setup) {
	m := ready(t, s, nil)
	for range 2 {
		if err := s.Driver.Clean(t.Context(), &vm.Record{ID: m.spec.ID}); err != nil {
			t.Fatal(err)
		}
	}
	m.wait()
	if err := s.Driver.Clean(t.Context(), &vm.Record{ID: "aleph-never-was"}); err != nil {
		t.Errorf("clean what never was: %v", err)
	}
}

// testLaunchFails launches on a root that is not there.
func testLaunchFails(t *testing.T, s Setup) {
	sp := spec(t, s, nil)
	sp.Root = filepath.Join(t.TempDir(), "nothing")
	m, signal := launch(t, s, sp)
	defer func() { _ = signal.Close() }()
	if exit := m.wait(); exit.Code == 0 {
		t.Errorf("exit: %+v", exit)
	}
	if m.log.Tail() == "" {
		t.Error("the log does not say why")
	}
}

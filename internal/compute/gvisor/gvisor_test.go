package gvisor_test

import (
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"aleph/internal/compute/gvisor"
	"aleph/internal/compute/runtime"
	"aleph/internal/compute/vm/vmtest"
)

// built holds the programs that the tests need, built once.
var built struct{ init, hostile string }

func TestMain(m *testing.M) {
	if os.Getenv(withoutRoot) != "" {
		built.init, built.hostile = os.Getenv("ALEPH_TEST_INIT"), os.Getenv("ALEPH_TEST_HOSTILE")
		os.Exit(m.Run())
	}
	dir, err := os.MkdirTemp("", "aleph-gvisor-test-")
	if err != nil {
		panic(err)
	}
	built.init, built.hostile = filepath.Join(dir, "aleph-init"), filepath.Join(dir, "hostile")
	for out, pkg := range map[string]string{built.init: "aleph/cmd/aleph-init", built.hostile: "../testdata/hostile"} {
		cmd := exec.Command("go", "build", "-ldflags=-s -w", "-o", out, pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if text, err := cmd.CombinedOutput(); err != nil {
			panic(fmt.Sprintf("build %s: %v\n%s", pkg, err, text))
		}
	}
	code := m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// withoutRoot marks the child process of TestRootless.
const withoutRoot = "ALEPH_TEST_WITHOUT_ROOT"

func TestConformance(t *testing.T) {
	t.Parallel()
	if os.Getenv(withoutRoot) != "" {
		return
	}
	conform(t, t.TempDir())
}

func conform(t *testing.T, dir string) {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	rt := runtime.DefaultConfig()
	rt.Cache, rt.Init = filepath.Join(dir, "runtimes"), built.init
	runtimes, err := runtime.Open(rt, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = runtimes.Close() })
	image, err := runtimes.Ensure(t.Context(), "minimal", nil)
	if err != nil {
		t.Fatal(err)
	}
	d, err := gvisor.New(gvisor.DefaultConfig(), gvisor.Deps{
		State: filepath.Join(dir, "state"), Cache: filepath.Join(dir, "cache"), Init: runtimes.InitPath, Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "state"), 0o700); err != nil {
		t.Fatal(err)
	}
	p, err := d.Probe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", p)
	limited := false
	for _, l := range p.Limits {
		if l.Name == "memory limit" {
			limited = l.Enforced
		}
	}
	if limited != (os.Geteuid() == 0) {
		t.Errorf("memory limit enforced: %t, as user %d", limited, os.Geteuid())
	}
	vmtest.Run(t, vmtest.Setup{Driver: d, Root: image.Root, Hostile: built.hostile})
}

// TestRootless runs the same suite as an unprivileged user, when this is not
// one already.
func TestRootless(t *testing.T) {
	if os.Getenv(withoutRoot) != "" {
		conform(t, t.TempDir())
		return
	}
	t.Parallel()
	if os.Geteuid() != 0 {
		return // TestConformance was without root
	}
	const nobody = 65534
	dir := t.TempDir()
	for path := dir; path != os.TempDir() && path != "/"; path = filepath.Dir(path) {
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	programs := map[string]string{"init": built.init, "hostile": built.hostile, "test": os.Args[0]}
	for name, path := range programs {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		programs[name] = filepath.Join(dir, name)
		if err := os.WriteFile(programs[name], b, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	own := filepath.Join(dir, "own")
	if err := os.Mkdir(own, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(own, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), programs["test"], "-test.run=^TestRootless$", "-test.v")
	cmd.Dir = own
	cmd.Env = append(os.Environ(), withoutRoot+"=1", "ALEPH_TEST_INIT="+programs["init"], "ALEPH_TEST_HOSTILE="+programs["hostile"],
		"TMPDIR="+own, "HOME="+own, "XDG_CACHE_HOME="+own)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if !strings.Contains(line, "=== ") {
			t.Log(strings.TrimRight(line, "\n"))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

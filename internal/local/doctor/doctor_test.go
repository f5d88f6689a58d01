package doctor_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aleph/internal/compute/vm"
	"aleph/internal/local/doctor"
	"aleph/internal/node/store"
	"aleph/message"
)

// driver answers a probe as it is told. What real drivers answer is tested with
// them; here it is how the doctor reads an answer.
type driver struct {
	vm.Driver
	probe vm.Probe
	err   error
}

func (d driver) Name() string                            { return "test" }
func (d driver) Probe(context.Context) (vm.Probe, error) { return d.probe, d.err }

func examine(t *testing.T, opts doctor.Options) map[string]doctor.Check {
	t.Helper()
	if opts.Driver == nil {
		opts.Driver = driver{probe: vm.Probe{Usable: true, Version: "v", Platform: "p"}}
	}
	if opts.DataDir == "" {
		opts.DataDir = t.TempDir()
	}
	checks, err := doctor.Examine(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	byName := make(map[string]doctor.Check)
	for _, c := range checks {
		if c.Result != doctor.OK && c.Fix == "" {
			t.Errorf("%s is %s without a fix: %s", c.Name, c.Result, c.Detail)
		}
		byName[c.Name] = c
	}
	return byName
}

func TestSandbox(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		driver driver
		result doctor.Result
		fix    string
	}{
		"boots":      {driver{probe: vm.Probe{Usable: true}}, doctor.OK, ""},
		"not usable": {driver{probe: vm.Probe{Reason: "apt-get install runsc"}}, doctor.Fail, "apt-get install runsc"},
		"broken":     {driver{err: errors.New("no such file")}, doctor.Fail, "apt-get install runsc"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := examine(t, doctor.Options{Driver: tt.driver})["sandbox test"]
			if c.Result != tt.result || !strings.Contains(c.Fix, tt.fix) {
				t.Errorf("got %+v", c)
			}
		})
	}
}

func TestLimitsOfTheSandbox(t *testing.T) {
	t.Parallel()
	checks := examine(t, doctor.Options{Driver: driver{probe: vm.Probe{Usable: true, Limits: []vm.Limit{
		{Name: "memory", Enforced: true, Detail: "control group"},
		{Name: "cpu", Detail: "run as root"},
	}}}})
	if c := checks["memory"]; c.Result != doctor.OK {
		t.Errorf("got %+v", c)
	}
	if c := checks["cpu"]; c.Result != doctor.Warn || c.Fix != "run as root" {
		t.Errorf("got %+v", c)
	}
}

func TestPorts(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	number := l.Addr().(*net.TCPAddr).Port
	find := func(pid int) doctor.Check {
		for name, c := range examine(t, doctor.Options{Ports: []doctor.Port{{For: "node", Number: number, OwnPID: pid}}}) {
			if strings.HasPrefix(name, "port ") {
				return c
			}
		}
		t.Fatal("no check of the port")
		return doctor.Check{}
	}
	if c := find(0); c.Result != doctor.Warn || !strings.Contains(c.Detail, "pid") {
		t.Errorf("a taken port: got %+v", c)
	}
	if c := find(os.Getpid()); c.Result != doctor.OK {
		t.Errorf("the port of the own cloud: got %+v", c)
	}
}

func TestDataFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if c := examine(t, doctor.Options{DataDir: filepath.Join(dir, "new", "folder")})["data folder"]; c.Result != doctor.OK {
		t.Errorf("a folder to be made: got %+v", c)
	}
	if c := examine(t, doctor.Options{DataDir: "/proc/aleph"})["data folder"]; c.Result != doctor.Fail {
		t.Errorf("a folder that cannot be: got %+v", c)
	}
}

func TestRuntimesAndLibraries(t *testing.T) {
	t.Parallel()
	checks := examine(t, doctor.Options{
		Runtimes: []doctor.Runtime{{Name: "python", Built: true, Where: "/x"}, {Name: "minimal"}},
		Linked:   []doctor.Linked{{For: "signatures", Name: "fast"}, {For: "database", Name: "portable", Slow: true}},
	})
	want := map[string]doctor.Result{
		"runtime python": doctor.OK, "runtime minimal": doctor.Warn, "signatures": doctor.OK, "database": doctor.Warn,
	}
	for name, result := range want {
		if checks[name].Result != result {
			t.Errorf("%s: got %+v", name, checks[name])
		}
	}
}

func TestDatabase(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg := store.DefaultConfig()
	cfg.Path = filepath.Join(dir, "node.db")
	look := func() doctor.Check { return examine(t, doctor.Options{Database: &cfg, Files: dir})["database"] }
	if c := look(); c.Result != doctor.OK || !strings.Contains(c.Detail, "none yet") {
		t.Errorf("no database: got %+v", c)
	}
	db, err := store.Open(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if c := look(); c.Result != doctor.OK || c.Detail != "sound" {
		t.Errorf("an empty database beside its node: got %+v", c)
	}
	hash := message.HashOf([]byte("x"))
	err = db.Update(t.Context(), func(tx *store.Tx) error {
		return tx.SetFile(store.FileRow{Hash: hash, Size: 1, Type: store.FileRegular})
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	if c := look(); c.Result != doctor.Fail || !strings.Contains(c.Detail, "2 things are wrong, first: file that nothing keeps: "+string(hash)) {
		t.Errorf("a file that nothing keeps: got %+v", c)
	}
	if err := os.WriteFile(cfg.Path, []byte("this is no database, and longer than its header is"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"-wal", "-shm"} {
		_ = os.Remove(cfg.Path + suffix)
	}
	if c := look(); c.Result != doctor.Fail || !strings.Contains(c.Detail, "damaged") {
		t.Errorf("no database at all: got %+v", c)
	}
	cfg.Path, cfg.URL = "", "postgres://me@127.0.0.1:1/aleph"
	if c := look(); c.Result != doctor.Fail || !strings.Contains(c.Fix, "start the database server") {
		t.Errorf("no server: got %+v", c)
	}
}

func TestWorst(t *testing.T) {
	t.Parallel()
	ok, warn, fail := doctor.Check{Result: doctor.OK}, doctor.Check{Result: doctor.Warn}, doctor.Check{Result: doctor.Fail}
	for _, tt := range []struct {
		checks []doctor.Check
		want   doctor.Result
	}{{nil, doctor.OK}, {[]doctor.Check{ok, warn}, doctor.Warn}, {[]doctor.Check{fail, warn, ok}, doctor.Fail}} {
		if got := doctor.Worst(tt.checks); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
}

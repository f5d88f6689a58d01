package vm_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aleph/internal/compute/vm"
)

func openLog(t *testing.T, cfg vm.LogConfig) (*vm.Log, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log")
	l, err := vm.OpenLog(path, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l, path
}

func TestLog(t *testing.T) {
	t.Parallel()
	cfg := vm.DefaultLogConfig()
	cfg.LineBytes = 32
	l, path := openLog(t, cfg)
	l.Drain(vm.Stdout, strings.NewReader("one\r\n\ntwo\xff\n"+strings.Repeat("x", 40)+"\nno end"))
	past, next, cancel := l.Follow()
	defer cancel()
	var texts []string
	for _, e := range past {
		texts = append(texts, e.Text)
	}
	if got := fmt.Sprintf("%q", texts); got != fmt.Sprintf("%q", []string{"one", "", "two\uFFFD", strings.Repeat("x", 32), strings.Repeat("x", 8), "no end"}) {
		t.Errorf("lines %s", got)
	}
	l.Append(vm.Stderr, []byte("later"))
	if e := <-next; e.Text != "later" || e.Stream != vm.Stderr || e.Time == 0 {
		t.Errorf("followed %+v", e)
	}
	if !strings.HasSuffix(l.Tail(), "no end\nlater\n") {
		t.Errorf("tail %q", l.Tail())
	}
	cancel()
	cancel()
	if _, open := <-next; open {
		t.Error("a cancelled follower still gets lines")
	}
	if got := vm.ReadLog(path); len(got) != 7 {
		t.Errorf("%d lines in the file", len(got))
	}
}

// TestLogBounds floods a log that nobody reads.
func TestLogBounds(t *testing.T) {
	t.Parallel()
	l, path := openLog(t, vm.LogConfig{FileBytes: 4 << 10, LineBytes: 1 << 10, Rate: 1000, Burst: 20_000})
	_, next, cancel := l.Follow()
	defer cancel()
	flood := bytes.Repeat([]byte(strings.Repeat("y", 50)+"\n"), 100_000)
	l.Drain(vm.Stdout, bytes.NewReader(flood))
	for n := 0; ; n++ {
		if _, open := <-next; !open || n == 100 {
			break
		}
	}
	var size int64
	for _, p := range []string{path, path + ".1"} {
		info, err := os.Stat(p)
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
	}
	if size > 3*4<<10 {
		t.Errorf("the files have %d bytes", size)
	}
	if len(l.Tail()) > 4<<10 {
		t.Errorf("the tail has %d bytes", len(l.Tail()))
	}
}

// TestLogSlowFollower cuts off a follower that does not read.
func TestLogSlowFollower(t *testing.T) {
	t.Parallel()
	cfg := vm.DefaultLogConfig()
	cfg.Burst = 10 << 20
	l, _ := openLog(t, cfg)
	_, next, cancel := l.Follow()
	defer cancel()
	for range 2000 {
		l.Append(vm.Stdout, []byte("x"))
	}
	n := 0
	for range next {
		n++
	}
	if n == 0 || n >= 2000 {
		t.Errorf("the follower got %d lines", n)
	}
}

func TestLogAfterRestart(t *testing.T) {
	t.Parallel()
	l, path := openLog(t, vm.DefaultLogConfig())
	l.Append(vm.Stdout, []byte("before"))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l.Append(vm.Stdout, []byte("nowhere")) // closed: no harm
	again, err := vm.OpenLog(path, vm.DefaultLogConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = again.Close() }()
	again.Append(vm.Stdout, []byte("after"))
	if got := vm.ReadLog(path); len(got) != 2 || got[1].Text != "after" {
		t.Errorf("%+v", got)
	}
	if again.Tail() != "after\n" {
		t.Errorf("tail %q", again.Tail())
	}
	if err := vm.RemoveLog(path); err != nil || len(vm.ReadLog(path)) != 0 {
		t.Errorf("after the removal: %v %v", err, vm.ReadLog(path))
	}
}

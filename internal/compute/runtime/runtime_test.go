package runtime_test

import (
	"context"
	"debug/elf"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aleph/internal/compute/runtime"
	"aleph/message"
)

// buildInit builds aleph-init for images.
func buildInit(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "aleph-init")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", path, "aleph/cmd/aleph-init")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build aleph-init: %v\n%s", err, out)
	}
	return path
}

func openCache(t *testing.T, dir, init string) *runtime.Cache {
	t.Helper()
	cfg := runtime.DefaultConfig()
	cfg.Cache, cfg.Init = dir, init
	c, err := runtime.Open(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func TestMinimal(t *testing.T) {
	t.Parallel()
	init, dir := buildInit(t), t.TempDir()
	c := openCache(t, dir, init)
	if _, ok := c.Lookup("minimal"); ok {
		t.Fatal("an empty cache has a runtime")
	}
	// What a killed build leaves behind goes away.
	remains := filepath.Join(dir, "minimal", ".build-123", "rootfs")
	if err := os.MkdirAll(remains, 0o755); err != nil {
		t.Fatal(err)
	}

	// Many callers in two caches, as in two processes, make one build.
	other := openCache(t, dir, init)
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			cache := c
			if i%2 == 1 {
				cache = other
			}
			if _, err := cache.Ensure(t.Context(), "minimal", nil); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	image, ok := c.Lookup("minimal")
	if !ok || !image.Current {
		t.Fatalf("built runtime: %+v", image)
	}
	if _, err := os.Stat(filepath.Dir(remains)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("remains of an interrupted build: %v", err)
	}
	for _, path := range []string{"etc/passwd", "etc/hosts", "etc/ssl/certs/ca-certificates.crt", "tmp", "opt", runtime.InitMount} {
		if _, err := os.Stat(filepath.Join(image.Root, path)); err != nil {
			t.Error(err)
		}
	}
	checkSquashfs(t, image.Squashfs)

	list, err := c.List()
	if err != nil || len(list) != 1 || list[0].Name != "minimal" || list[0].RootSize == 0 || list[0].SquashfsSize == 0 {
		t.Errorf("list: %+v, %v", list, err)
	}
	built := image.Built
	var events []runtime.Event
	image, err = c.Build(t.Context(), "minimal", runtime.Options{Force: true, Progress: func(e runtime.Event) { events = append(events, e) }})
	if err != nil || image.Built.Before(built) {
		t.Errorf("forced build: %+v, %v", image, err)
	}
	for _, e := range events {
		if e.Runtime != "minimal" || e.Step < 1 || e.Step > e.Steps || e.Text == "" {
			t.Errorf("event %+v", e)
		}
	}
	if err := c.Remove(t.Context(), "minimal"); err != nil {
		t.Fatal(err)
	}
	if list, err := c.List(); err != nil || len(list) != 0 {
		t.Errorf("after removal: %+v, %v", list, err)
	}
}

// checkSquashfs reads aleph-init out of the image.
func checkSquashfs(t *testing.T, image string) {
	t.Helper()
	to := filepath.Join(t.TempDir(), "image")
	out, err := exec.CommandContext(t.Context(), "unsquashfs", "-quiet", "-no-progress", "-d", to, image,
		"usr/sbin/aleph-init", "usr/sbin/init").CombinedOutput()
	if err != nil {
		t.Fatalf("unsquashfs: %v\n%s", err, out)
	}
	program, err := elf.Open(filepath.Join(to, "usr", "sbin", "init"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = program.Close() }()
	for _, p := range program.Progs {
		if p.Type == elf.PT_INTERP {
			t.Error("aleph-init needs a loader: it must be static")
		}
	}
}

// TestPython builds the real thing, in the cache that the user's programs
// share: once on a machine.
func TestPython(t *testing.T) {
	t.Parallel()
	c := openCache(t, "", buildInit(t))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	began := time.Now()
	image, err := c.Ensure(ctx, "python", func(e runtime.Event) {
		t.Logf("%6.1fs %d/%d %s", time.Since(began).Seconds(), e.Step, e.Steps, e.Text)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %d MiB, image %d MiB", image.Key, image.RootSize>>20, image.SquashfsSize>>20)
	script := "import fastapi, pydantic, requests, httpx, aiohttp, jinja2, yaml, multipart, ssl; print(fastapi.__version__)"
	out, err := exec.CommandContext(ctx, "chroot", image.Root, "/usr/bin/python3", "-I", "-B", "-c", script).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	compiled, err := filepath.Glob(image.Root + "/usr/lib/python3/dist-packages/fastapi/__pycache__/applications.*.pyc")
	if err != nil || len(compiled) != 1 {
		t.Errorf("compiled modules: %v, %v", compiled, err)
	}
	checkSquashfs(t, image.Squashfs)
}

func TestFailures(t *testing.T) {
	t.Parallel()
	c := openCache(t, t.TempDir(), filepath.Join(t.TempDir(), "missing"))
	_, err := c.Ensure(t.Context(), "cobol", nil)
	if !errors.Is(err, runtime.ErrUnknown) || !errors.Is(err, message.ErrNotFound) || !strings.Contains(err.Error(), "python, minimal") {
		t.Errorf("unknown runtime: %v", err)
	}
	_, err = c.Ensure(t.Context(), "minimal", nil)
	if err == nil || !strings.Contains(err.Error(), "make build") {
		t.Errorf("without aleph-init: %v", err)
	}
	for _, s := range c.States() {
		if s.Name == "minimal" && (s.Error == "" || s.Image != nil || s.Building != nil) {
			t.Errorf("state after a failure: %+v", s)
		}
	}
	if list, err := c.List(); err != nil || len(list) != 0 {
		t.Errorf("list after a failure: %+v, %v", list, err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Ensure(t.Context(), "minimal", nil); err == nil {
		t.Error("a closed cache builds")
	}
}

func TestAliases(t *testing.T) {
	t.Parallel()
	n := message.Network{Images: []message.Image{
		{Kind: message.ImageRuntime, Name: "python", Ref: "cafe"},
		{Kind: message.ImageRuntime, Name: "there is no recipe of it", Ref: "beef"},
		{Kind: message.ImageRootfs, Name: "minimal", Ref: "face"},
	}}
	if diff := cmp.Diff(map[message.Hash]string{"cafe": "python"}, runtime.AliasesOf(n)); diff != "" {
		t.Error(diff)
	}
	const known = "63f07193e6ee9d207b7d1fcf8286f9aee34e6f12f101d2ec77c1229f92964696"
	if got := runtime.AliasesOf(message.PublicNetwork())[known]; got != "python" {
		t.Errorf("%s: %q", known, got)
	}
}

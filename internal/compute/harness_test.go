package compute_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"aleph/client"
	"aleph/internal/compute"
	"aleph/internal/compute/runtime"
	"aleph/message"
)

// built holds the programs that the tests need, built once.
var built struct{ dir, init, hostile string }

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "aleph-compute-test-")
	if err != nil {
		panic(err)
	}
	built.dir, built.init, built.hostile = dir, filepath.Join(dir, "aleph-init"), filepath.Join(dir, "hostile")
	for out, pkg := range map[string]string{built.init: "aleph/cmd/aleph-init", built.hostile: "./testdata/hostile"} {
		cmd := exec.Command("go", "build", "-ldflags=-s -w", "-o", out, pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if text, err := cmd.CombinedOutput(); err != nil {
			panic(fmt.Sprintf("build %s: %v\n%s", pkg, err, text))
		}
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	if code == 0 {
		if err := goleak.Find(goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"),
			goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// The runtimes' references in the tests.
var (
	minimal = message.Hash(strings.Repeat("a", 64))
	python  = message.Hash(strings.Repeat("b", 64))
)

func alias(ref message.Hash) (string, bool) {
	name, ok := map[message.Hash]string{minimal: "minimal", python: "python"}[ref]
	return name, ok
}

// cloud is a host and the node it knows.
type cloud struct {
	t       testing.TB
	node    *fakeNode
	host    *compute.Host
	data    string
	url     string
	metrics *prometheus.Registry
	stop    func()
}

// start runs a host. Its folder is data, or a new one.
func start(t testing.TB, change func(*compute.Config)) *cloud {
	t.Helper()
	return startIn(t, newFakeNode(t), t.TempDir(), change)
}

func startIn(t testing.TB, node *fakeNode, data string, change func(*compute.Config)) *cloud {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelInfo}))
	c, err := client.New(client.Config{API: node.url})
	if err != nil {
		t.Fatal(err)
	}
	rt := runtime.DefaultConfig()
	rt.Init = built.init
	runtimes, err := runtime.Open(rt, log)
	if err != nil {
		t.Fatal(err)
	}
	cfg := compute.DefaultConfig()
	cfg.DrainTimeout = 2 * time.Second
	cfg.StopGrace = time.Second
	cfg.FailureMin = 100 * time.Millisecond
	if change != nil {
		change(&cfg)
	}
	reg := prometheus.NewRegistry()
	h, err := compute.New(cfg, compute.Deps{
		Client: c, Runtimes: runtimes, Alias: alias, Data: data, Cache: filepath.Dir(runtimes.Dir()),
		Version: "1.0.0", Log: log, Metrics: reg,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	server := httptest.NewServer(h.Handler())
	stopped := false
	stop := func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
		server.Close()
		c.Close()
		_ = runtimes.Close()
	}
	t.Cleanup(stop)
	select {
	case <-h.Ready():
	case err := <-done:
		t.Fatalf("the host did not start: %v", err)
	}
	if node.watching != nil {
		<-node.watching
	}
	return &cloud{t: t, node: node, host: h, data: data, url: server.URL, metrics: reg, stop: stop}
}

// program publishes the hostile program with changes to its content.
func (c *cloud) program(change func(content map[string]any)) message.Hash {
	c.t.Helper()
	b, err := os.ReadFile(built.hostile)
	if err != nil {
		c.t.Fatal(err)
	}
	content := content(c.node.store(b, ""), minimal, "plain", "hostile")
	content["code"].(map[string]any)["interface"] = "binary"
	if change != nil {
		change(content)
	}
	return c.node.publish(message.TypeProgram, content)
}

// content is that of a PROGRAM message.
func content(code, runtime message.Hash, encoding, entrypoint string) map[string]any {
	return map[string]any{
		"type": "vm-function", "allow_amend": false,
		"code":        map[string]any{"encoding": encoding, "entrypoint": entrypoint, "ref": code, "use_latest": true},
		"runtime":     map[string]any{"ref": runtime, "use_latest": true, "comment": "test"},
		"on":          map[string]any{"http": true},
		"environment": map[string]any{"reproducible": false, "internet": false, "aleph_api": true, "shared_cache": false},
		"resources":   map[string]any{"vcpus": 1, "memory": 128, "seconds": 10},
		"variables":   map[string]any{},
		"volumes":     []any{},
	}
}

func set(part, key string, value any) func(map[string]any) {
	return func(c map[string]any) { maps.Copy(c[part].(map[string]any), map[string]any{key: value}) }
}

// get calls a function and returns status and body.
func (c *cloud) get(hash message.Hash, path string) (int, string) {
	c.t.Helper()
	return c.do("GET", hash, path, nil)
}

func (c *cloud) do(method string, hash message.Hash, path string, body io.Reader) (int, string) {
	c.t.Helper()
	res, err := c.send(method, hash, path, body)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return res.StatusCode, string(b) + err.Error()
	}
	return res.StatusCode, string(b)
}

// send calls a function; the caller closes the answer's body.
func (c *cloud) send(method string, hash message.Hash, path string, body io.Reader) (*http.Response, error) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.url+"/vm/"+string(hash)+path, body)
	if err != nil {
		c.t.Fatal(err)
	}
	return http.DefaultClient.Do(req)
}

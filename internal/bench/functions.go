package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"aleph/client"
	"aleph/internal/local"
	"aleph/message"
)

const (
	targetWarm       = 5 * time.Millisecond // added to the app itself, p50
	targetColdBinary = 700 * time.Millisecond
	targetColdPython = 3 * time.Second
	coldCalls        = 5
	// callTimeout bounds a call; the first may have to build the runtime.
	callTimeout = 15 * time.Minute
)

// function is one of the repository's examples.
type function struct {
	name    string // of the folder below examples, and of the app
	runtime string
	cold    time.Duration // target
}

// measureFunctions calls a static program and a FastAPI application, cold and
// warm, and the static program once more without the sandbox.
func measureFunctions(ctx context.Context, s *Suite) (rows []Row, err error) {
	c, err := s.start(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = first(err, c.stop()) }()
	dir, err := os.MkdirTemp("", "aleph-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	program := filepath.Join(dir, "hello")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "./"+filepath.Join(s.ExamplesDir, "hello-binary")) //nolint:gosec // the folder is the user's choice
	build.Env = append(build.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the example hello-binary (run this in the repository): %w\n%s", err, out)
	}
	bare, err := s.bareProgram(ctx, program)
	if err != nil {
		return nil, err
	}
	g, err := NewGenerator(s.Seed, time.Now())
	if err != nil {
		return nil, err
	}
	if err := c.fund(ctx, g); err != nil {
		return nil, err
	}
	for _, f := range []struct {
		function
		code string
	}{
		{function{"hello-binary", "minimal", targetColdBinary}, program},
		{function{"hello-fastapi", "python", targetColdPython}, filepath.Join(s.ExamplesDir, "hello-fastapi")},
	} {
		cold, warm, err := s.functionTimes(ctx, c, g, f.function, f.code)
		if err != nil {
			return nil, fmt.Errorf("function %s: %w", f.name, err)
		}
		rows = append(rows, durationRow("cold call of "+f.name+", p50", cold.P50, f.cold, fmt.Sprintf("max %s of %d", round(cold.Max), coldCalls)))
		detail := fmt.Sprintf("p90 %s, p99 %s of %d", round(warm.P90), round(warm.P99), s.Samples)
		if f.name != "hello-binary" {
			rows = append(rows, durationRow("warm call of "+f.name+", p50", warm.P50, 0, detail))
			continue
		}
		rows = append(rows, durationRow("a warm call of hello-binary adds to the bare program, p50", warm.P50-bare.P50, targetWarm,
			fmt.Sprintf("%s in the sandbox, %s without; %s", round(warm.P50), round(bare.P50), detail)))
	}
	return rows, nil
}

// functionTimes publishes the same code as several programs. The first makes
// sure that the runtime is there; the first calls of the others are cold; the
// last stays warm.
func (s *Suite) functionTimes(ctx context.Context, c *cloud, g *Generator, f function, code string) (cold, warm Percentiles, err error) {
	pack, err := client.PackFunction(code, "")
	if err != nil {
		return cold, warm, err
	}
	defer func() { err = first(err, pack.Close()) }()
	store, err := s.storeFile(ctx, c, g, pack.Path)
	if err != nil {
		return cold, warm, err
	}
	ref := local.RuntimeRef(f.runtime)
	var took []time.Duration
	var url string
	for i := range coldCalls + 1 {
		if i == 0 {
			s.Progress("first call of %s; a missing runtime is built now", f.name)
		}
		if url, err = s.publishProgram(ctx, c, g, f, pack, store, ref); err != nil {
			return cold, warm, err
		}
		t, err := call(ctx, &http.Client{Timeout: callTimeout}, url)
		if err != nil {
			return cold, warm, err
		}
		if i > 0 {
			took = append(took, t)
		}
	}
	s.Progress("warm calls of %s", f.name)
	warm, err = s.calls(ctx, url)
	return PercentilesOf(took), warm, err
}

func (s *Suite) storeFile(ctx context.Context, c *cloud, g *Generator, path string) (message.Hash, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	m, err := g.Message(message.TypeStore, map[string]any{"item_type": message.ItemStorage, "item_hash": message.HashOf(content)})
	if err != nil {
		return "", err
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	return m.ItemHash, Upload(ctx, c.api, m, f, int64(len(content)))
}

func (s *Suite) publishProgram(ctx context.Context, c *cloud, g *Generator, f function, pack *client.Pack, code, ref message.Hash) (string, error) {
	m, err := g.Message(message.TypeProgram, map[string]any{
		"type": "vm-function", "allow_amend": false, "on": map[string]any{"http": true}, "volumes": []any{},
		"metadata":    map[string]any{"name": f.name},
		"environment": map[string]any{"reproducible": false, "internet": false, "aleph_api": false, "shared_cache": false},
		"resources":   map[string]any{"vcpus": 1, "memory": 256, "seconds": 30},
		"code": map[string]any{
			"encoding": pack.Encoding, "entrypoint": pack.Entrypoint, "interface": pack.Interface, "ref": code, "use_latest": false,
		},
		"runtime": map[string]any{"ref": ref, "use_latest": false, "comment": f.runtime},
	})
	if err != nil {
		return "", err
	}
	p := Publisher{API: c.api, Connections: 1, Sync: true}
	answers, _, err := p.Publish(ctx, []*message.Message{m})
	if err != nil {
		return "", err
	}
	if answers[0].Status != message.StatusProcessed {
		return "", fmt.Errorf("program %s: HTTP %d, %q", m.ItemHash, answers[0].HTTP, answers[0].Status)
	}
	return c.process.Compute + "/vm/" + string(m.ItemHash) + "/", nil
}

// bareProgram runs the example without a sandbox and times its calls.
func (s *Suite) bareProgram(ctx context.Context, path string) (p Percentiles, err error) {
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		return p, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		return p, err
	}
	ctx, cancel := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, path)
	cmd.Env = []string{"PORT=" + strconv.Itoa(port)}
	if err := cmd.Start(); err != nil {
		cancel()
		return p, err
	}
	defer func() {
		cancel()
		_ = cmd.Wait() // it was killed
	}()
	url := fmt.Sprintf("http://localhost:%d/", port)
	for range 500 { // until it listens
		if _, err = call(ctx, &http.Client{Timeout: callTimeout}, url); err == nil {
			return s.calls(ctx, url)
		}
		select {
		case <-ctx.Done():
			return p, ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
	return p, fmt.Errorf("the bare program does not answer: %w", err)
}

// calls times calls, one after the other, on one connection.
func (s *Suite) calls(ctx context.Context, url string) (Percentiles, error) {
	c := &http.Client{Transport: &http.Transport{}, Timeout: callTimeout}
	defer c.CloseIdleConnections()
	took := make([]time.Duration, 0, s.Samples)
	for range s.Samples {
		t, err := call(ctx, c, url)
		if err != nil {
			return Percentiles{}, err
		}
		took = append(took, t)
	}
	return PercentilesOf(took), nil
}

// call makes one request and reads its answer.
func call(ctx context.Context, c *http.Client, url string) (time.Duration, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	begin := time.Now()
	res, err := c.Do(req)
	if err != nil {
		return 0, err
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	took := time.Since(begin)
	if err := errors.Join(err, res.Body.Close(), statusError(res)); err != nil {
		return 0, fmt.Errorf("GET %s: %w: %.500s", url, err, body)
	}
	return took, nil
}

package compute_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"aleph/internal/compute"
	"aleph/internal/compute/vm"
	"aleph/message"
)

// TestHostile runs programs that behave badly, side by side. Each caller gets
// a clear answer, and a healthy function answers all along.
func TestHostile(t *testing.T) {
	t.Parallel()
	c := start(t, func(cfg *compute.Config) {
		cfg.Machine.SetupTimeout = 12 * time.Second
		cfg.Log.FileBytes = 64 << 10
	})
	healthy := c.program(set("variables", "NAME", "healthy"))
	if status, body := c.get(healthy, "/"); status != 200 {
		t.Fatalf("the healthy function: %d %s", status, body)
	}
	mode := func(m string) func(map[string]any) { return set("variables", "MODE", m) }
	for name, test := range map[string]struct {
		change func(map[string]any)
		path   string
		status int
		want   []string
	}{
		"exits at once":   {mode("exit"), "/", 500, []string{"Error during vm initialisation", "exited with status 3"}},
		"dies in a call":  {mode("die"), "/die", 502, []string{"VM did not respond and was shut down\n"}},
		"sleeps forever":  {set("resources", "seconds", 1), "/sleep", 504, []string{"Program did not respond within `resource.seconds`"}},
		"eats memory":     {mode("eat"), "/eat", 502, []string{"VM did not respond and was shut down\n", "exceeded its memory of 128 MiB"}},
		"floods its log":  {mode("flood"), "/", 200, []string{"GET /"}},
		"unknown code":    {set("code", "ref", strings.Repeat("c", 64)), "/", 400, []string{"400: Code, runtime or data not available", strings.Repeat("c", 64)}},
		"unknown runtime": {set("runtime", "ref", strings.Repeat("d", 64)), "/", 400, []string{"400: Code, runtime or data not available"}},
		"wrong entry point": {func(content map[string]any) {
			set("code", "encoding", "zip")(content)
		}, "/", 400, []string{"400: Code, runtime or data not available", "not a zip file"}},
		"too much memory": {set("resources", "memory", 100_000), "/", 503, []string{"This CRN cannot host the requested workload at this time.", "100000 MiB"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := c.in(t)
			hash := c.program(func(content map[string]any) {
				set("variables", "NAME", name)(content)
				test.change(content)
			})
			status, body := c.get(hash, test.path)
			if status != test.status {
				t.Errorf("status %d, want %d", status, test.status)
			}
			for _, w := range test.want {
				if !strings.Contains(body, w) && !strings.Contains(body, strings.ReplaceAll(w, "\n", `\n`)) {
					t.Errorf("body %q, want it to hold %q", body, w)
				}
			}
			// What a program prints is for its owner, who asks for the log.
			if printed := "about to exit with 3"; name == "exits at once" {
				entries, _ := c.host.Log(hash)
				if strings.Contains(body, printed) || !slices.ContainsFunc(entries, func(e vm.Entry) bool { return strings.Contains(e.Text, printed) }) {
					t.Errorf("body %q, log %v: want %q in the log only", body, entries, printed)
				}
			}
			if status, body := c.get(healthy, "/"); status != 200 {
				t.Errorf("the healthy function afterwards: %d %s", status, body)
			}
		})
	}
	t.Run("never listens", func(t *testing.T) {
		t.Parallel()
		c := c.in(t)
		hash := c.program(mode("deaf"))
		status, body := c.get(hash, "/")
		if status < 500 || body == "" {
			t.Errorf("a program that never listens: %d %q", status, body)
		}
		t.Log(status, body)
	})
	t.Run("fork bomb", func(t *testing.T) {
		t.Parallel()
		c := c.in(t)
		hash := c.program(set("variables", "NAME", "forks"))
		status, body := c.get(hash, "/fork")
		if status == 0 || body == "" {
			t.Errorf("a fork bomb: %d %q", status, body)
		}
		t.Log(status, body)
		if status, body := c.get(healthy, "/"); status != 200 {
			t.Errorf("the healthy function afterwards: %d %s", status, body)
		}
	})
	t.Run("huge response", func(t *testing.T) {
		t.Parallel()
		c := c.in(t)
		hash := c.program(set("resources", "seconds", 2))
		res, err := c.send(http.MethodGet, hash, "/huge", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		n, err := io.Copy(io.Discard, res.Body)
		if err == nil {
			t.Errorf("an endless response ended well after %d bytes", n)
		}
		t.Logf("%d bytes, then: %v", n, err)
		if status, body := c.get(hash, "/"); status != 200 {
			t.Errorf("the function afterwards: %d %s", status, body)
		}
	})
	t.Run("slow body", func(t *testing.T) {
		t.Parallel()
		c := c.in(t)
		hash := c.program(func(content map[string]any) {
			set("resources", "seconds", 2)(content)
			set("variables", "NAME", "slow body")(content)
		})
		c.get(hash, "/")
		r, w := io.Pipe()
		defer func() { _ = w.Close() }()
		begun := time.Now()
		status, body := c.do("POST", hash, "/write?path=/tmp/x", r)
		if status != 504 {
			t.Errorf("a request whose body never comes: %d %s", status, body)
		}
		if took := time.Since(begun); took > 8*time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

// in is the same cloud for a subtest.
func (c *cloud) in(t *testing.T) *cloud {
	other := *c
	other.t = t
	return &other
}

// TestCrashLoop starts a program that cannot start over and over: the host
// answers from memory, then tries again.
func TestCrashLoop(t *testing.T) {
	t.Parallel()
	c := start(t, func(cfg *compute.Config) { cfg.FailureMin, cfg.FailureMax = time.Hour, time.Hour })
	hash := c.program(set("variables", "MODE", "exit"))
	call := func() (status int, retry string, answer map[string]string) {
		res, err := c.send(http.MethodGet, hash, "/", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, res.Header.Get("Retry-After"), answer
	}
	_, retry, first := call()
	if retry != "" {
		t.Errorf("the first call: Retry-After %s", retry)
	}
	status, retry, second := call()
	if seconds, err := strconv.Atoi(retry); status != 500 || err != nil || seconds < 1 || seconds > 3600 {
		t.Errorf("the second call: %d, Retry-After %q", status, retry)
	}
	reason, again, _ := strings.Cut(second["details"], "\nthe host remembers")
	if reason != first["details"] || !strings.Contains(again, "try again in "+retry+" s") {
		t.Errorf("the second call: %q, want %q and when it is tried again", second["details"], first["details"])
	}
	if got := c.starts(); got != 1 {
		t.Errorf("%d starts, want 1", got)
	}
}

// starts counts the starts of machines.
func (c *cloud) starts() (n int) {
	c.t.Helper()
	families, err := c.metrics.Gather()
	if err != nil {
		c.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "aleph_compute_start_seconds" {
			for _, m := range f.GetMetric() {
				n += int(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return n
}

// TestNoSandbox asks a host that has no runsc.
func TestNoSandbox(t *testing.T) {
	t.Parallel()
	c := start(t, func(cfg *compute.Config) { cfg.GVisor.Binary = "runsc-is-not-here" })
	status, body := c.get(c.program(nil), "/")
	if status != 503 || !strings.Contains(body, "runsc-is-not-here was not found; install it") {
		t.Errorf("%d %s", status, body)
	}
}

// TestSingleFlight calls a cold function many times at once.
func TestSingleFlight(t *testing.T) {
	t.Parallel()
	c := start(t, nil)
	hash := c.program(nil)
	type result struct {
		status int
		body   string
	}
	results := make(chan result)
	const calls = 40
	for range calls {
		go func() {
			status, body := c.get(hash, "/")
			results <- result{status, body}
		}()
	}
	for range calls {
		if r := <-results; r.status != 200 {
			t.Errorf("%d %s", r.status, r.body)
		}
	}
	if got := c.starts(); got != 1 {
		t.Errorf("%d starts for %d calls", got, calls)
	}
}

// TestRefused checks references that are no functions.
func TestRefused(t *testing.T) {
	t.Parallel()
	c := start(t, nil)
	post := c.node.publish(message.TypePost, map[string]any{"type": "t", "content": map[string]any{}})
	for path, want := range map[string]struct {
		status int
		text   string
	}{
		"/vm/nonsense":                   {400, `{"error":"Invalid message reference: nonsense"}`},
		"/vm/" + string(post):            {400, "400: Message is not a program"},
		"/vm/" + strings.Repeat("e", 64): {500, "500: Unhandled error during initialisation"},
		"/about/nothing":                 {404, `{"error":"404: Not Found"}`},
		"/control/machine/xyz/stop":      {404, "404: Not Found"},
		"/nothing":                       {404, "404: Invalid message reference"},
	} {
		req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, c.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != want.status || !strings.Contains(string(b), want.text) {
			t.Errorf("%s: %d %s, want %d %s", path, res.StatusCode, b, want.status, want.text)
		}
		if got := res.Header.Get("Server"); got != "aleph-vm/1.0.0" {
			t.Errorf("%s: Server %q", path, got)
		}
	}
}

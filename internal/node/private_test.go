package node_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"aleph/internal/node"
	"aleph/message"
)

// start runs a node with a private port until the test ends.
func start(t *testing.T, reg *prometheus.Registry) *node.Node {
	t.Helper()
	cfg := node.DefaultConfig(t.TempDir())
	cfg.Listen, cfg.PrivateListen = "127.0.0.1:0", "127.0.0.1:0"
	n, err := node.New(cfg, message.PublicNetwork(), slog.New(slog.DiscardHandler), reg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	select {
	case <-n.Ready():
	case err := <-ended:
		ended <- nil
		t.Fatal(err)
	}
	return n
}

func code(t *testing.T, url string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.StatusCode
}

// TestPrivatePort asks both ports for what only one of them has.
func TestPrivatePort(t *testing.T) {
	t.Parallel()
	n := start(t, prometheus.NewRegistry())
	private, public := "http://"+n.PrivateAddr().String(), "http://"+n.Addr().String()
	for path, want := range map[string][2]int{ // on the private port, on the public one
		"/debug/pprof/":                  {http.StatusOK, http.StatusNotFound},
		"/debug/pprof/heap?debug=1":      {http.StatusOK, http.StatusNotFound},
		"/debug/pprof/goroutine?debug=1": {http.StatusOK, http.StatusNotFound},
		"/metrics":                       {http.StatusOK, http.StatusOK},
		"/health":                        {http.StatusOK, http.StatusOK},
		"/api/v0/messages.json":          {http.StatusNotFound, http.StatusOK},
	} {
		if got := [2]int{code(t, private+path), code(t, public+path)}; got != want {
			t.Errorf("%s: got %v, want %v", path, got, want)
		}
	}
	// A profile cannot take longer than its answer may.
	if got := code(t, private+"/debug/pprof/profile?seconds=600"); got != http.StatusBadRequest {
		t.Errorf("a profile of ten minutes: got %d", got)
	}
	body := get(t, public+"/health")
	var health struct{ Parts []struct{ Part string } }
	if err := json.Unmarshal([]byte(body), &health); err != nil {
		t.Fatal(err)
	}
	var parts []string
	for _, p := range health.Parts {
		parts = append(parts, p.Part)
	}
	if diff := cmp.Diff([]string{"database", "disk", "files", "pending", "queue"}, parts); diff != "" {
		t.Errorf("parts of the health (-want +got):\n%s", diff)
	}
}

func TestPrivatePortIsPrivate(t *testing.T) {
	t.Parallel()
	for listen, good := range map[string]bool{
		"": true, "localhost:0": true, "127.0.0.1:0": true, "[::1]:4026": true, "10.1.2.3:4026": true, "[fd00::1]:4026": true,
		":4026": false, "0.0.0.0:4026": false, "[::]:4026": false, "192.0.2.1:4026": false, "example.org:4026": false, "127.0.0.1": false,
	} {
		cfg := node.DefaultConfig(t.TempDir())
		cfg.PrivateListen = listen
		_, err := node.New(cfg, message.PublicNetwork(), slog.New(slog.DiscardHandler), prometheus.NewRegistry())
		if (err == nil) != good {
			t.Errorf("%q: %v", listen, err)
		}
	}
}

// TestMetricsAreDocumented compares what a running node exports with the list for
// operators.
func TestMetricsAreDocumented(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	publish(t, "http://"+start(t, reg).Addr().String())
	exported := map[string]bool{}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		exported[family.GetName()] = true
	}
	// Those with labels that nothing has happened to yet are only described.
	described := make(chan *prometheus.Desc, 1000)
	reg.Describe(described)
	close(described)
	for desc := range described {
		exported[regexp.MustCompile(`fqName: "([^"]+)"`).FindStringSubmatch(desc.String())[1]] = true
	}
	document, err := os.ReadFile("../../docs/operating-node.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for line := range strings.Lines(string(document)) {
		if row := regexp.MustCompile("^\\| `((?:aleph|pyaleph)_[a-z_]+)`").FindStringSubmatch(line); row != nil {
			listed[row[1]] = true
		}
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(exported)), slices.Sorted(maps.Keys(listed))); diff != "" {
		t.Errorf("metrics in docs/operating-node.md (-exported +listed):\n%s", diff)
	}
}

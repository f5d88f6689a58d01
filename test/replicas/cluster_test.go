package replicas_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"aleph/internal/local/spawn"
	"aleph/internal/node"
	"aleph/message"
	"aleph/test/postgres"
	"aleph/test/redis"
)

var seed = flag.Uint64("seed", uint64(time.Now().UnixNano()), "seed of the messages")

// binary is the program under test.
var binary string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "aleph-replicas-")
	if err == nil {
		defer func() { _ = os.RemoveAll(dir) }()
		binary, err = spawn.Build(context.Background(), dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// patience bounds the wait for anything that must happen.
const patience = time.Minute

// cluster is what the processes of a node share, and the processes.
type cluster struct {
	t        *testing.T
	dir      string
	database string
	server   *postgres.Server
	redis    *redis.Server
	store    *goredis.Client
	members  []*member
	// balancer is the URL that the clients know.
	balancer string
	next     atomic.Int64
}

// member is one process, which may have been killed.
type member struct {
	*spawn.Cloud
	alive atomic.Bool
}

// newCluster starts a node of n processes, with some more configuration.
func newCluster(t *testing.T, n int, configuration string) *cluster {
	t.Helper()
	c := &cluster{t: t, dir: t.TempDir()}
	err := os.WriteFile(c.configFile(), []byte(configuration), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if c.server, err = postgres.Start(t.Context(), postgres.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { check(t, c.server.Close()) })
	if c.redis, err = redis.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { check(t, c.redis.Close()) })
	options, err := goredis.ParseURL(c.redis.URL())
	if err != nil {
		t.Fatal(err)
	}
	c.store = goredis.NewClient(options)
	t.Cleanup(func() { check(t, c.store.Close()) })
	if err := c.server.Exec(t.Context(), "postgres", "CREATE DATABASE node"); err != nil {
		t.Fatal(err)
	}
	c.database = c.server.URL("node")
	c.writeNetwork()
	for range n {
		c.start()
	}
	balancer := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:   func(p *httputil.ProxyRequest) { p.SetXForwarded(); p.Out.URL.Scheme, p.Out.URL.Host = "http", "member" },
		Transport: c,
	})
	t.Cleanup(balancer.Close)
	c.balancer = balancer.URL
	return c
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

// writeNetwork describes a network on which files cost nothing.
func (c *cluster) writeNetwork() {
	c.t.Helper()
	n := message.PublicNetwork()
	n.Name, n.Cutoffs = "replicas", message.Cutoffs{}
	text, err := json.Marshal(n)
	if err == nil {
		err = os.WriteFile(c.networkFile(), text, 0o600)
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *cluster) networkFile() string { return filepath.Join(c.dir, "network.json") }
func (c *cluster) configFile() string  { return filepath.Join(c.dir, "node.yaml") }

// start adds a process.
func (c *cluster) start() *member {
	c.t.Helper()
	var log tail
	c.t.Cleanup(func() {
		if c.t.Failed() {
			c.t.Logf("log of a process:\n%s", log.String())
		}
	})
	p, err := spawn.Start(context.WithoutCancel(c.t.Context()), spawn.Options{
		Binary: binary, Stderr: &log, Command: "node", Args: []string{
			"--role", string(node.RoleAPI), "--listen", "127.0.0.1:0", "--data-dir", filepath.Join(c.dir, "data"), "--files", filepath.Join(c.dir, "files"),
			"--database", c.database, "--redis", c.redis.URL(), "--network", c.networkFile(), "--config", c.configFile(),
		},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	m := &member{Cloud: p}
	m.alive.Store(true)
	c.t.Cleanup(m.Kill)
	c.members = append(c.members, m)
	return m
}

// kill ends a process as a power cut would.
func (c *cluster) kill(m *member) {
	m.alive.Store(false)
	m.Kill()
}

// leader returns the process that takes messages in, once there is one.
func (c *cluster) leader() *member {
	c.t.Helper()
	var found *member
	c.await("a leader", func() bool {
		var at struct {
			URL string `json:"url"`
		}
		text, err := c.store.Get(c.t.Context(), "aleph:leader").Bytes()
		if err != nil || json.Unmarshal(text, &at) != nil {
			return false
		}
		for _, m := range c.members {
			if m.API == at.URL && m.alive.Load() {
				found = m
				return true
			}
		}
		return false
	})
	return found
}

// follower returns a process that does not lead.
func (c *cluster) follower() *member {
	leader := c.leader()
	for _, m := range c.members {
		if m != leader && m.alive.Load() {
			return m
		}
	}
	c.t.Fatal("no process follows")
	return nil
}

// await waits until something has happened.
func (c *cluster) await(what string, happened func() bool) {
	c.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for !happened() {
		select {
		case <-tick.C:
		case <-limit.C:
			c.t.Fatalf("%s: not within %s", what, patience)
		}
	}
}

// RoundTrip implements [http.RoundTripper] for the balancer: processes take
// turns, and one that cannot be connected to is left out.
func (c *cluster) RoundTrip(r *http.Request) (*http.Response, error) {
	var failed error
	for range c.members {
		m := c.members[int(c.next.Add(1))%len(c.members)]
		if !m.alive.Load() {
			continue
		}
		to, err := url.Parse(m.API)
		if err != nil {
			return nil, err
		}
		out := r.Clone(r.Context())
		out.URL.Host = to.Host
		res, err := http.DefaultTransport.RoundTrip(out)
		if err == nil {
			return res, nil
		}
		failed = err
		if op, ok := err.(*net.OpError); !ok || op.Op != "dial" { //nolint:errorlint // as the transport returns it
			return nil, err
		}
	}
	return nil, failed
}

// tail keeps the end of what a process writes.
type tail struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *tail) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *tail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := l.b.Bytes()
	return string(text[max(0, len(text)-4000):])
}

// get returns the status and the body of a URL.
func get(t *testing.T, url string) (int, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, body
}

// command runs the program and returns what it says.
func command(t *testing.T, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, binary, args...).CombinedOutput()
	return string(out), err
}

package crash_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"aleph/internal/bench"
	"aleph/test/postgres"
)

// newServer starts a PostgreSQL server that keeps what it has committed.
func newServer(t *testing.T) *postgres.Server {
	t.Helper()
	s, err := postgres.Start(t.Context(), postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// newDatabase makes an empty database and returns its URL.
func newDatabase(t *testing.T, s *postgres.Server) string {
	t.Helper()
	const name = "cloud"
	if err := s.Exec(t.Context(), "postgres", "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	return s.URL(name)
}

// outageLimit bounds the wait until the cloud has noticed something.
const outageLimit = time.Minute

// TestDatabaseGoesAway ends the PostgreSQL server in the middle of load, once as
// an operator would and once as a crash, and starts it again: meanwhile the
// cloud says that it is unwell and refuses, and then it goes on by itself.
func TestDatabaseGoesAway(t *testing.T) {
	t.Parallel()
	server := newServer(t)
	at := place{t.TempDir(), newDatabase(t, server)}
	g, err := bench.NewGenerator(*seed, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	l := newLedger()
	w := &workload{g: g, l: l, rng: rand.New(rand.NewPCG(*seed, 3))}
	c := start(t, at)
	for name, halt := range map[string]func() error{"stopped": server.Stop, "crashed": server.Crash} {
		halted := make(chan error, 1)
		batch := w.batch(t, 1000)
		l.whenAcknowledged(100+w.rng.IntN(300), func() { halted <- halt() })
		w.publish(t.Context(), c.API, batch)
		if err := <-halted; err != nil {
			t.Fatal(err)
		}
		text := awaitHealth(t, c.API, http.StatusServiceUnavailable)
		if !strings.Contains(text, "database") || strings.Contains(text, server.Password()) {
			t.Errorf("%s: the health is %s", name, text)
		}
		for _, path := range []string{"/api/v0/messages.json", "/api/v0/messages/" + strings.Repeat("ab", 32)} {
			if status, body := look(t, c.API+path); status != http.StatusServiceUnavailable {
				t.Errorf("%s: %s answers %d: %s", name, path, status, body)
			}
		}
		if err := server.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		awaitHealth(t, c.API, http.StatusOK)
		result := l.check(t.Context(), t, c.API, allBatches)
		t.Logf("%s: %d messages were acknowledged, %d lost", name, result.acknowledged, result.lost)
	}
	w.repeat(t, c.API)
	l.checkOnce(t.Context(), t, c.API, g.Key().Address())
	if err := c.Stop(30 * time.Second); err != nil {
		t.Error(err)
	}
}

// TestConnectionsAreKilled ends all connections to the database again and again
// while messages are published.
func TestConnectionsAreKilled(t *testing.T) {
	t.Parallel()
	server := newServer(t)
	at := place{t.TempDir(), newDatabase(t, server)}
	g, err := bench.NewGenerator(*seed, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	l := newLedger()
	w := &workload{g: g, l: l, rng: rand.New(rand.NewPCG(*seed, 4))}
	c := start(t, at)
	for range 3 {
		batch := w.batch(t, 600)
		ctx, cancel := context.WithCancel(t.Context())
		killed := make(chan error, 1)
		go func() { killed <- killConnections(ctx, server) }()
		w.publish(t.Context(), c.API, batch)
		cancel()
		if err := <-killed; err != nil {
			t.Fatal(err)
		}
		awaitHealth(t, c.API, http.StatusOK)
		result := l.check(t.Context(), t, c.API, allBatches)
		t.Logf("%d messages were acknowledged, %d lost", result.acknowledged, result.lost)
	}
	w.repeat(t, c.API)
	l.checkOnce(t.Context(), t, c.API, g.Key().Address())
}

// killConnections ends the connections of clouds until ctx ends.
func killConnections(ctx context.Context, server *postgres.Server) error {
	tick := time.NewTicker(70 * time.Millisecond)
	defer tick.Stop()
	for {
		err := server.Exec(context.WithoutCancel(ctx), "postgres",
			"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'aleph'")
		if err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// TestOneCloudPerDatabase starts a second cloud, with a folder of its own, on a
// database that is in use.
func TestOneCloudPerDatabase(t *testing.T) {
	t.Parallel()
	server := newServer(t)
	database := newDatabase(t, server)
	first := start(t, place{t.TempDir(), database})
	_, err := tryStart(t, place{t.TempDir(), database})
	if err == nil || !strings.Contains(err.Error(), "another node is using this database") {
		t.Fatalf("two clouds on one database: %v", err)
	}
	if strings.Contains(err.Error(), server.Password()) {
		t.Errorf("the password is shown: %v", err)
	}
	first.Kill() // the lock goes with the process
	if err := start(t, place{t.TempDir(), database}).Stop(30 * time.Second); err != nil {
		t.Error(err)
	}
}

// awaitHealth waits until the cloud says that it is well, or that it is not, and
// returns what it says.
func awaitHealth(t *testing.T, api string, want int) string {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(outageLimit)
	for {
		status, text := look(t, api+"/health")
		if status == want {
			return text
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("the health is %d after %s, want %d: %s", status, outageLimit, want, text)
		}
	}
}

// look returns the status and the body of an answer.
func look(t *testing.T, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		t.Fatal(fmt.Errorf("%s: %w", url, err))
	}
	return res.StatusCode, string(body)
}

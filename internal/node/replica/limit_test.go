package replica_test

import (
	"log/slog"
	"testing"
	"time"

	"aleph/internal/node/limit"
	"aleph/internal/node/replica"
	"aleph/internal/telemetry"
	"aleph/test/redis"
)

// TestLimitIsCommon lets two members count one caller.
func TestLimitIsCommon(t *testing.T) {
	t.Parallel()
	server, err := redis.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	var members []*replica.Limiter
	for range 2 {
		cfg := replica.DefaultConfig()
		cfg.URL = server.URL()
		m, err := replica.New(cfg, replica.Deps{Address: "http://127.0.0.1:1", Log: slog.New(slog.DiscardHandler), Health: new(telemetry.Health)})
		if err != nil {
			t.Fatal(err)
		}
		own, err := limit.NewMemory(100, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		members = append(members, m.Limiter(own))
	}
	// A token comes back in 1,000 s: no time that a test takes counts.
	slow := limit.Bucket{Name: "uploads", PerSecond: 0.001, Burst: 5}
	take := func(member int, b limit.Bucket, key string, cost float64, refused bool) {
		t.Helper()
		after, err := members[member].Take(t.Context(), b, key, cost)
		if err != nil || (after > 0) != refused || after > 5000*time.Second {
			t.Errorf("member %d takes %v of %s: wait %s, %v; refused: want %v", member, cost, key, after, err, refused)
		}
	}
	take(0, slow, "a", 3, false)
	take(1, slow, "a", 0, false) // asks only
	take(1, slow, "a", 2, false)
	take(0, slow, "a", 1, true)
	take(1, slow, "a", 0, true)
	take(1, slow, "b", 100, false) // more than the burst is the burst
	take(0, slow, "b", 1, true)
	take(0, limit.Bucket{Name: "senders", PerSecond: 0.001, Burst: 1}, "a", 1, false)
	reads := limit.Bucket{Name: limit.Reads, PerSecond: 0.001, Burst: 1}
	take(0, reads, "a", 1, false) // each member counts its own
	take(1, reads, "a", 1, false)
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	take(0, slow, "a", 5, false) // and everything while Redis is away
	take(0, slow, "a", 1, true)
}

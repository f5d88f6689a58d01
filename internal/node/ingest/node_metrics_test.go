package ingest_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"aleph/account"
	"aleph/internal/node/ingest"
	"aleph/internal/node/store"
	"aleph/message"
)

// TestNodeMetrics posts measurements by and besides the authority, forgets some
// and lets the rest grow old. // spec messages 8.3
func TestNodeMetrics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		scoring, delegate, stranger := newKey(t), newKey(t), newKey(t)
		begin := time.Date(2026, 3, 31, 23, 0, 0, 0, time.UTC)
		var later atomic.Int64 // how far the clock is ahead of begin
		n := start(t, func(_ *ingest.Config, _ *store.Config, d *ingest.Deps) {
			a := &d.Rules.Network.Authorities
			a.Metrics, a.MetricsChannel = []message.Address{scoring.Address()}, "scores"
			d.Now = func() time.Time { return begin.Add(time.Duration(later.Load())) }
		})
		defer n.stop()
		clean := func(at time.Time) {
			t.Helper()
			later.Store(int64(at.Sub(begin)))
			if err := n.Clean(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		n.put(t, sign(t, scoring, message.TypeAggregate, 0, map[string]any{
			"key": "security", "content": map[string]any{"authorizations": []any{map[string]any{"address": delegate.Address()}}},
		}))
		number := 0.0
		post := func(k *account.Key, owner message.Address, typ, channel string, at time.Time) message.Hash {
			t.Helper()
			number++
			seconds := float64(at.UnixMicro()) / 1e6
			m := sign(t, k, message.TypePost, number, map[string]any{
				"address": owner, "type": typ, "content": map[string]any{"metrics": map[string]any{
					"ccn": []any{
						map[string]any{"node_id": "core", "measured_at": seconds, "base_latency": 0.25, "pending_messages": number},
						map[string]any{"node_id": "", "measured_at": seconds},
					},
					"crn": []any{map[string]any{"node_id": "compute", "measured_at": seconds, "full_check_latency": "1.5", "base_latency": nil}},
				}},
			})
			if channel != "" {
				m.Channel = &channel
			}
			if res := n.put(t, m); res.Status != message.StatusProcessed {
				t.Fatalf("post of %s: %+v", typ, res)
			}
			return m.ItemHash
		}
		const typ = message.NodeMetricsType
		first := post(scoring, scoring.Address(), typ, "scores", begin)
		second := post(delegate, scoring.Address(), typ, "scores", begin.Add(-time.Hour))
		old := post(scoring, scoring.Address(), typ, "scores", begin.AddDate(-1, 0, 0))
		// Without one of the three there is only a post.
		post(stranger, stranger.Address(), typ, "scores", begin)
		post(delegate, delegate.Address(), typ, "scores", begin)
		post(scoring, scoring.Address(), typ, "other", begin)
		post(scoring, scoring.Address(), typ, "", begin)
		post(scoring, scoring.Address(), "metrics", "scores", begin)

		checkMetrics(t, n, "", old, second, first)
		// An amend of measurements is a post like any other.
		number++
		amend := sign(t, scoring, message.TypePost, number, map[string]any{
			"type": "amend", "ref": string(first), "content": map[string]any{"metrics": map[string]any{}},
		})
		scores := "scores"
		amend.Channel = &scores
		n.put(t, amend)
		checkMetrics(t, n, "after an amend", old, second, first)

		n.put(t, sign(t, scoring, message.TypeForget, 100, map[string]any{"hashes": []any{second, amend.ItemHash}}))
		checkMetrics(t, n, "after one is forgotten", old, first)

		// Kept are twelve months before the current one.
		clean(begin)
		checkMetrics(t, n, "on the last day of the month a year later", old, first)
		clean(begin.Add(time.Hour))
		checkMetrics(t, n, "on the first day of the next month", first)
		clean(begin.AddDate(1, 0, 0))
		checkMetrics(t, n, "a year later", first)
		clean(begin.AddDate(1, 0, 1))
		checkMetrics(t, n, "a year and a day later")
		if n.status(t, first) != message.StatusProcessed {
			t.Error("the post went with its measurements")
		}
	})
}

// checkMetrics compares the posts whose measurements are recorded, the oldest
// measurement first.
func checkMetrics(t *testing.T, n *testNode, when string, want ...message.Hash) {
	t.Helper()
	in := store.MetricsRange{NodeID: "core", To: message.TimestampOf(time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC))}
	core, err := n.db.CoreMetrics(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	in.NodeID = "compute"
	compute, err := n.db.ComputeMetrics(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	var got, gotCompute []message.Hash
	for _, m := range core {
		got = append(got, m.ItemHash)
		if f := m.Figures; f.BaseLatency == nil || *f.BaseLatency != 0.25 || f.PendingMessages == nil || f.MetricsLatency != nil {
			t.Errorf("%s: figures %+v", when, f)
		}
	}
	for _, m := range compute {
		gotCompute = append(gotCompute, m.ItemHash)
		if f := m.Figures; f.BaseLatency != nil || f.FullCheckLatency == nil || *f.FullCheckLatency != 1.5 {
			t.Errorf("%s: figures %+v", when, f)
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) || fmt.Sprint(gotCompute) != fmt.Sprint(want) {
		t.Errorf("%s: measurements of %v and %v, want %v", when, got, gotCompute, want)
	}
}

package ingest_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"aleph/internal/node/ingest"
	"aleph/internal/node/store"
	"aleph/message"
)

// longest makes every delay as long as the policy allows.
func longest(_ *ingest.Config, _ *store.Config, d *ingest.Deps) {
	d.Rand = func() float64 { return 1 }
}

// TestRetryDelays watches a message that waits in vain: eleven attempts, at
// the delays of the specification. // spec messages 4.5
func TestRetryDelays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := start(t, longest)
		defer n.stop()
		events, cancel := n.Subscribe(100)
		defer cancel()
		begin := time.Now()
		n.put(t, sign(t, newKey(t), message.TypePost, 1, map[string]any{
			"type": "amend", "ref": string(message.HashOf([]byte("never"))), "content": 1,
		}))
		var delays []time.Duration
		last := begin
		for e := range events {
			if now := time.Now(); now != begin {
				delays = append(delays, now.Sub(last).Round(time.Second))
				last = now
			}
			if e.Kind == ingest.EventRejected {
				break
			}
		}
		var want []time.Duration
		for _, s := range []int{1, 2, 4, 8, 16, 32, 64, 128, 256, 300} {
			want = append(want, time.Duration(s)*time.Second)
		}
		if !slices.Equal(delays, want) {
			t.Errorf("delays %v, want %v", delays, want)
		}
	})
}

// TestEachStageHasItsBudget lets content arrive late, so that the fetching
// stage uses most of its attempts, and then the target of the amend.
func TestEachStageHasItsBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := start(t, longest)
		defer n.stop()
		alice := newKey(t)
		original := sign(t, alice, message.TypePost, 1, map[string]any{"type": "x", "content": 1})
		inline := sign(t, alice, message.TypePost, 2, map[string]any{"type": "amend", "ref": string(original.ItemHash), "content": 2})
		amend := seal(t, alice, &message.Message{
			Type: message.TypePost, ItemHash: inline.ItemHash, ItemType: message.ItemStorage, Time: inline.Time,
		})
		if res := n.put(t, amend); res.Status != message.StatusPending {
			t.Fatalf("without content: %v", res)
		}
		time.Sleep(500 * time.Second) // nine attempts
		n.file(t, inline.ItemContent)
		time.Sleep(400 * time.Second)
		rows, err := n.db.PendingOf(t.Context(), amend.ItemHash)
		if err != nil || len(rows) != 1 || !rows[0].Fetched || rows[0].Retries > 9 {
			t.Fatalf("with content: %+v %v", rows, err)
		}
		n.put(t, original)
		synctest.Wait()
		if s := n.status(t, amend.ItemHash); s != message.StatusProcessed {
			t.Errorf("with its target the amend is %s", s)
		}
	})
}

// TestRejectedIsTriedAfresh resubmits a rejected message. // spec messages 4.10
func TestRejectedIsTriedAfresh(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := start(t, longest)
		defer n.stop()
		m := sign(t, newKey(t), message.TypeStore, 1, map[string]any{
			"item_type": "storage", "item_hash": string(message.HashOf([]byte("late"))),
		})
		for range 2 {
			if res := n.put(t, m); res.Status != message.StatusPending || res.Known {
				t.Fatalf("got %+v", res)
			}
			if res := n.put(t, m); res.Status != message.StatusPending || !res.Known {
				t.Fatalf("a copy while pending: %+v", res)
			}
			time.Sleep(time.Hour)
			if s := n.status(t, m.ItemHash); s != message.StatusRejected {
				t.Fatalf("after all attempts: %s", s)
			}
		}
		n.file(t, "late")
		if res := n.put(t, m); res.Status != message.StatusProcessed {
			t.Errorf("with its file: %+v", res)
		}
		if p, err := n.db.CountPending(t.Context()); err != nil || p != 0 {
			t.Errorf("%d messages wait, %v", p, err)
		}
	})
}

// TestPendingSurvivesRestart stops a node with messages that wait.
func TestPendingSurvivesRestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	alice := newKey(t)
	original := sign(t, alice, message.TypePost, 1, map[string]any{"type": "x", "content": 1})
	amend := sign(t, alice, message.TypePost, 2, map[string]any{"type": "amend", "ref": string(original.ItemHash), "content": 2})
	n := startIn(t, dir)
	if res := n.put(t, amend); res.Status != message.StatusPending {
		t.Fatalf("got %v", res)
	}
	n.stop()
	n = startIn(t, dir)
	events, cancel := n.Subscribe(10)
	defer cancel()
	if n.put(t, original).Status != message.StatusProcessed {
		t.Fatal("the original is not processed")
	}
	for e := range events {
		if e.Hash == amend.ItemHash && e.Kind == ingest.EventProcessed {
			return
		}
	}
	t.Error("the amend was not resumed")
}

// TestTooManyPending bounds the messages that wait.
func TestTooManyPending(t *testing.T) {
	t.Parallel()
	n := start(t, func(c *ingest.Config, _ *store.Config, _ *ingest.Deps) { c.MaxPending = 2 })
	alice := newKey(t)
	for i := range 4 {
		m := sign(t, alice, message.TypeStore, float64(i), map[string]any{
			"item_type": "storage", "item_hash": string(message.HashOf([]byte("nobody has this"))),
		})
		res, err := n.Submit(t.Context(), m, ingest.OriginP2P)
		if i < 2 && (err != nil || res.Status != message.StatusPending) || i >= 2 && err == nil {
			t.Errorf("message %d: %v %v", i, res, err)
		}
	}
}

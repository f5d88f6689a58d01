package ingest_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"aleph/account"
	"aleph/internal/node/ingest"
	"aleph/internal/node/store"
	"aleph/message"
)

// TestPermissionsAreReadOnce lets delegates of one owner publish a batch: the
// authorizations are read once for all of it, and again when they have changed.
// // spec messages 5.2
func TestPermissionsAreReadOnce(t *testing.T) {
	t.Parallel()
	const posts = 100
	var reads, batches atomic.Int64
	begun, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	n := start(t, func(c *ingest.Config, s *store.Config, _ *ingest.Deps) {
		c.QueueSize, c.BatchSize = 4*posts, 4*posts
		s.Fault = func(name string) error {
			switch name {
			case "begin":
				batches.Add(1)
			case "message.insert":
				once.Do(func() { close(begun); <-release })
			case "aggregate.member":
				reads.Add(1)
			}
			return nil
		}
	})
	owner, delegate := newKey(t), newKey(t)
	// The first message holds the applier until all others are in the queue.
	var wait sync.WaitGroup
	submit := func(m *message.Message) {
		wait.Go(func() {
			if res := n.put(t, m); res.Status != message.StatusProcessed {
				t.Errorf("%s: %+v", m.ItemContent, res)
			}
		})
	}
	allow := func(at float64, who *account.Key) *message.Message {
		return sign(t, owner, message.TypeAggregate, at, map[string]any{
			"key": "security", "content": map[string]any{"authorizations": []any{map[string]any{"address": who.Address()}}},
		})
	}
	submit(allow(0, delegate))
	<-begun
	for i := range posts {
		submit(sign(t, delegate, message.TypePost, float64(i), map[string]any{"address": owner.Address(), "type": "x", "content": i}))
	}
	for n.State().Queued < posts {
		if t.Context().Err() != nil {
			t.Fatal("the queue does not fill")
		}
	}
	close(release)
	wait.Wait()
	if r, b := reads.Load(), batches.Load(); r > b {
		t.Errorf("authorizations were read %d times in %d batches", r, b)
	}
}

// TestImmutableVPrograms turns the switch of later schema revisions on.
// // spec messages Q-09
func TestImmutableVPrograms(t *testing.T) {
	t.Parallel()
	for _, strict := range []bool{false, true} {
		n := start(t, func(_ *ingest.Config, _ *store.Config, d *ingest.Deps) { d.Rules.Network.ImmutableVPrograms = strict })
		for _, amend := range []bool{false, true} {
			content := map[string]any{
				"allow_amend": amend, "runtime": map[string]any{"ref": knownRuntime},
				"workload": map[string]any{"ref": knownRuntime, "hash_tree": knownRuntime, "roothash": knownRuntime},
			}
			for name, v := range required[message.TypeVProgram] {
				if _, given := content[name]; !given {
					content[name] = v
				}
			}
			res := n.put(t, sign(t, newKey(t), message.TypeVProgram, 1, content))
			refused := res.Rejection != nil && res.Rejection.Code == message.CodeInvalidFormat
			if refused != (strict && amend) || !refused && res.Status != message.StatusProcessed {
				t.Errorf("strict %t, allow_amend %t: %+v", strict, amend, res)
			}
		}
	}
}

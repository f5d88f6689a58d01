package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"aleph/internal/node/ingest"
	"aleph/internal/node/store"
	"aleph/message"
)

// faults makes statements of the store fail by name.
type faults struct {
	mu  sync.Mutex
	err map[string]error
	hit map[string]int
}

func (f *faults) option(_ *ingest.Config, s *store.Config, _ *ingest.Deps) {
	s.Fault = func(name string) error {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.hit == nil {
			f.hit = map[string]int{}
		}
		f.hit[name]++
		return f.err[name]
	}
}

func (f *faults) set(name string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = map[string]error{}
	}
	f.err[name] = err
}

// submitAll submits messages at once and returns the outcomes in their order.
func submitAll(t *testing.T, n *testNode, list []*message.Message) []ingest.Result {
	t.Helper()
	results := make([]ingest.Result, len(list))
	var wait sync.WaitGroup
	for i, m := range list {
		wait.Go(func() {
			var err error
			if results[i], err = n.Submit(context.Background(), m, ingest.OriginP2P); err != nil {
				t.Errorf("message %d: %v", i, err)
			}
		})
	}
	wait.Wait()
	return results
}

// TestPoisonedMessageHurtsNobodyElse makes every AGGREGATE fail in the store,
// in a batch with posts.
func TestPoisonedMessageHurtsNobodyElse(t *testing.T) {
	t.Parallel()
	var f faults
	n := start(t, f.option)
	f.set("element.insert", errors.New("a statement nobody expected to fail"))
	alice := newKey(t)
	var list []*message.Message
	for i := range 40 {
		typ, content := message.TypePost, map[string]any{"type": "x", "content": i}
		if i%10 == 3 {
			typ, content = message.TypeAggregate, map[string]any{"key": "k", "content": map[string]any{"i": i}}
		}
		list = append(list, sign(t, alice, typ, float64(i), content))
	}
	for i, res := range submitAll(t, n, list) {
		want := message.StatusProcessed
		if i%10 == 3 {
			want = message.StatusPending // an unexpected failure is tried again. spec messages 4.5
		}
		if res.Status != want || n.status(t, list[i].ItemHash) != want {
			t.Errorf("message %d: %v, stored %v, want %v", i, res.Status, n.status(t, list[i].ItemHash), want)
		}
	}
	total, err := n.db.Count(t.Context(), store.CountFilter{Status: message.StatusProcessed})
	if err != nil || total != 36 {
		t.Errorf("counted %d processed, want 36: %v", total, err)
	}
	if _, err := n.db.Aggregate(t.Context(), store.AggregateKey{Owner: alice.Address(), Key: "k"}); !errors.Is(err, message.ErrNotFound) {
		t.Errorf("half of a failed message was kept: %v", err)
	}
	// The messages are not lost: once the store works, they are processed.
	f.set("element.insert", nil)
	events, cancel := n.Subscribe(100)
	defer cancel()
	for i := 3; i < 40; i += 10 {
		if n.status(t, list[i].ItemHash) == message.StatusProcessed {
			continue
		}
		for e := range events {
			if e.Hash == list[i].ItemHash && e.Kind == ingest.EventProcessed || n.status(t, list[i].ItemHash) == message.StatusProcessed {
				break
			}
		}
	}
}

// TestFullDiskRefusesAndRecovers makes the disk full at different moments.
func TestFullDiskRefusesAndRecovers(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"begin", "message.insert", "commit"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var f faults
			n := start(t, f.option)
			alice := newKey(t)
			f.set(name, store.ErrFull)
			m := sign(t, alice, message.TypePost, 1, map[string]any{"type": "x", "content": 1})
			if _, err := n.Submit(t.Context(), m, ingest.OriginP2P); !errors.Is(err, message.ErrUnavailable) {
				t.Fatalf("got %v, want unavailable", err)
			}
			if n.State().Writable {
				t.Error("the queue claims that the database can be written")
			}
			err := n.Upload(t.Context(), n.file(t, "file"), 4)
			if name != "message.insert" && !errors.Is(err, message.ErrUnavailable) {
				t.Errorf("upload: got %v, want unavailable", err)
			}
			if s := n.status(t, m.ItemHash); s != "" {
				t.Errorf("a refused message has status %s", s)
			}
			f.set(name, nil)
			if res := n.put(t, m); res.Status != message.StatusProcessed {
				t.Errorf("with space again: %v", res)
			}
			if !n.State().Writable {
				t.Error("the queue claims that the database cannot be written")
			}
		})
	}
}

// TestQueueRecoversWithoutTraffic lets the node find out by itself that the
// disk has space again.
func TestQueueRecoversWithoutTraffic(t *testing.T) {
	t.Parallel()
	var f faults
	n := start(t, f.option)
	f.set("commit", store.ErrFull)
	m := sign(t, newKey(t), message.TypePost, 1, map[string]any{"type": "x", "content": 1})
	if _, err := n.Submit(t.Context(), m, ingest.OriginP2P); !errors.Is(err, message.ErrUnavailable) {
		t.Fatalf("got %v, want unavailable", err)
	}
	f.set("commit", nil)
	for !n.State().Writable {
		n.Poke()
		if t.Context().Err() != nil {
			t.Fatal("still not writable")
		}
	}
}

// TestResultsBelongToTheirMessages submits many messages at once, good and bad,
// and copies of them.
func TestResultsBelongToTheirMessages(t *testing.T) {
	t.Parallel()
	n := start(t)
	alice, bob := newKey(t), newKey(t)
	var list []*message.Message
	for i := range 300 {
		content := map[string]any{"type": "x", "content": i}
		if i%3 == 1 {
			content["address"] = bob.Address() // not authorized
		}
		m := sign(t, alice, message.TypePost, float64(i), content)
		if i%3 == 2 {
			m.Signature = "0x" + strings.Repeat("00", 65)
		}
		list = append(list, m)
	}
	want := []message.Status{message.StatusProcessed, message.StatusRejected, message.StatusRejected}
	codes := []message.Code{0, message.CodePermissionDenied, message.CodeInvalidSignature}
	for i, res := range submitAll(t, n, append(list, list...)) {
		i %= 300
		if res.Status != want[i%3] {
			t.Errorf("message %d: %v, want %v", i, res.Status, want[i%3])
		}
		if i%3 > 0 && res.Rejection.Code != codes[i%3] {
			t.Errorf("message %d: %v, want %v", i, res.Rejection.Code, codes[i%3])
		}
	}
	total, err := n.db.Count(t.Context(), store.CountFilter{Sender: alice.Address(), Status: message.StatusProcessed})
	if err != nil || total != 100 {
		t.Errorf("counted %d: %v", total, err)
	}
}

// TestInvalidEnvelopes records what has a name and drops the rest.
func TestInvalidEnvelopes(t *testing.T) {
	t.Parallel()
	n := start(t)
	good := sign(t, newKey(t), message.TypePost, 1, map[string]any{"type": "x", "content": 1})
	n.put(t, good)
	hash := func(c string) string { return strings.Repeat(c, 64) }
	for _, c := range []struct {
		raw  string
		hash string
		want message.Status
	}{
		{`{"item_hash":"` + hash("a") + `","type":"NONSENSE"}`, hash("a"), message.StatusRejected},
		{`{"item_hash":"` + hash("b") + `","channel":"` + "\xff\xfe" + `"}`, hash("b"), message.StatusRejected},
		{`{"item_hash":"` + string(good.ItemHash) + `"}`, string(good.ItemHash), message.StatusProcessed},
		{`{"item_hash":"short"}`, "short", ""},
		{`{"item_hash":7}`, "7", ""},
		{`{}`, "", ""},
		{`not JSON`, "", ""},
		{fmt.Sprintf(`{"item_hash":"%s\u0000"}`, strings.Repeat("c", 63)), strings.Repeat("c", 63) + "\x00", ""},
	} {
		res, err := n.SubmitEnvelope(t.Context(), []byte(c.raw), ingest.Source{Origin: ingest.OriginP2P})
		if err != nil || res.Rejection == nil {
			t.Errorf("%s: %v %v", c.raw, res, err)
		}
		if got := n.status(t, message.Hash(c.hash)); got != c.want {
			t.Errorf("%s: status %q, want %q", c.raw, got, c.want)
		}
	}
}

package ingest_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"aleph/internal/node/ingest"
	"aleph/internal/node/store"
	"aleph/message"
)

// TestStopFinishesWhatWasAccepted stops a node under load: every answer must
// agree with what is stored.
func TestStopFinishesWhatWasAccepted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	n := startIn(t, dir)
	key := newKey(t)
	var list []*message.Message
	for i := range 400 {
		list = append(list, sign(t, key, message.TypePost, float64(i), map[string]any{"type": "x", "content": i}))
	}
	results := make([]error, len(list))
	var wait sync.WaitGroup
	half := make(chan struct{})
	for i, m := range list {
		wait.Go(func() {
			_, results[i] = n.Submit(context.Background(), m, ingest.OriginP2P)
			if i == 100 {
				close(half)
			}
		})
	}
	<-half
	n.stop()
	wait.Wait()
	if _, err := n.Submit(context.Background(), list[0], ingest.OriginP2P); !errors.Is(err, message.ErrUnavailable) {
		t.Errorf("after the stop: %v", err)
	}
	again := startIn(t, dir)
	accepted := 0
	for i, m := range list {
		stored := again.status(t, m.ItemHash) == message.StatusProcessed
		switch err := results[i]; {
		case err == nil:
			accepted++
			if !stored {
				t.Errorf("message %d was acknowledged and is not there", i)
			}
		case !errors.Is(err, message.ErrUnavailable):
			t.Errorf("message %d: %v", i, err)
		case stored:
			t.Errorf("message %d was refused and is there", i)
		}
	}
	t.Logf("%d of %d were accepted before the stop", accepted, len(list))
}

// TestStopTwiceAndEarly ends queues that have hardly begun.
func TestStopTwiceAndEarly(t *testing.T) {
	t.Parallel()
	n := start(t)
	n.stop()
	n.stop()
	if err := n.Run(t.Context()); err == nil {
		t.Error("a queue that has stopped runs again")
	}
}

// TestFullQueueBlocks fills the queue of a node that does not run.
func TestFullQueueBlocks(t *testing.T) {
	t.Parallel()
	var f faults
	blocked := make(chan struct{})
	release := make(chan struct{})
	var once sync.Once
	n := start(t, f.option, func(c *ingest.Config, s *store.Config, _ *ingest.Deps) {
		c.QueueSize, c.BatchSize = 1, 1
		inner := s.Fault
		s.Fault = func(name string) error {
			if name == "message.insert" {
				once.Do(func() { close(blocked); <-release })
			}
			return inner(name)
		}
	})
	key := newKey(t)
	post := func(i int) *message.Message {
		return sign(t, key, message.TypePost, float64(i), map[string]any{"type": "x", "content": i})
	}
	var wait sync.WaitGroup
	for i := range 2 { // one is being applied, one waits in the queue
		m := post(i)
		wait.Go(func() {
			if _, err := n.Submit(context.Background(), m, ingest.OriginP2P); err != nil {
				t.Error(err)
			}
		})
		if i == 0 {
			<-blocked
		}
	}
	for n.State().Queued == 0 {
		if t.Context().Err() != nil {
			t.Fatal("nothing in the queue")
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := n.Submit(ctx, post(2), ingest.OriginP2P); !errors.Is(err, context.Canceled) {
		t.Errorf("a full queue answers %v", err)
	}
	close(release)
	wait.Wait()
}

// TestSlowSubscriberIsDropped lets one subscriber sleep: the others and the
// queue go on.
func TestSlowSubscriberIsDropped(t *testing.T) {
	t.Parallel()
	n := start(t)
	slow, cancelSlow := n.Subscribe(2)
	defer cancelSlow()
	good, cancel := n.Subscribe(100)
	defer cancel()
	key := newKey(t)
	for i := range 5 {
		n.put(t, sign(t, key, message.TypePost, float64(i), map[string]any{"type": "x", "content": i}))
	}
	for range 5 {
		if e := <-good; e.Kind != ingest.EventProcessed || e.Message.Content == nil {
			t.Errorf("got %+v", e)
		}
	}
	got := 0
	for range slow {
		got++
	}
	if got != 2 {
		t.Errorf("the slow one got %d events before its channel was closed", got)
	}
	cancel()
	cancel()
	n.stop()
	late, _ := n.Subscribe(1)
	if _, open := <-late; open {
		t.Error("a stopped queue has events")
	}
}

package ingest_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"aleph/internal/node/ingest"
	"aleph/internal/node/store"
	"aleph/message"
)

// bodyOf returns a storage message with the content of an inline one, and a copy
// of it that a stranger has signed.
func bodyOf(t *testing.T) (content string, genuine, forged *message.Message) {
	t.Helper()
	alice := newKey(t)
	inline := sign(t, alice, message.TypePost, 1, map[string]any{"type": "x", "content": 1})
	m := &message.Message{Type: message.TypePost, ItemHash: inline.ItemHash, ItemType: message.ItemStorage, Time: inline.Time}
	other := *m
	return inline.ItemContent, seal(t, alice, m), seal(t, newKey(t), &other)
}

// TestForgedCopyWhilePending queues two copies of a message with different
// signatures, in both orders: the genuine one is processed. // Q-37
func TestForgedCopyWhilePending(t *testing.T) {
	t.Parallel()
	for _, forgedFirst := range []bool{false, true} {
		t.Run(fmt.Sprintf("forged first %v", forgedFirst), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n := start(t, longest)
				defer n.stop()
				content, genuine, forged := bodyOf(t)
				copies := []*message.Message{genuine, forged}
				if forgedFirst {
					copies = []*message.Message{forged, genuine}
				}
				for i, m := range copies {
					wantResult(t, fmt.Sprintf("copy %d", i), n.put(t, m), message.StatusPending, false)
					wantResult(t, "again", n.carry(t, m, chainTx("a", 10)), message.StatusPending, true)
				}
				time.Sleep(10 * time.Second)
				n.file(t, content)
				time.Sleep(time.Hour)
				row, err := n.db.Message(t.Context(), genuine.ItemHash)
				if err != nil || row.Message.Sender != genuine.Sender || row.Message.Signature != genuine.Signature {
					t.Fatalf("got %+v, %v", row, err)
				}
				if got := n.confirmed(t, genuine.ItemHash); got != "0xa@10 first 10 at 10" {
					t.Errorf("confirmed by %q", got)
				}
				if left, err := n.db.CountPending(t.Context()); err != nil || left != 0 {
					t.Errorf("%d messages wait, %v", left, err)
				}
				if _, err := n.db.Rejected(t.Context(), genuine.ItemHash); err == nil {
					t.Error("the forged copy left a record")
				}
			})
		})
	}
}

// TestOneCopyFailsTheOtherWaits rejects one copy for good while another one
// waits: the message still waits.
func TestOneCopyFailsTheOtherWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := start(t, longest)
		defer n.stop()
		alice := newKey(t)
		original := sign(t, alice, message.TypePost, 1, map[string]any{"type": "x", "content": 1})
		amend := sign(t, alice, message.TypePost, 2, map[string]any{"type": "amend", "ref": string(original.ItemHash), "content": 2})
		wantResult(t, "genuine", n.put(t, amend), message.StatusPending, false)
		forged := *amend
		wantResult(t, "forged", n.put(t, seal(t, newKey(t), &forged)), message.StatusPending, true, message.CodePermissionDenied)
		n.put(t, original)
		synctest.Wait()
		if s := n.status(t, amend.ItemHash); s != message.StatusProcessed {
			t.Errorf("the amend is %s", s)
		}
	})
}

// TestRelayTakesContentOut lets a copy come first whose content a relay has
// taken out, which the signature does not cover. // Q-35
func TestRelayTakesContentOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := start(t, longest)
		defer n.stop()
		inline := sign(t, newKey(t), message.TypePost, 1, map[string]any{"type": "x", "content": 1})
		stripped := *inline
		stripped.ItemType, stripped.ItemContent, stripped.Content = message.ItemStorage, "", nil
		wantResult(t, "stripped", n.put(t, &stripped), message.StatusPending, false)
		wantResult(t, "whole", n.put(t, inline), message.StatusProcessed, false)
		time.Sleep(time.Hour)
		if left, err := n.db.CountPending(t.Context()); err != nil || left != 0 || n.status(t, inline.ItemHash) != message.StatusProcessed {
			t.Errorf("%d messages wait, %v", left, err)
		}
		// One that has its content and must wait all the same is the same copy.
		amend := sign(t, newKey(t), message.TypePost, 2, map[string]any{"type": "amend", "ref": string(message.HashOf(nil)), "content": 1})
		stripped = *amend
		stripped.ItemType, stripped.ItemContent, stripped.Content = message.ItemStorage, "", nil
		wantResult(t, "stripped", n.put(t, &stripped), message.StatusPending, false)
		wantResult(t, "whole", n.put(t, amend), message.StatusPending, true)
	})
}

// TestContentExpiresBeforeItIsApplied removes the content of a message between
// the moment it is read and the moment it is applied.
func TestContentExpiresBeforeItIsApplied(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		checking, cleaned := make(chan struct{}), make(chan struct{})
		n := start(t, longest, func(c *ingest.Config, _ *store.Config, _ *ingest.Deps) { c.CleanInterval = 1000 * time.Hour })
		defer n.stop()
		content, m, _ := bodyOf(t)
		file := n.file(t, content)
		if err := n.Upload(t.Context(), file, int64(len(content))); err != nil {
			t.Fatal(err)
		}
		time.Sleep(25 * time.Hour)
		// The applier is held while the message is read and pushed after the clean-up.
		go func() {
			defer close(cleaned)
			<-checking
			if err := n.Clean(t.Context()); err != nil {
				t.Error(err)
			}
		}()
		res := n.PutAfter(t.Context(), m, func() {
			close(checking)
			<-cleaned
		})
		wantResult(t, "without its content", res, message.StatusPending, false)
		if n.blobs.Has(file) {
			t.Error("the content is still there")
		}
		n.file(t, content)
		time.Sleep(time.Hour)
		if s := n.status(t, m.ItemHash); s != message.StatusProcessed {
			t.Errorf("with its content the message is %s", s)
		}
		if rows, err := n.db.CountPins(t.Context(), file); err != nil || rows != 1 {
			t.Errorf("%d pins, %v", rows, err)
		}
	})
}

// TestQueuedCopyOfAForgottenMessage forgets a message of which copies are still
// queued: they end without a trace. // spec messages 4.3 step 2
func TestQueuedCopyOfAForgottenMessage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := peer{delay: 10 * time.Second} // the first copy is being fetched meanwhile
		n := start(t, longest, p.option)
		defer n.stop()
		alice := newKey(t)
		inline := sign(t, alice, message.TypePost, 1, map[string]any{"type": "x", "content": 1})
		stripped := *inline
		stripped.ItemType, stripped.ItemContent, stripped.Content = message.ItemStorage, "", nil
		other := message.Message{Type: message.TypePost, ItemHash: inline.ItemHash, ItemType: message.ItemStorage, Time: inline.Time}
		for _, m := range []*message.Message{&stripped, seal(t, newKey(t), &other)} {
			wantResult(t, "without its content", n.put(t, m), message.StatusPending, false)
		}
		synctest.Wait()
		wantResult(t, "whole", n.put(t, inline), message.StatusProcessed, false)
		n.put(t, sign(t, alice, message.TypeForget, 2, map[string]any{"hashes": []string{string(inline.ItemHash)}}))
		if left, err := n.db.CountPending(t.Context()); err != nil || left != 2 {
			t.Errorf("%d messages wait, %v", left, err)
		}
		synctest.Wait()
		events, cancel := n.Subscribe(10)
		defer cancel()
		time.Sleep(time.Hour)
		wantKinds(t, events)
		if left, err := n.db.CountPending(t.Context()); err != nil || left != 0 || n.status(t, inline.ItemHash) != message.StatusForgotten {
			t.Errorf("%d messages wait, %v, status %s", left, err, n.status(t, inline.ItemHash))
		}
		if _, err := n.db.Rejected(t.Context(), inline.ItemHash); err == nil {
			t.Error("a copy of a forgotten message left a record")
		}
	})
}

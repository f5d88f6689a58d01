package ingest_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"aleph/internal/node/ingest"
	"aleph/internal/node/store"
	"aleph/message"
)

// letterTotals returns the kept totals of dead letters.
func (n *testNode) letterTotals(t testing.TB) map[store.LetterKey]int64 {
	t.Helper()
	totals, err := n.db.LetterTotals(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	counts := map[store.LetterKey]int64{}
	for key, total := range totals {
		counts[key] = total.Total
	}
	return counts
}

func wantTotals(t *testing.T, n *testNode, want map[store.LetterKey]int64) {
	t.Helper()
	if got := n.letterTotals(t); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("totals %v, want %v", got, want)
	}
}

// lateStore returns a STORE of a file that is not there yet.
func lateStore(t *testing.T, at float64, text string) *message.Message {
	t.Helper()
	return sign(t, newKey(t), message.TypeStore, at, map[string]any{
		"item_type": "storage", "item_hash": string(message.HashOf([]byte(text))),
	})
}

// TestLetterTotals follows messages through the queue.
func TestLetterTotals(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := start(t, longest)
		defer n.stop()
		waits := store.LetterKey{State: store.LetterPending, Code: message.CodeFileUnavailable}
		gaveUp := store.LetterKey{State: store.LetterRejected, Code: message.CodeFileUnavailable}
		again := store.LetterKey{State: store.LetterRetried, Code: message.CodeFileUnavailable}
		var list []*message.Message
		for i := range 3 {
			list = append(list, lateStore(t, float64(i), "late"))
			n.put(t, list[i])
		}
		wantTotals(t, n, map[store.LetterKey]int64{waits: 3})
		time.Sleep(time.Hour)
		wantTotals(t, n, map[store.LetterKey]int64{gaveUp: 3})
		n.put(t, list[0])
		wantTotals(t, n, map[store.LetterKey]int64{waits: 1, gaveUp: 2, again: 1})
		n.file(t, "late")
		time.Sleep(time.Hour)
		n.put(t, list[1])
		wantTotals(t, n, map[store.LetterKey]int64{gaveUp: 1})
		n.stop()
	})
}

// TestRetryLetters tries rejected messages again: one, and all of a code.
func TestRetryLetters(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := start(t, longest)
		defer n.stop()
		var list []*message.Message
		for i := range 210 { // more than one page
			list = append(list, lateStore(t, float64(i), fmt.Sprint("late ", i%2)))
		}
		submitAll(t, n, list)
		foreign := sign(t, newKey(t), message.TypePost, 1, map[string]any{"type": "x", "content": 1, "address": newKey(t).Address()})
		n.put(t, foreign)
		if _, err := n.SubmitEnvelope(t.Context(), []byte(`{"item_hash":"`+string(message.HashOf([]byte("x")))+`","type":"NONSENSE"}`),
			ingest.Source{Origin: ingest.OriginP2P}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		res, err := n.RetryLetter(t.Context(), list[0].ItemHash)
		if err != nil {
			t.Fatal(err)
		}
		wantResult(t, "its file is not here", res, message.StatusPending, false)
		rows, err := n.db.PendingOf(t.Context(), list[0].ItemHash)
		if err != nil || len(rows) != 1 || rows[0].Retries != 1 {
			t.Errorf("the budget is not fresh: %+v, %v", rows, err)
		}
		n.file(t, "late 0")
		if res, err = n.RetryLetter(t.Context(), list[0].ItemHash); err != nil || res.Status != message.StatusPending {
			t.Errorf("a message that waits: %+v, %v", res, err)
		}
		synctest.Wait()
		if s := n.status(t, list[0].ItemHash); s != message.StatusProcessed {
			t.Errorf("with its file it is %s", s)
		}
		counts, err := n.RetryLetters(t.Context(), store.LetterFilter{Codes: []message.Code{message.CodeFileUnavailable}})
		if want := (ingest.LetterCounts{Processed: 104, Pending: 105}); err != nil || counts != want {
			t.Errorf("got %+v, want %+v, %v", counts, want, err)
		}
		counts, err = n.RetryLetters(t.Context(), store.LetterFilter{})
		if want := (ingest.LetterCounts{Rejected: 1, Failed: 1}); err != nil || counts != want {
			t.Errorf("got %+v, want %+v, %v", counts, want, err)
		}
		for what, h := range map[string]message.Hash{"processed": list[0].ItemHash, "unknown": message.HashOf([]byte("unknown"))} {
			if _, err := n.RetryLetter(t.Context(), h); !errors.Is(err, message.ErrNotFound) {
				t.Errorf("%s: %v", what, err)
			}
			if err := n.DropLetter(t.Context(), h); !errors.Is(err, message.ErrNotFound) {
				t.Errorf("%s: %v", what, err)
			}
		}
		if _, err := n.RetryLetter(t.Context(), message.HashOf([]byte("x"))); !errors.Is(err, message.ErrInvalid) {
			t.Errorf("what is no message: %v", err)
		}
	})
}

// TestDropLetters forgets that messages ever came, and takes them again.
func TestDropLetters(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := start(t, longest)
		defer n.stop()
		waiting := lateStore(t, 1, "late")
		n.put(t, waiting)
		n.carry(t, waiting, chainTx("a", 1))
		var foreign []*message.Message
		for i := range 3 {
			foreign = append(foreign, sign(t, newKey(t), message.TypePost, float64(i), map[string]any{
				"type": "x", "content": 1, "address": newKey(t).Address(),
			}))
			n.put(t, foreign[i])
		}
		for _, h := range []message.Hash{waiting.ItemHash, foreign[0].ItemHash} {
			if err := n.DropLetter(t.Context(), h); err != nil || n.status(t, h) != "" {
				t.Errorf("%v, now %s", err, n.status(t, h))
			}
		}
		if got, err := n.DropLetters(t.Context(), store.LetterFilter{Senders: []message.Address{foreign[1].Sender}}); err != nil || got != 1 {
			t.Errorf("dropped %d, %v", got, err)
		}
		if got, err := n.DropLetters(t.Context(), store.LetterFilter{Types: []message.Type{message.TypePost}}); err != nil || got != 1 {
			t.Errorf("dropped %d, %v", got, err)
		}
		wantTotals(t, n, map[store.LetterKey]int64{})
		n.file(t, "late")
		wantResult(t, "sent again", n.put(t, waiting), message.StatusProcessed, false)
		if got := n.confirmed(t, waiting.ItemHash); got != "" {
			t.Errorf("confirmed by %q", got)
		}
		wantResult(t, "sent again", n.put(t, foreign[2]), message.StatusRejected, false, message.CodePermissionDenied)
	})
}

// TestRejectedRecordsAreBounded rejects more messages than a node remembers.
func TestRejectedRecordsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := start(t, longest, func(c *ingest.Config, _ *store.Config, _ *ingest.Deps) { c.MaxRejected, c.KeepRejected = 20, time.Hour })
		defer n.stop()
		var list []message.Hash
		for i := range 50 {
			h := message.HashOf([]byte(fmt.Sprint("garbage ", i)))
			list = append(list, h)
			_, err := n.SubmitEnvelope(t.Context(), []byte(`{"item_hash":"`+string(h)+`"}`), ingest.Source{Origin: ingest.OriginP2P})
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		for i, h := range list {
			want := message.StatusRejected
			if i < 30 {
				want = "" // the oldest go first
			}
			if got := n.status(t, h); got != want {
				t.Fatalf("record %d: %q, want %q", i, got, want)
			}
		}
		wantTotals(t, n, map[store.LetterKey]int64{{State: store.LetterRejected, Code: message.CodeInvalidFormat}: 20})
		time.Sleep(3 * time.Hour)
		wantTotals(t, n, map[store.LetterKey]int64{})
	})
}

// TestRejectedBytesAreBounded rejects messages that are long.
func TestRejectedBytesAreBounded(t *testing.T) {
	t.Parallel()
	n := start(t, func(c *ingest.Config, _ *store.Config, _ *ingest.Deps) { c.MaxRejectedBytes = 1000 })
	for i := range 20 {
		raw := fmt.Sprintf(`{"item_hash":%q,"x":"%100d"}`, message.HashOf([]byte(fmt.Sprint(i))), i)
		if _, err := n.SubmitEnvelope(t.Context(), []byte(raw), ingest.Source{Origin: ingest.OriginP2P}); err != nil {
			t.Fatal(err)
		}
	}
	totals, err := n.db.LetterTotals(t.Context())
	got := totals[store.LetterKey{State: store.LetterRejected, Code: message.CodeInvalidFormat}]
	if err != nil || got.Bytes > 1000 || got.Total != 5 {
		t.Errorf("kept %+v, %v", got, err)
	}
}

package ingest_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"aleph/internal/node/ingest"
	"aleph/internal/node/store"
	"aleph/message"
)

// chainTx returns a transaction that carries messages.
func chainTx(name string, height int64) *store.ChainTx {
	return &store.ChainTx{
		Hash: "0x" + name, Chain: message.ChainEthereum, Height: height, Time: message.TimestampFromSeconds(epoch + float64(height)),
		Publisher: "0x23eC28598DCeB2f7082Cc3a9D670592DfEd6e0dC", Protocol: "aleph", Version: 1, Content: []byte(`{"messages":[]}`),
	}
}

// carry submits a message that a transaction carries.
func (n *testNode) carry(t testing.TB, m *message.Message, tx *store.ChainTx) ingest.Result {
	t.Helper()
	res, err := n.SubmitFrom(t.Context(), m, ingest.Source{Origin: ingest.OriginOnChain, Tx: tx})
	if err != nil {
		t.Fatalf("submit %s: %v", m.ItemHash, err)
	}
	return res
}

// confirmed describes what confirms a message.
func (n *testNode) confirmed(t testing.TB, h message.Hash) string {
	t.Helper()
	found, err := n.db.Confirmations(t.Context(), []message.Hash{h})
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, c := range found[h] {
		list = append(list, fmt.Sprintf("%s@%d", c.Hash, c.Height))
	}
	if row, err := n.db.Message(t.Context(), h); err == nil && row.FirstConfirmedAt != nil {
		list = append(list, fmt.Sprintf("first %d at %v", *row.FirstConfirmedHeight, row.FirstConfirmedAt.Seconds()-epoch))
	}
	return strings.Join(list, " ")
}

// drain returns the kinds of the events that have come.
func drain(events <-chan ingest.Event) []ingest.EventKind {
	kinds := []ingest.EventKind{}
	for {
		select {
		case e := <-events:
			kinds = append(kinds, e.Kind)
		default:
			return kinds
		}
	}
}

func wantKinds(t *testing.T, events <-chan ingest.Event, want ...ingest.EventKind) {
	t.Helper()
	synctest.Wait()
	if got := drain(events); !slices.Equal(got, want) {
		t.Errorf("events %v, want %v", got, want)
	}
}

func wantResult(t *testing.T, what string, got ingest.Result, status message.Status, known bool, code ...message.Code) {
	t.Helper()
	ok := got.Status == status && got.Known == known && (got.Rejection == nil) == (len(code) == 0)
	if ok && len(code) > 0 {
		ok = got.Rejection.Code == code[0]
	}
	if !ok {
		t.Errorf("%s: got %+v, want %s, known %v, %v", what, got, status, known, code)
	}
}

// TestCopies goes through the table of what a copy of a message does.
// // spec messages 4.10
func TestCopies(t *testing.T) {
	t.Parallel()
	const (
		pending, processed, rejected, forgotten = message.StatusPending, message.StatusProcessed, message.StatusRejected, message.StatusForgotten
	)
	rows := map[string]func(t *testing.T, n *testNode, events <-chan ingest.Event){
		"same again while pending": func(t *testing.T, n *testNode, events <-chan ingest.Event) {
			m := amendOfNothing(t, n)
			wantKinds(t, events, ingest.EventRetry)
			wantResult(t, "copy", n.put(t, m), pending, true)
			if rows, err := n.db.PendingOf(t.Context(), m.ItemHash); err != nil || len(rows) != 1 || rows[0].Retries != 1 {
				t.Errorf("queued %+v, %v", rows, err)
			}
			wantKinds(t, events)
		},
		"same again after processed": func(t *testing.T, n *testNode, events <-chan ingest.Event) {
			m := post(t, n)
			wantKinds(t, events, ingest.EventProcessed)
			wantResult(t, "copy", n.put(t, m), processed, true)
			wantKinds(t, events)
		},
		"same from a transaction after processed": func(t *testing.T, n *testNode, events <-chan ingest.Event) {
			m := post(t, n)
			wantResult(t, "copy", n.carry(t, m, chainTx("b", 20)), processed, true)
			wantResult(t, "same transaction", n.carry(t, m, chainTx("b", 20)), processed, true)
			wantResult(t, "earlier transaction", n.carry(t, m, chainTx("a", 10)), processed, true)
			wantResult(t, "later transaction", n.carry(t, m, chainTx("c", 30)), processed, true)
			wantKinds(t, events, ingest.EventProcessed, ingest.EventConfirmed, ingest.EventConfirmed, ingest.EventConfirmed)
			if got, want := n.confirmed(t, m.ItemHash), "0xa@10 0xb@20 0xc@30 first 10 at 10"; got != want {
				t.Errorf("confirmed by %q, want %q", got, want)
			}
		},
		"other signature after processed": func(t *testing.T, n *testNode, events <-chan ingest.Event) {
			m := post(t, n)
			other := *m
			other.Sender, other.Signature = "", ""
			forged := seal(t, newKey(t), &other)
			wantResult(t, "copy", n.put(t, forged), processed, true)
			wantResult(t, "from a transaction", n.carry(t, forged, chainTx("a", 10)), processed, true)
			wantKinds(t, events, ingest.EventProcessed)
			if got := n.confirmed(t, m.ItemHash); got != "" {
				t.Errorf("confirmed by %q", got)
			}
		},
		"invalid copy of a valid message": func(t *testing.T, n *testNode, events <-chan ingest.Event) {
			m := post(t, n)
			bad := *m
			bad.Signature = "0x" + strings.Repeat("11", 65)
			wantResult(t, "bad signature", n.put(t, &bad), processed, true, message.CodeInvalidSignature)
			wantResult(t, "bad signature in a transaction", n.carry(t, &bad, chainTx("a", 10)), processed, true, message.CodeInvalidSignature)
			res, err := n.SubmitEnvelope(t.Context(), []byte(`{"item_hash":"`+string(m.ItemHash)+`"}`), ingest.Source{Origin: ingest.OriginP2P})
			if err != nil {
				t.Error(err)
			}
			wantResult(t, "no message", res, processed, true, message.CodeInvalidFormat)
			wantKinds(t, events, ingest.EventProcessed)
			if got := n.confirmed(t, m.ItemHash); got != "" {
				t.Errorf("confirmed by %q", got)
			}
		},
		"invalid copy of a message that waits": func(t *testing.T, n *testNode, events <-chan ingest.Event) {
			m := amendOfNothing(t, n)
			bad := *m
			bad.Signature = "0x" + strings.Repeat("11", 65)
			wantResult(t, "bad signature", n.put(t, &bad), pending, true, message.CodeInvalidSignature)
			wantKinds(t, events, ingest.EventRetry)
		},
		"any copy after forgotten": func(t *testing.T, n *testNode, events <-chan ingest.Event) {
			alice := newKey(t)
			m := sign(t, alice, message.TypePost, 1, map[string]any{"type": "x", "content": 1})
			n.carry(t, m, chainTx("a", 10))
			if got := n.confirmed(t, m.ItemHash); got != "0xa@10 first 10 at 10" {
				t.Errorf("confirmed by %q", got)
			}
			n.put(t, sign(t, alice, message.TypeForget, 2, map[string]any{"hashes": []string{string(m.ItemHash)}}))
			wantResult(t, "copy", n.put(t, m), forgotten, true)
			wantResult(t, "from a transaction", n.carry(t, m, chainTx("b", 20)), forgotten, true)
			wantKinds(t, events, ingest.EventProcessed) // the FORGET
			if got := n.confirmed(t, m.ItemHash); got != "" {
				t.Errorf("confirmed by %q", got)
			}
		},
		"any copy while removing and after removed": func(t *testing.T, n *testNode, events <-chan ingest.Event) {
			m := sign(t, newKey(t), message.TypeStore, 1, map[string]any{"item_type": "storage", "item_hash": n.file(t, "unpaid")})
			n.put(t, m)
			err := n.db.Update(t.Context(), func(tx *store.Tx) error { // as the job does that finds it unpaid
				row, err := tx.Message(t.Context(), m.ItemHash)
				if err != nil {
					return err
				}
				until := message.TimestampOf(time.Now().Add(time.Hour))
				return errors.Join(tx.SetRemoving(row, nil, until), tx.PinToGrace(m.ItemHash, until), tx.RebuildTag(string(m.ItemHash)))
			})
			if err != nil {
				t.Fatal(err)
			}
			wantResult(t, "copy while removing", n.put(t, m), message.StatusRemoving, true)
			wantResult(t, "from a transaction", n.carry(t, m, chainTx("a", 10)), message.StatusRemoving, true)
			wantKinds(t, events, ingest.EventProcessed, ingest.EventConfirmed)
			if got := n.confirmed(t, m.ItemHash); got != "0xa@10 first 10 at 10" {
				t.Errorf("confirmed by %q", got)
			}
			time.Sleep(50 * time.Hour)
			wantResult(t, "copy after removed", n.put(t, m), message.StatusRemoved, true)
			wantResult(t, "from a transaction", n.carry(t, m, chainTx("b", 20)), message.StatusRemoved, true)
			wantKinds(t, events)
			if got := n.confirmed(t, m.ItemHash); got != "" {
				t.Errorf("confirmed by %q", got)
			}
		},
		"any copy after rejected": func(t *testing.T, n *testNode, events <-chan ingest.Event) {
			alice, bob := newKey(t), newKey(t)
			m := sign(t, bob, message.TypePost, 1, map[string]any{"type": "x", "content": 1, "address": alice.Address()})
			wantResult(t, "first", n.put(t, m), rejected, false, message.CodePermissionDenied)
			n.put(t, sign(t, alice, message.TypeAggregate, 2, map[string]any{
				"key": "security", "content": map[string]any{"authorizations": []any{map[string]any{"address": bob.Address()}}},
			}))
			wantResult(t, "copy", n.put(t, m), processed, false)
			wantKinds(t, events, ingest.EventRejected, ingest.EventProcessed, ingest.EventProcessed)
			if _, err := n.db.Rejected(t.Context(), m.ItemHash); err == nil {
				t.Error("a processed message is still recorded as rejected")
			}
		},
	}
	for name, run := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n := start(t, longest)
				defer n.stop()
				events, cancel := n.Subscribe(100)
				defer cancel()
				run(t, n, events)
			})
		})
	}
}

func post(t *testing.T, n *testNode) *message.Message {
	t.Helper()
	m := sign(t, newKey(t), message.TypePost, 1, map[string]any{"type": "x", "content": 1})
	wantResult(t, "post", n.put(t, m), message.StatusProcessed, false)
	return m
}

func amendOfNothing(t *testing.T, n *testNode) *message.Message {
	t.Helper()
	m := sign(t, newKey(t), message.TypePost, 1, map[string]any{
		"type": "amend", "ref": string(message.HashOf([]byte("never"))), "content": 1,
	})
	wantResult(t, "amend", n.put(t, m), message.StatusPending, false)
	return m
}

// TestConfirmationsWait lets transactions carry a message that waits, or that is
// rejected, before it is processed: they confirm it in the end, however it came
// first. // Q-10
func TestConfirmationsWait(t *testing.T) {
	t.Parallel()
	for _, rejectedFirst := range []bool{false, true} {
		t.Run(fmt.Sprintf("rejected first %v", rejectedFirst), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n := start(t, longest)
				defer n.stop()
				alice := newKey(t)
				original := sign(t, alice, message.TypePost, 1, map[string]any{"type": "x", "content": 1})
				amend := sign(t, alice, message.TypePost, 2, map[string]any{"type": "amend", "ref": string(original.ItemHash), "content": 2})
				if rejectedFirst {
					n.carry(t, amend, chainTx("z", 5))
					time.Sleep(time.Hour)
					if s := n.status(t, amend.ItemHash); s != message.StatusRejected {
						t.Fatalf("the amend is %s", s)
					}
					if row, err := n.db.Rejected(t.Context(), amend.ItemHash); err != nil || row.TxHash != "0xz" {
						t.Errorf("rejected %+v, %v", row, err)
					}
				}
				n.put(t, amend)
				n.carry(t, amend, chainTx("b", 20))
				n.carry(t, amend, chainTx("a", 10))
				n.carry(t, amend, chainTx("a", 10))
				events, cancel := n.Subscribe(10)
				defer cancel()
				n.put(t, original)
				synctest.Wait()
				want := "0xa@10 0xb@20 first 10 at 10"
				if rejectedFirst {
					want = "0xz@5 0xa@10 0xb@20 first 5 at 5"
				}
				if got := n.confirmed(t, amend.ItemHash); got != want {
					t.Errorf("confirmed by %q, want %q", got, want)
				}
				if e := <-events; e.Hash != original.ItemHash {
					t.Errorf("got %+v", e)
				}
				if e := <-events; !rejectedFirst && (e.Hash != amend.ItemHash || e.Kind != ingest.EventProcessed || len(e.Confirmations) != 2) {
					t.Errorf("got %+v", e)
				}
			})
		})
	}
}

// TestOnChainIsQuiet processes messages that transactions carry: nothing is told
// but failures. // spec messages 4.1
func TestOnChainIsQuiet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := start(t, longest)
		defer n.stop()
		alice := newKey(t)
		events, cancel := n.Subscribe(10)
		defer cancel()
		original := sign(t, alice, message.TypePost, 1, map[string]any{"type": "x", "content": 1})
		n.carry(t, sign(t, alice, message.TypePost, 2, map[string]any{"type": "amend", "ref": string(original.ItemHash), "content": 2}), chainTx("a", 1))
		n.carry(t, original, chainTx("a", 1))
		n.carry(t, sign(t, alice, message.TypePost, 3, map[string]any{"type": "x", "content": 1, "address": newKey(t).Address()}), chainTx("a", 1))
		wantKinds(t, events, ingest.EventRetry, ingest.EventRejected)
		if n, err := n.db.CountPending(t.Context()); err != nil || n != 0 {
			t.Errorf("%d messages wait, %v", n, err)
		}
	})
}

// TestTrusted takes messages of smart contracts: only the signature is not
// asked for. // spec messages 4.9
func TestTrusted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := start(t, longest)
		defer n.stop()
		contract := message.Address("KT1VBeLD7hzKpj17aRJ3Kc6QQFeikCEXi7W6")
		from := func(content string) *message.Message {
			m, err := message.Synthesize(message.ContractEvent{
				Chain: "TEZOS", Address: contract, Type: "POST", Content: content, BlockTime: epoch * 1e6,
			})
			if err != nil {
				t.Fatal(err)
			}
			return m
		}
		good := from(`{"address":"` + string(contract) + `","time":1700000000,"type":"x","content":{}}`)
		trusted := ingest.Source{Origin: ingest.OriginOnChain, Tx: chainTx("a", 7), Trusted: true}
		submit := func(m *message.Message, s ingest.Source) ingest.Result {
			t.Helper()
			res, err := n.SubmitFrom(t.Context(), m, s)
			if err != nil {
				t.Fatal(err)
			}
			return res
		}
		if _, err := n.SubmitFrom(t.Context(), good, ingest.Source{Trusted: true}); err == nil {
			t.Error("trusted without a transaction")
		}
		wantResult(t, "not trusted", submit(good, ingest.Source{Origin: ingest.OriginP2P}), message.StatusRejected, false, message.CodeInvalidSignature)
		wantResult(t, "trusted", submit(good, trusted), message.StatusProcessed, false)
		if got := n.confirmed(t, good.ItemHash); got != "0xa@7 first 7 at 7" {
			t.Errorf("confirmed by %q", got)
		}
		// Permissions and dependencies count as for any other message.
		foreign := from(`{"address":"` + string(newKey(t).Address()) + `","time":1700000000,"type":"x","content":{}}`)
		wantResult(t, "foreign", submit(foreign, trusted), message.StatusRejected, false, message.CodePermissionDenied)
		amend := from(`{"address":"` + string(contract) + `","time":1700000000,"type":"amend","ref":"` + strings.Repeat("ab", 32) + `","content":{}}`)
		wantResult(t, "amend of nothing", submit(amend, trusted), message.StatusPending, false)
		time.Sleep(time.Hour)
		row, err := n.db.Rejected(t.Context(), amend.ItemHash)
		if err != nil || row.Code != message.CodePostAmendNotFound || !row.Trusted || row.TxHash != "0xa" {
			t.Errorf("rejected %+v, %v", row, err)
		}
	})
}

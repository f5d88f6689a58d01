package ingest_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"aleph/account"
	"aleph/internal/node/ingest"
	"aleph/internal/node/store"
	"aleph/message"
)

// TestRandomHistoryStaysConsistent submits random messages of a few accounts,
// many at once, some of them to be retried, some copied, some forgotten, with
// statements failing now and then, and lets hours pass. The state must never
// contradict itself (see testNode.stop) and every message must be decided.
func TestRandomHistoryStaysConsistent(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { randomHistory(t, rand.New(rand.NewPCG(seed, 1))) })
		})
	}
}

func randomHistory(t *testing.T, r *rand.Rand) {
	fail := injected(r.Uint64())
	n := start(t, func(_ *ingest.Config, s *store.Config, _ *ingest.Deps) { s.Fault = fail })
	defer n.stop()
	h := &history{t: t, r: r, n: n}
	for range 3 {
		h.keys = append(h.keys, newKey(t))
	}
	h.known = append(h.known, sign(t, h.keys[0], message.TypeAggregate, 0, map[string]any{
		"key": "security", "content": map[string]any{"authorizations": []any{map[string]any{"address": h.keys[1].Address()}}},
	}))
	h.submit(h.known)
	for range 25 {
		var list []*message.Message
		for range 1 + r.IntN(12) {
			list = append(list, h.next())
		}
		h.known = append(h.known, list...)
		if r.IntN(3) == 0 {
			list = append(list, h.known[r.IntN(len(h.known))]) // a copy
		}
		h.submit(list)
		if r.IntN(2) == 0 {
			time.Sleep(time.Duration(r.IntN(600)) * time.Second)
		}
		if r.IntN(5) == 0 {
			if err := n.Clean(context.Background()); err != nil {
				t.Logf("clean: %v", err)
			}
		}
	}
	time.Sleep(2 * time.Hour)
	synctest.Wait()
	for _, m := range h.known {
		if s := n.status(t, m.ItemHash); s == message.StatusPending || s == "" {
			t.Errorf("%s %s is %q after all retries", m.Type, m.ItemHash, s)
		}
	}
}

// injected makes one statement in three hundred fail.
func injected(seed uint64) func(string) error {
	r := rand.New(rand.NewPCG(seed, 2))
	var mu sync.Mutex
	return func(name string) error {
		mu.Lock()
		defer mu.Unlock()
		if r.IntN(300) != 0 || name == "savepoint" || name == "release" || strings.HasPrefix(name, "status.message") {
			return nil
		}
		return fmt.Errorf("injected into %s", name)
	}
}

type history struct {
	t     *testing.T
	r     *rand.Rand
	n     *testNode
	keys  []*account.Key
	known []*message.Message
	count int
}

// submit sends messages at once. One that the node could not take is sent again.
func (h *history) submit(list []*message.Message) {
	var wait sync.WaitGroup
	for _, m := range list {
		wait.Go(func() {
			for {
				if _, err := h.n.Submit(context.Background(), m, ingest.OriginP2P); err == nil {
					return
				}
				time.Sleep(time.Second)
			}
		})
	}
	wait.Wait()
}

// pick returns the hash of a message of a type, or of none.
func (h *history) pick(typ message.Type) message.Hash {
	var list []message.Hash
	for _, m := range h.known {
		if m.Type == typ {
			list = append(list, m.ItemHash)
		}
	}
	if len(list) == 0 || h.r.IntN(15) == 0 {
		return message.HashOf(fmt.Append(nil, h.r.IntN(1000)))
	}
	return list[h.r.IntN(len(list))]
}

// next makes a random message.
func (h *history) next() *message.Message {
	r := h.r
	h.count++
	who := r.IntN(len(h.keys))
	content := map[string]any{}
	if r.IntN(4) == 0 { // often without permission
		content["address"] = h.keys[r.IntN(len(h.keys))].Address()
	}
	typ := message.TypePost
	switch r.IntN(8) {
	case 0, 1:
		content["type"], content["content"] = "x", map[string]any{"n": h.count, "tags": []string{"a", fmt.Sprint(r.IntN(3))}}
	case 2:
		content["type"], content["content"], content["ref"] = "amend", h.count, h.pick(message.TypePost)
	case 3:
		typ = message.TypeAggregate
		content["key"], content["content"] = "k", map[string]any{fmt.Sprint(r.IntN(4)): h.count}
	case 4, 5:
		typ = message.TypeStore
		text := fmt.Sprint("file ", r.IntN(10))
		if r.IntN(3) > 0 {
			h.n.file(h.t, text)
		}
		content["item_type"], content["item_hash"] = "storage", message.HashOf([]byte(text))
		if r.IntN(2) == 0 {
			content["ref"] = []any{"name", h.pick(message.TypeStore)}[r.IntN(2)]
		}
	case 6:
		typ = message.TypeProgram
		content["type"], content["allow_amend"], content["environment"] = "vm-function", true, map[string]any{}
		content["resources"], content["on"] = map[string]any{}, map[string]any{"http": true}
		content["runtime"] = map[string]any{"ref": knownRuntime, "comment": fmt.Sprint(h.count)}
		content["code"] = map[string]any{"encoding": "plain", "entrypoint": "x", "ref": h.pick(message.TypeStore)}
	case 7:
		typ = message.TypeForget
		var hashes []message.Hash
		for range 1 + r.IntN(2) {
			hashes = append(hashes, h.pick(message.Types()[r.IntN(4)]))
		}
		slices.Sort(hashes)
		content["hashes"], content["reason"] = hashes, fmt.Sprint(h.count)
	}
	return sign(h.t, h.keys[who], typ, float64(r.IntN(50)), content)
}

package ingest_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"aleph/internal/node/store"
	"aleph/message"
)

// TestAggregatesDoNotDependOnOrder merges random elements in random orders,
// forgets some, and compares with the definition: the shallow merge ordered by
// time and item hash. // spec messages 6.1
func TestAggregatesDoNotDependOnOrder(t *testing.T) {
	t.Parallel()
	n := start(t)
	run := 0
	rapid.Check(t, func(r *rapid.T) {
		run++
		key := newKey(t)
		member := rapid.StringMatching(`[a-e]`)
		var list []*message.Message
		for i := range rapid.IntRange(1, 8).Draw(r, "elements") {
			content := rapid.MapOf(member, rapid.IntRange(0, 99)).Draw(r, fmt.Sprint("element ", i))
			at := float64(rapid.IntRange(1, 4).Draw(r, fmt.Sprint("time ", i)))
			m := sign(t, key, message.TypeAggregate, at, map[string]any{"key": "k", "content": content})
			if !slices.ContainsFunc(list, func(o *message.Message) bool { return o.ItemHash == m.ItemHash }) {
				list = append(list, m)
			}
		}
		order := rapid.Permutation(list).Draw(r, "order")
		for _, m := range order {
			n.put(t, m)
		}
		compareAggregate(t, n, key.Address(), list)
		gone := rapid.IntRange(0, len(list)).Draw(r, "forgotten")
		hashes := []message.Hash{}
		for _, m := range order[:gone] {
			hashes = append(hashes, m.ItemHash)
		}
		n.put(t, sign(t, key, message.TypeForget, 9, map[string]any{"hashes": hashes, "aggregates": []string{}}))
		if gone > 0 {
			compareAggregate(t, n, key.Address(), order[gone:])
		}
	})
}

func compareAggregate(t *testing.T, n *testNode, owner message.Address, list []*message.Message) {
	t.Helper()
	list = slices.SortedFunc(slices.Values(list), func(a, b *message.Message) int {
		if a.Content.CreatedAt() != b.Content.CreatedAt() {
			return int(a.Content.CreatedAt() - b.Content.CreatedAt())
		}
		if a.ItemHash < b.ItemHash {
			return -1
		}
		return 1
	})
	want := map[string]json.RawMessage{}
	for _, m := range list {
		var members map[string]json.RawMessage
		if err := json.Unmarshal(m.Content.(*message.Aggregate).Content, &members); err != nil {
			t.Fatal(err)
		}
		maps.Copy(want, members)
	}
	key := store.AggregateKey{Owner: owner, Key: "k"}
	row, err := n.db.Aggregate(t.Context(), key)
	if len(list) == 0 {
		if err == nil {
			t.Fatal("an aggregate without elements is still there")
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	got, err := n.db.AggregateContent(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	wantText, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(wantText) {
		t.Fatalf("content %s, want %s", got, wantText)
	}
	newest := list[len(list)-1]
	if row.LastRevision != newest.ItemHash || row.LastUpdated != newest.Content.CreatedAt() || row.Created != list[0].Content.CreatedAt() {
		t.Fatalf("row %+v, newest %s", row, newest.ItemHash)
	}
}

// TestMessagesDoNotDependOnOrder publishes posts with amends, files with
// updates and a machine in random orders: what comes before what it needs waits,
// and the state ends up the same.
func TestMessagesDoNotDependOnOrder(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	var first string
	for round := range 6 {
		n := start(t)
		file := n.file(t, "a file")
		post := sign(t, key, message.TypePost, 1, map[string]any{"type": "x", "content": 1})
		amend := sign(t, key, message.TypePost, 2, map[string]any{"type": "amend", "ref": post.ItemHash, "content": 2})
		later := sign(t, key, message.TypePost, 3, map[string]any{"type": "amend", "ref": post.ItemHash, "content": 3})
		original := sign(t, key, message.TypeStore, 4, map[string]any{"item_type": "storage", "item_hash": file})
		revision := sign(t, key, message.TypeStore, 5, map[string]any{"item_type": "storage", "item_hash": file, "ref": original.ItemHash})
		program := sign(t, key, message.TypeProgram, 6, map[string]any{
			"type": "vm-function", "allow_amend": true, "environment": map[string]any{}, "resources": map[string]any{},
			"on": map[string]any{"http": true}, "runtime": map[string]any{"ref": knownRuntime, "comment": ""},
			"code": map[string]any{"encoding": "plain", "entrypoint": "x", "ref": original.ItemHash, "use_latest": true},
		})
		forget := sign(t, key, message.TypeForget, 7, map[string]any{"hashes": []message.Hash{later.ItemHash}})
		list := []*message.Message{post, amend, later, original, revision, program, forget}
		if round > 0 {
			rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		}
		for _, m := range list {
			n.put(t, m)
		}
		for n.State().Pending > 0 {
			if t.Context().Err() != nil {
				t.Fatal("messages still wait")
			}
		}
		if state := fingerprint(t, n, list); first == "" {
			first = state
		} else if state != first {
			t.Errorf("round %d ends in\n%s\nnot in\n%s", round, state, first)
		}
		n.stop()
	}
}

// fingerprint describes the state that a set of messages has made.
func fingerprint(t *testing.T, n *testNode, list []*message.Message) string {
	t.Helper()
	var lines []string
	for _, m := range list {
		line := fmt.Sprintf("%s %s %s", m.Type, m.ItemHash, n.status(t, m.ItemHash))
		if p, err := n.db.Post(t.Context(), m.ItemHash); err == nil {
			line += fmt.Sprintf(" shows %q at %d", p.LatestAmend, p.LastUpdated)
		}
		if tag, err := n.db.Tag(t.Context(), string(m.ItemHash)); err == nil {
			line += fmt.Sprintf(" tag %+v", tag)
		}
		if by, err := n.db.Forgotten(t.Context(), m.ItemHash); err == nil {
			line += fmt.Sprintf(" forgotten by %v", by.ForgottenBy)
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return fmt.Sprint(lines)
}

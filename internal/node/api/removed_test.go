package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"aleph/internal/node/store"
	"aleph/message"
)

// What a node answers about a message that is not paid for: while it goes, and
// when it is gone. // spec ccn-http-api 5.1, 5.3, 5.4
func TestRemovedMessages(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	alice := key(t, "1")
	if r := n.upload(t, []byte("content"), ""); r.StatusCode != http.StatusOK {
		t.Fatal(r.body)
	}
	file := message.HashOf([]byte("content"))
	m := signed(t, alice, message.TypeStore, "TEST", 1767250001, `"item_type":"storage","item_hash":"`+string(file)+`","payment":{"type":"credit"}`)
	if r := n.publish(t, m); r.StatusCode != http.StatusOK {
		t.Fatal(r.body)
	}
	hash := string(m.ItemHash)
	row, err := n.db.Message(t.Context(), m.ItemHash)
	if err != nil {
		t.Fatal(err)
	}
	size := int64(7)
	change := func(do func(tx *store.Tx) error) {
		t.Helper()
		if err := n.db.Update(t.Context(), do); err != nil {
			t.Fatal(err)
		}
	}
	ask := func(path string, code int, want ...string) {
		t.Helper()
		r := n.get(t, path)
		if r.StatusCode != code {
			t.Errorf("GET %s: %d %s", path, r.StatusCode, r.body)
		}
		for _, part := range want {
			if !strings.Contains(r.body, part) {
				t.Errorf("GET %s: %s, want %s in it", path, r.body, part)
			}
		}
	}
	change(func(tx *store.Tx) error { return tx.SetRemoving(row, &size, 1) })
	ask("/api/v0/messages/"+hash, http.StatusOK, `"status":"removing"`, `,"reason":"credit_insufficient"}`)
	ask("/api/v0/messages/"+hash+"/content", http.StatusUnprocessableEntity, "MessageStatus.REMOVING")
	ask("/api/v0/messages.json?msgStatuses=removing", http.StatusOK, `"pagination_total":1`, hash)
	ask("/api/v0/messages.json?msgStatuses=processed", http.StatusOK, `"pagination_total":0`)

	change(func(tx *store.Tx) error {
		removed := &store.RemovedRow{Message: row.Message, Owner: row.Owner, PaymentType: row.PaymentType, RemovedAt: 1767260000_250000}
		if err := tx.SetRemoved(removed); err != nil {
			return err
		}
		if err := tx.DeleteMessage(row); err != nil {
			return err
		}
		return tx.SetStatus(m.ItemHash, message.StatusRemoved, row.ReceptionTime)
	})
	ask("/api/v0/messages/"+hash, http.StatusOK, `"status":"removed"`, fmt.Sprintf(`"owner":%q,"payment_type":"credit","size":7,"removed_at":1767260000.25}`, alice.Address()),
		`,"reason":"credit_insufficient","removed_at":1767260000.25,"size":7}`)
	ask("/api/v0/messages/"+hash+"/content", http.StatusUnprocessableEntity, "MessageStatus.REMOVED")
	ask("/api/v0/messages.json?msgStatuses=removed&owners="+string(alice.Address()), http.StatusOK, `"pagination_total":1`, `"removed_at":1767260000.25,"sender"`, `"status":"removed"`)
	ask("/api/v0/messages.json?msgStatuses=removed&owners=0xB", http.StatusOK, `"messages":[]`)
	if r := n.publish(t, m); r.StatusCode != http.StatusGone {
		t.Errorf("publish again: %d %s", r.StatusCode, r.body)
	}
}

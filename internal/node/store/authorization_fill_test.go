package store

import (
	"encoding/json"
	"log/slog"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aleph/message"
)

// TestAuthorizationsAreFilled opens a database of the schema before the table of
// authorizations was filled.
func TestAuthorizationsAreFilled(t *testing.T) {
	t.Parallel()
	cfg := TestConfig(t)
	open := func() *DB {
		t.Helper()
		db, err := Open(t.Context(), cfg, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		return db
	}
	db := open()
	const owners = 2*listsAtOnce + 1
	err := db.Update(t.Context(), func(tx *Tx) error {
		for i := range owners {
			row := &MessageRow{
				Message: message.Message{
					ItemHash: message.HashOf([]byte{byte(i), byte(i >> 8)}), Type: message.TypeAggregate, Chain: "ETH", Sender: planAddress(i),
					ItemType: message.ItemInline, ItemContent: "{}",
				},
				Owner: planAddress(i), Status: message.StatusProcessed,
			}
			if err := tx.InsertMessage(row); err != nil {
				return err
			}
			e := &ElementRow{AggregateKey: AggregateKey{row.Owner, securityKey}, ItemHash: row.Message.ItemHash, Created: message.Timestamp(i)}
			if err := tx.InsertElement(e); err != nil {
				return err
			}
			list := json.RawMessage(`[{"address":"other"},{"types":["POST"],"address":"G"},{"address":"G"}]`)
			if err := tx.MergeElement(e, map[string]json.RawMessage{authorizationsMember: list, "x": json.RawMessage("1")}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(t.Context(), func(tx *Tx) error {
		if err := tx.exec("", `DELETE FROM authorizations`); err != nil {
			return err
		}
		return tx.exec("back", `DELETE FROM goose_db_version WHERE version_id >= 9`)
	})
	if err != nil {
		t.Fatal(err)
	}
	if found, err := db.Inconsistencies(t.Context()); err != nil || len(found) != mostFound+1 {
		t.Errorf("an empty table: %v %v", found, err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	schema, err := ReadSchema(t.Context(), cfg)
	if diff := cmp.Diff([]string{"0009_fill.go"}, schema.Due); err != nil || diff != "" {
		t.Errorf("what is due: %v (-want +got):\n%s", err, diff)
	}
	db = open()
	if found, err := db.Inconsistencies(t.Context()); err != nil || len(found) > 0 {
		t.Errorf("after the migration: %v %v", found, err)
	}
	if n, err := db.CountGranters(t.Context(), Received{Grantee: "G"}); err != nil || n != owners {
		t.Errorf("got %d owners %v, want %d", n, err, owners)
	}
	entries, err := db.ReceivedFrom(t.Context(), Received{Grantee: "G"}, planAddress(owners-1))
	if want := []json.RawMessage{json.RawMessage(`{"types":["POST"]}`), json.RawMessage(`{}`)}; err != nil || !cmp.Equal(entries, want) {
		t.Errorf("got %s %v", entries, err)
	}
}

package store_test

import (
	"database/sql"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"aleph/internal/node/store"
	"aleph/message"
)

// notState is what the state hash leaves out of the schema, with the reason: a
// table, or a column of a table that it covers.
var notState = map[string]string{
	"message_status":        "pending and rejected depend on when messages came; forgotten ones have a row of their own",
	"message_counts":        "totals follow from the messages",
	"pending_messages":      "what waits is not decided yet",
	"rejected_messages":     "what was refused changed nothing, and may come again",
	"chain_txs":             "what a chain says; that one confirms a message is in message_confirmations",
	"letter_totals":         "totals of what waits and what was refused",
	"pending_confirmations": "belong to what is not decided yet",
	"node_metrics":          "follow from the messages, for as long as they are kept",
	"file_deletions":        "work that is left for the clean-up",
	"node_check":            "written to find out whether the disk can be written",
	"goose_db_version":      "the version of the schema",
	"sqlite_sequence":       "the engine's own",
	"sqlite_stat1":          "the engine's own",
	"sqlite_stat4":          "the engine's own",

	"account_totals":  "sums follow from the costs",
	"credit_spending": "sums follow from the ledger",
	"authorizations":  "follow from the aggregates",
	"cron_jobs":       "when this node's jobs ran",

	"messages.reception_time": "when this node got it",
	"messages.id":             "a number of this database",
	"posts.id":                "a number of this database",
	"aggregate_elements.id":   "a number of this database",
	"message_tags.id":         "a number of this database",
	"message_tags.time":       "that of the message",
	"post_tags":               "follows from posts and message_tags",
	"list_counts":             "totals kept of messages and posts",
	"list_hours":              "totals kept of messages and posts",
	"file_pins.id":            "a number of this database",
	"file_pins.delete_by":     "grace pins only",
	"vms.on_message":          "follows from the message",

	"balances.last_update":        "when this node learnt of it",
	"credit_history.last_update":  "when this node learnt of it",
	"removed_messages.removed_at": "when this node's clean-up ran",
	"removed_messages.due":        "of messages that are going, which are live",
}

// TestStateHashKnowsTheSchema makes whoever adds a table or a column say whether
// it is state.
func TestStateHashKnowsTheSchema(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "node.db")
	cfg := store.DefaultConfig()
	cfg.Path = path
	db, err := store.Open(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	covered := store.StateColumns()
	for table, columns := range schemaOf(t, path) {
		if notState[table] != "" {
			continue
		}
		in, known := covered[table]
		if !known {
			t.Errorf("table %s: add it to the state hash, docs/state-hash.md included, or say here why it is no state", table)
			continue
		}
		for _, column := range columns {
			if !slices.Contains(in, column) && notState[table+"."+column] == "" {
				t.Errorf("column %s.%s: add it to the state hash, or say here why it is no state", table, column)
			}
		}
	}
}

// schemaOf returns the columns of every table.
func schemaOf(t *testing.T, path string) map[string][]string {
	t.Helper()
	db, err := sql.Open(store.DriverName, path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), `SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	schema := map[string][]string{}
	for rows.Next() {
		var table, column string
		if err := rows.Scan(&table, &column); err != nil {
			t.Fatal(err)
		}
		schema[table] = append(schema[table], column)
	}
	if err := rows.Err(); err != nil || len(schema) < 20 {
		t.Fatalf("found %d tables: %v", len(schema), err)
	}
	return schema
}

// TestStateHashIsDocumented compares the definition with the document by which
// somebody else would write it again.
func TestStateHashIsDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "state-hash.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range store.StateDefinition() {
		if !strings.Contains(string(text), line) {
			t.Errorf("docs/state-hash.md lacks the line\n%s", line)
		}
	}
}

// TestStateHashSeesState checks what moves the hash and what does not, and that
// the encoding stays what it is.
func TestStateHashSeesState(t *testing.T) {
	t.Parallel()
	db := open(t)
	hash := func() string {
		t.Helper()
		d, err := db.StateHash(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return d.Hash
	}
	update := func(do func(*store.Tx) error) {
		t.Helper()
		if err := db.Update(t.Context(), do); err != nil {
			t.Fatal(err)
		}
	}
	empty := hash()
	if !strings.HasPrefix(empty, "v1:") || len(empty) != len("v1:")+64 {
		t.Fatalf("hash %q", empty)
	}
	one := message.HashOf([]byte("one"))
	update(func(tx *store.Tx) error { return tx.SetStatus(one, message.StatusPending, 1) })
	if hash() != empty {
		t.Error("a message that waits is state")
	}
	forgotten := &store.ForgottenRow{
		Message: message.Message{ItemHash: one, Type: message.TypePost, Chain: "ETH", Sender: "0xA", ItemType: message.ItemInline, Time: 5},
		Owner:   "0xA", PaymentType: "hold", ForgottenBy: []message.Hash{"b", "a"},
	}
	update(func(tx *store.Tx) error { return tx.InsertForgotten(forgotten) })
	first := hash()
	update(func(tx *store.Tx) error { return tx.SetForgottenBy(one, []message.Hash{"a", "b"}) })
	if hash() != first {
		t.Error("the order of forgotten_by counts")
	}
	update(func(tx *store.Tx) error { return tx.SetForgottenBy(one, []message.Hash{"a", "b", "c"}) })
	if hash() == first || first == empty {
		t.Error("a change of the state leaves the hash as it was")
	}
	digest, err := db.StateHash(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(digest.Tables, func(d store.TableDigest) bool { return d.Name == "forgotten_messages" })
	// printf 's64:7692…e671s4:POSTs3:ETHs3:0xAns6:inlinei5;ns3:0xAs4:holdnl3:s1:as1:bs1:cn\n' | sha256sum
	const want = "09b7f80c83099cea937085a4618369a346340ba6d0c6795733411cac77075527"
	if got := digest.Tables[i]; got.Rows != 1 || got.Digest != want {
		t.Errorf("digest of forgotten_messages: %+v, want one row and %s", got, want)
	}
}

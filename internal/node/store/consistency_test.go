package store

import (
	"log/slog"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestInconsistenciesAreFound plants records that contradict each other.
func TestInconsistenciesAreFound(t *testing.T) {
	t.Parallel()
	db, err := Open(t.Context(), TestConfig(t), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if found, err := db.Inconsistencies(t.Context()); err != nil || len(found) > 0 {
		t.Fatalf("an empty database: %v %v", found, err)
	}
	err = db.Update(t.Context(), func(tx *Tx) error {
		for _, text := range []string{
			`INSERT INTO messages (item_hash, type, chain, sender, item_type, time, size, status, reception_time, owner)
VALUES ('m', 'POST', 'ETH', 's', 'inline', 1, 1, 'processed', 1, 's')`,
			`INSERT INTO message_status (item_hash, status, reception_time) VALUES
('m', 'processed', 1), ('p', 'pending', 1), ('f', 'forgotten', 1), ('r', 'rejected', 1)`,
			`INSERT INTO message_counts (sender, owner, type, status, total) VALUES ('', '', '', 'processed', 7)`,
			`INSERT INTO posts (item_hash, owner, type, amends, creation_datetime, last_updated) VALUES ('a', 's', 'amend', 'none', 1, 1)`,
			`INSERT INTO posts (item_hash, owner, type, creation_datetime, last_updated, latest_amend) VALUES ('o', 's', 'x', 1, 1, 'none')`,
			`INSERT INTO aggregate_elements (item_hash, owner, key, creation_datetime) VALUES ('e', 's', 'k', 1)`,
			`INSERT INTO aggregate_members (owner, key, member, time, item_hash, value) VALUES ('s', 'k', 'x', 1, 'none', '1')`,
			`INSERT INTO files (hash, size, type) VALUES ('loose', 1, 'file')`,
			`INSERT INTO file_pins (file_hash, type, created, item_hash) VALUES ('nothing', 'message', 1, 'none')`,
			`INSERT INTO file_tags (tag, owner, file_hash, item_hash, last_updated) VALUES ('t', 's', 'x', 'stray', 1)`,
			`INSERT INTO vms (item_hash, type, owner, allow_amend, payment_type, created) VALUES ('v', 'program', 's', FALSE, 'hold', 1)`,
		} {
			if err := tx.exec(text, text); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	found, err := db.Inconsistencies(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(found)
	want := []string{
		"aggregate element without a message: e",
		"aggregate member without an element: none",
		"amend without an original: a",
		"file that nothing keeps: loose",
		"forgotten without a record: f",
		"live message recorded as something else: m",
		"machine without a message: v",
		"message without a total: m",
		"pending without a row: p",
		"pin of a file without a record: nothing",
		"pin of a message that is gone: none",
		"post and message do not match: a",
		"post and message do not match: m",
		"post and message do not match: o",
		"post shows a wrong amend: o",
		"recorded as live beside the message: m",
		"rejected without a record: r",
		"tag that points elsewhere than its message: stray",
		"total that is wrong: // counts 7",
	}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

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
			`INSERT INTO messages (id, item_hash, type, chain, sender, item_type, time, size, status, reception_time, owner)
VALUES (1, 'm', 'POST', 'ETH', 's', 'inline', 1, 1, 'processed', 1, 's')`,
			`INSERT INTO message_status (item_hash, status, reception_time) VALUES
('m', 'processed', 1), ('p', 'pending', 1), ('f', 'forgotten', 1), ('r', 'rejected', 1)`,
			`INSERT INTO message_counts (sender, owner, type, status, total) VALUES ('', '', '', 'processed', 7)`,
			`INSERT INTO posts (id, item_hash, owner, type, amends, creation_datetime, last_updated) VALUES (101, 'a', 's', 'amend', 'none', 1, 1)`,
			`INSERT INTO posts (id, item_hash, owner, type, creation_datetime, last_updated, latest_amend) VALUES (102, 'o', 's', 'x', 1, 1, 'none')`,
			`INSERT INTO aggregate_elements (id, item_hash, owner, key, creation_datetime) VALUES (103, 'e', 's', 'k', 1)`,
			`INSERT INTO aggregate_members (owner, key, member, time, item_hash, value) VALUES ('s', 'k', 'x', 1, 'none', '1')`,
			`INSERT INTO aggregate_members (owner, key, member, time, item_hash, value) VALUES
('s', 'security', 'authorizations', 1, 'none', '[{"address":"g"}]')`,
			`INSERT INTO authorizations (grantee, owner, position, entry, chain, channels, types, post_types, aggregate_keys) VALUES
('g', 's', 0, '{"types":[]}', '', '', '', '', ''), ('g', 'nobody', 0, '{}', '', '', '', '', '')`,
			`INSERT INTO files (hash, size, type) VALUES ('loose', 1, 'file')`,
			`INSERT INTO file_pins (file_hash, type, created, item_hash) VALUES ('nothing', 'message', 1, 'none')`,
			`INSERT INTO file_tags (tag, owner, file_hash, item_hash, last_updated) VALUES ('t', 's', 'x', 'stray', 1)`,
			`INSERT INTO removed_messages (item_hash) VALUES ('x')`,
			`INSERT INTO message_status (item_hash, status, reception_time) VALUES ('y', 'removed', 1)`,
			`INSERT INTO account_costs (item_hash, owner, payment_type, cost_hold, cost_stream, cost_credit, details)
VALUES ('z', 's', 'hold', '0.1', '0', '0', '[]')`,
			`INSERT INTO account_totals (owner, payment_type, cost_hold, cost_stream, cost_credit, resources) VALUES ('s', 'hold', '0.3', '0', '0', 1)`,
			`INSERT INTO credit_balances (address, message_timestamp, credit_ref, credit_index, amount_remaining) VALUES ('s', 1, 'g', 0, 5), ('s', 1, 'c', 0, 5)`,
			`INSERT INTO credit_history (credit_ref, credit_index, address, amount, message_timestamp, last_update) VALUES ('c', 0, 's', 4, 1, 1)`,
			`INSERT INTO credit_spending (address, resource, high, low) VALUES ('s', 'v', 0, 1)`,
			`INSERT INTO message_tags (id, tag, time, item_hash) VALUES (1, 't', 2, 'm')`,
			`INSERT INTO post_tags (id, tag, last_updated, item_hash) VALUES (102, 't', 1, 'o')`,
			`INSERT INTO node_metrics (item_hash, kind, position, node_id, measured_at, figures) VALUES ('q', 'crn', 0, 'n', 1, '{}')`,
			`INSERT INTO list_counts (list, dimension, value, total) VALUES ('messages', 'chain', 'ETH', 3)`,
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
		"aggregate member without an element: none",
		"amend without an original: a",
		"authorization that no aggregate has: nobody",
		"authorizations that are not those of the aggregate: s",
		"costs of a message that is gone: z",
		"credits left of nothing: s g",
		"credits left that were never there: s c",
		"file that nothing keeps: loose",
		"forgotten without a record: f",
		"hour of a list that is wrong: messages of hour 0 are off by -1",
		"hour of a list that is wrong: posts of hour 0 are off by -1",
		"length of a list that is wrong: messages by chain \"ETH\" counts 3, there are 1",
		"length of a list that is wrong: messages by tag \"t\" is not counted",
		"length of a list that is wrong: posts by  \"\" is not counted",
		"length of a list that is wrong: posts by owner \"s\" is not counted",
		"length of a list that is wrong: posts by tag \"t\" is not counted",
		"length of a list that is wrong: posts by type \"x\" is not counted",
		"live message recorded as something else: m",
		"machine without a message: v",
		"measurement without a message: q",
		"message without a total: //POST has 1 processed",
		"message without a total: /s/ has 1 processed",
		"message without a total: s// has 1 processed",
		"message without a total: s//POST has 1 processed",
		"pending without a row: p",
		"pin of a file without a record: nothing",
		"pin of a message that is gone: none",
		"post and message do not match: a",
		"post and message do not match: m",
		"post and message do not match: o",
		"post shows a wrong amend: o",
		"record of a removal that does not take place: x",
		"recorded as live beside the message: m",
		"rejected without a record: r",
		"removed without a record: y",
		"sum of costs that is wrong: s by hold is 0.2 off",
		`sum of expenses that is wrong: of "s" for "v"`,
		"tag of a message that is gone: m",
		"tag that points elsewhere than its message: stray",
		"tag that the post does not show: o",
		"total that is wrong: // counts 7 processed, there are 1",
	}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

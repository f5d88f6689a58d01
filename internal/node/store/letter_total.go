package store

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"aleph/message"
)

// LetterState says why the node has a record of a message that is not live.
type LetterState string

// The states of a dead letter.
const (
	LetterPending  LetterState = "pending"  // waits, and is tried again
	LetterRejected LetterState = "rejected" // is not tried again
	// LetterRetried is the record of a rejected message that waits again; the
	// queue has it as pending too.
	LetterRetried LetterState = "retried"
)

// LetterKey names a kept total.
type LetterKey struct {
	State LetterState
	Code  message.Code
}

// LetterTotal is how many records there are and the bytes of the messages in them.
type LetterTotal struct {
	Total int64
	Bytes int64
}

const sqlAddLetters = `INSERT INTO letter_totals (state, error_code, total, bytes) VALUES ($1, $2, $3, $4)
ON CONFLICT (state, error_code) DO UPDATE SET total = letter_totals.total + excluded.total, bytes = letter_totals.bytes + excluded.bytes`

// AddLetters changes the kept totals.
func (tx *Tx) AddLetters(deltas map[LetterKey]LetterTotal) error {
	order := func(a, b LetterKey) int { return cmp.Or(cmp.Compare(a.State, b.State), cmp.Compare(a.Code, b.Code)) }
	for _, key := range slices.SortedFunc(maps.Keys(deltas), order) {
		d := deltas[key]
		if d == (LetterTotal{}) {
			continue
		}
		if err := tx.exec("letter.count", sqlAddLetters, string(key.State), int64(key.Code), d.Total, d.Bytes); err != nil {
			return err
		}
	}
	return nil
}

const sqlLetterTotals = `SELECT state, error_code, total, bytes FROM letter_totals WHERE total <> 0 ORDER BY state, error_code`

// LetterTotals returns how many messages wait or are rejected, by the reason.
func (r Reader) LetterTotals(ctx context.Context) (map[LetterKey]LetterTotal, error) {
	rows, err := r.q.query(ctx, "letter.totals", sqlLetterTotals)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	totals := map[LetterKey]LetterTotal{}
	for rows.Next() {
		var key LetterKey
		var t LetterTotal
		if err := rows.Scan(&key.State, &key.Code, &t.Total, &t.Bytes); err != nil {
			return nil, err
		}
		totals[key] = t
	}
	return totals, rows.Err()
}

// sqlWrongLetters finds kept totals that are wrong; see [Reader.Inconsistencies].
const sqlWrongLetters = `SELECT t.state || ' ' || CAST(t.error_code AS TEXT) || ' counts ' || CAST(t.total AS TEXT) FROM letter_totals t WHERE t.total <>
CASE WHEN t.state = 'pending' THEN (SELECT COUNT(*) FROM pending_messages p WHERE p.error_code = t.error_code)
ELSE (SELECT COUNT(*) FROM rejected_messages r WHERE r.error_code = t.error_code AND r.waiting = (t.state = 'retried')) END
OR t.bytes <> CASE WHEN t.state = 'pending' THEN 0 ELSE
(SELECT COALESCE(SUM(r.size), 0) FROM rejected_messages r WHERE r.error_code = t.error_code AND r.waiting = (t.state = 'retried')) END
UNION ALL SELECT 'pending ' || p.item_hash || ' is not counted' FROM pending_messages p WHERE ('pending', p.error_code) NOT IN
(SELECT state, error_code FROM letter_totals)
UNION ALL SELECT 'rejected ' || r.item_hash || ' is not counted' FROM rejected_messages r
WHERE (CASE WHEN r.waiting THEN 'retried' ELSE 'rejected' END, r.error_code) NOT IN (SELECT state, error_code FROM letter_totals)`

package store

import (
	"context"
	"encoding/json"
	"strings"

	"aleph/message"
)

// RejectedRow is the record of a refused message.
type RejectedRow struct {
	ItemHash message.Hash
	Message  json.RawMessage // shape X. // spec ccn-http-api 3.6
	Code     message.Code
	Details  json.RawMessage // {"errors": […]} or null
	// Traceback tells an operator what went wrong inside the node.
	Traceback string
	TxHash    string
	At        message.Timestamp // of the latest rejection
	// Sender and Type are empty for what never became a message.
	Sender message.Address
	Type   message.Type
	// Trusted says that the signature was not looked at: a smart contract sent
	// the message.
	Trusted bool
	// Waiting says that the message was queued again after it was rejected.
	Waiting bool
	// Size is the length of Message when it was recorded.
	Size int64
}

// State says in which total the record counts.
func (r *RejectedRow) State() LetterState {
	if r.Waiting {
		return LetterRetried
	}
	return LetterRejected
}

const rejectedColumns = `item_hash, message, error_code, details, traceback, tx_hash, rejected_at, sender, type, trusted, waiting, size`

func scanRejected(row scanner) (*RejectedRow, error) {
	var r RejectedRow
	var msg, details, traceback, txHash text
	err := row.Scan(&r.ItemHash, &msg, &r.Code, &details, &traceback, &txHash, &r.At, &r.Sender, &r.Type, &r.Trusted, &r.Waiting, &r.Size)
	if err != nil {
		return nil, err
	}
	r.Message, r.Details = json.RawMessage(msg), jsonOrNull(details)
	r.Traceback, r.TxHash = string(traceback), string(txHash)
	return &r, nil
}

// jsonOrNull returns what a column holds as JSON; NULL is null.
func jsonOrNull(column text) json.RawMessage {
	if column == "" {
		return json.RawMessage("null")
	}
	return json.RawMessage(column)
}

// nullJSON returns what a column holds for JSON: NULL for null.
func nullJSON(raw json.RawMessage) any {
	if string(raw) == "null" {
		return nil
	}
	return null(string(raw))
}

// The message of the first rejection is kept, the reason is the latest. // spec messages 4.6
const sqlSetRejected = `INSERT INTO rejected_messages (` + rejectedColumns + `)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT (item_hash) DO UPDATE SET error_code = excluded.error_code, details = excluded.details,
traceback = excluded.traceback, tx_hash = excluded.tx_hash, rejected_at = excluded.rejected_at, waiting = excluded.waiting`

// SetRejected records why a message is refused.
func (tx *Tx) SetRejected(r *RejectedRow) error {
	delete(tx.known.rejected, r.ItemHash)
	return tx.exec("rejected.set", sqlSetRejected, string(r.ItemHash), string(r.Message), int64(r.Code), nullJSON(r.Details),
		null(storable(r.Traceback)), null(r.TxHash), int64(r.At), string(r.Sender), string(r.Type), r.Trusted, r.Waiting, r.Size)
}

// storable makes text of what an error says, which may be anything: NUL and bytes
// that are not UTF-8 are no text to PostgreSQL.
func storable(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

const sqlRejectedWaits = `UPDATE rejected_messages SET waiting = TRUE WHERE item_hash = $1`

// RejectedWaits notes that a rejected message is queued again.
func (tx *Tx) RejectedWaits(hash message.Hash) error {
	delete(tx.known.rejected, hash)
	return tx.exec("rejected.waits", sqlRejectedWaits, string(hash))
}

const sqlDeleteRejected = `DELETE FROM rejected_messages WHERE item_hash = $1`

// DeleteRejected removes the record of a message.
func (tx *Tx) DeleteRejected(hash message.Hash) error {
	tx.known.rejected[hash] = nil
	return tx.exec("rejected.delete", sqlDeleteRejected, string(hash))
}

const sqlRejected = `SELECT ` + rejectedColumns + ` FROM rejected_messages WHERE item_hash = $1`

// Rejected returns the record of a refused message, or [message.ErrNotFound].
// The status row says whether it still counts.
func (r Reader) Rejected(ctx context.Context, hash message.Hash) (*RejectedRow, error) {
	rows, err := r.q.query(ctx, "rejected.get", sqlRejected, string(hash))
	return one(rows, err, scanRejected)
}

// rejectedHeadColumns are rejectedColumns without what may be long.
const rejectedHeadColumns = `item_hash, NULL, error_code, NULL, NULL, tx_hash, rejected_at, sender, type, trusted, waiting, size`

const sqlRejectedHead = `SELECT ` + rejectedHeadColumns + ` FROM rejected_messages WHERE item_hash = $1`

// RejectedHead returns the record of a refused message without the message and
// the reason in words, or [message.ErrNotFound].
func (r Reader) RejectedHead(ctx context.Context, hash message.Hash) (*RejectedRow, error) {
	if row, ok, err := recall(r.known.rejected, hash); ok {
		return row, err
	}
	rows, err := r.q.query(ctx, "rejected.head", sqlRejectedHead, string(hash))
	return one(rows, err, scanRejected)
}

const sqlOldestRejected = `SELECT ` + rejectedHeadColumns + ` FROM rejected_messages WHERE rejected_at < $1 ORDER BY rejected_at, item_hash DESC LIMIT $2`

// OldestRejected returns up to limit records that are older than an instant,
// the oldest first, without their messages.
func (r Reader) OldestRejected(ctx context.Context, before message.Timestamp, limit int) ([]*RejectedRow, error) {
	rows, err := r.q.query(ctx, "rejected.oldest", sqlOldestRejected, int64(before), limit)
	return all(rows, err, scanRejected)
}

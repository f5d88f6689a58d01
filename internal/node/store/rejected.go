package store

import (
	"context"
	"encoding/json"

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
}

const rejectedColumns = `item_hash, message, error_code, details, traceback, tx_hash`

func scanRejected(row scanner) (*RejectedRow, error) {
	var r RejectedRow
	var msg, details, traceback, txHash text
	if err := row.Scan(&r.ItemHash, &msg, &r.Code, &details, &traceback, &txHash); err != nil {
		return nil, err
	}
	r.Message, r.Details = json.RawMessage(msg), json.RawMessage("null")
	if details != "" {
		r.Details = json.RawMessage(details)
	}
	r.Traceback, r.TxHash = string(traceback), string(txHash)
	return &r, nil
}

// The message of the first rejection is kept, the reason is the latest. // spec messages 4.6
const sqlSetRejected = `INSERT INTO rejected_messages (` + rejectedColumns + `) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (item_hash) DO UPDATE SET error_code = excluded.error_code, details = excluded.details,
traceback = excluded.traceback, tx_hash = excluded.tx_hash`

// SetRejected records why a message is refused.
func (tx *Tx) SetRejected(r *RejectedRow) error {
	details := string(r.Details)
	if details == "null" {
		details = ""
	}
	return tx.exec("rejected.set", sqlSetRejected, string(r.ItemHash), string(r.Message), int64(r.Code), null(details),
		null(r.Traceback), null(r.TxHash))
}

const sqlRejected = `SELECT ` + rejectedColumns + ` FROM rejected_messages WHERE item_hash = $1`

// Rejected returns the record of a refused message, or [message.ErrNotFound].
// The status row says whether it still counts.
func (r Reader) Rejected(ctx context.Context, hash message.Hash) (*RejectedRow, error) {
	rows, err := r.q.query(ctx, "rejected.get", sqlRejected, string(hash))
	return one(rows, err, scanRejected)
}

package store

import (
	"context"

	"aleph/message"
)

// LetterFilter selects dead letters. An empty member restricts nothing.
type LetterFilter struct {
	Codes   []message.Code
	Senders []message.Address
	Types   []message.Type
	// Since is the earliest instant of the rejection, or of the reception of a
	// message that waits.
	Since message.Timestamp
}

func (f LetterFilter) where(at string) *where {
	w := new(where)
	codes := make([]int64, len(f.Codes))
	for i, code := range f.Codes {
		codes[i] = int64(code)
	}
	in(w, "error_code", codes)
	in(w, "sender", unique(f.Senders))
	in(w, "type", unique(f.Types))
	w.between(at, f.Since, 0)
	return w
}

// ListRejected returns records of rejected messages, the newest first, after a
// place in this order; a limit of 0 is none. The messages themselves are not read.
func (r Reader) ListRejected(ctx context.Context, f LetterFilter, after *After, limit int64) ([]*RejectedRow, error) {
	w := f.where("rejected_at")
	w.raw("NOT waiting")
	if after != nil {
		w.after("rejected_at", "item_hash", false, *after)
	}
	text := `SELECT item_hash, NULL, error_code, details, traceback, tx_hash, rejected_at, sender, type, trusted, waiting, size
FROM rejected_messages` + w.clause() + ` ORDER BY rejected_at DESC, item_hash` + pageOf(limit, 0)
	rows, err := r.q.query(ctx, "", text, w.args...)
	return all(rows, err, scanRejected)
}

// ListPending returns messages that wait, the newest first, before an id in
// this order; 0 begins with the newest. Their contents are not read.
func (r Reader) ListPending(ctx context.Context, f LetterFilter, before, limit int64) ([]*PendingRow, error) {
	w := f.where("reception_time")
	if before != 0 {
		w.and("id < ", before)
	}
	text := `SELECT ` + pendingHeadColumns + ` FROM pending_messages` + w.clause() + ` ORDER BY id DESC` + pageOf(limit, 0)
	rows, err := r.q.query(ctx, "", text, w.args...)
	return all(rows, err, scanPending)
}

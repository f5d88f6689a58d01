package store

import (
	"context"

	"aleph/message"
)

// ForgottenList is one page of what remains of forgotten messages. The filter's
// times bound when a message was forgotten; its members about the content,
// which is gone, and about blocks have no effect. // spec ccn-http-api 5.1
type ForgottenList struct {
	MessageFilter
	Ascending bool
	Offset    int64
	// Limit is the most rows, 0 for all.
	Limit int64
}

// ListForgotten returns a page of forgotten messages, those without a time last.
func (r Reader) ListForgotten(ctx context.Context, l ForgottenList) ([]*ForgottenRow, error) {
	text, args := l.statement()
	rows, err := r.q.query(ctx, "", text, args...)
	return all(rows, err, scanForgotten)
}

func (l ForgottenList) statement() (string, []any) {
	w := l.where()
	order := ` ORDER BY f.forgotten_at DESC NULLS LAST, f.item_hash`
	if l.Ascending {
		order = ` ORDER BY f.forgotten_at NULLS LAST, f.item_hash`
	}
	text := `SELECT ` + forgottenColumns + ` FROM forgotten_messages f` + w.clause() + order + pageOf(l.Limit, l.Offset)
	return text, w.args
}

// CountForgotten returns how many messages the whole list has.
func (r Reader) CountForgotten(ctx context.Context, l ForgottenList) (int64, error) {
	w := l.where()
	rows, err := r.q.query(ctx, "", `SELECT COUNT(*) FROM forgotten_messages f`+w.clause(), w.args...)
	return one(rows, err, column[int64])
}

func (l ForgottenList) where() *where {
	w := new(where)
	l.gone(w, "COALESCE(f.payment_type, '"+string(message.PaymentHold)+"')", "f.forgotten_at")
	return w
}

// gone adds what a filter says of messages that are not live any more, in a table
// named f: payment is its expression for how a message was paid, at the column of
// the time.
func (f MessageFilter) gone(w *where, payment, at string) {
	in(w, "f.item_hash", unique(f.Hashes))
	in(w, "f.type", unique(f.Types))
	in(w, "f.sender", unique(f.Senders))
	in(w, "f.owner", unique(f.Owners))
	in(w, "f.chain", unique(f.Chains))
	in(w, "f.channel", unique(f.Channels))
	in(w, payment, unique(f.PaymentTypes))
	w.between(at, f.From, f.Until)
}

package store

import (
	"context"
)

// RemovedList is one page of what remains of removed messages. The filter's
// times bound when a message was removed; its members about the content, which
// is gone, and about blocks have no effect. // spec ccn-http-api 5.1
type RemovedList struct {
	MessageFilter
	Ascending bool
	Offset    int64
	// Limit is the most rows, 0 for all.
	Limit int64
}

// ListRemoved returns a page of removed messages.
func (r Reader) ListRemoved(ctx context.Context, l RemovedList) ([]*RemovedRow, error) {
	text, args := l.statement()
	rows, err := r.q.query(ctx, "", text, args...)
	return all(rows, err, scanRemoved)
}

func (l RemovedList) statement() (string, []any) {
	w := l.where()
	order := ` ORDER BY f.removed_at DESC, f.item_hash`
	if l.Ascending {
		order = ` ORDER BY f.removed_at, f.item_hash`
	}
	text := `SELECT ` + removedColumns + ` FROM removed_messages f` + w.clause() + order + pageOf(l.Limit, l.Offset)
	return text, w.args
}

// CountRemoved returns how many messages the whole list has.
func (r Reader) CountRemoved(ctx context.Context, l RemovedList) (int64, error) {
	w := l.where()
	rows, err := r.q.query(ctx, "", `SELECT COUNT(*) FROM removed_messages f`+w.clause(), w.args...)
	return one(rows, err, column[int64])
}

func (l RemovedList) where() *where {
	w := new(where)
	w.raw("f.removed_at IS NOT NULL")
	l.gone(w, "f.payment_type", "f.removed_at")
	return w
}

package store

import (
	"context"

	"aleph/message"
)

// HashList is one page of the hashes of live messages, ordered by when this
// node received them. // spec ccn-http-api 5.2
type HashList struct {
	// Status restricts to one status; empty is any.
	Status message.Status
	// From and Until bound the reception time: from ≤ time < until.
	From, Until message.Timestamp
	Ascending   bool
	// After begins the page after a reception time and hash.
	After  *After
	Offset int64
	// Limit is the most rows, 0 for all.
	Limit int64
}

// ListHashes returns a page of the hashes of live messages.
func (r Reader) ListHashes(ctx context.Context, l HashList) ([]StatusRow, error) {
	text, args := l.statement()
	rows, err := r.q.query(ctx, "", text, args...)
	return all(rows, err, scanStatus)
}

func (l HashList) statement() (string, []any) {
	w := l.where()
	if l.After != nil {
		w.after("m.reception_time", "m.item_hash", l.Ascending, *l.After)
	}
	order := ` ORDER BY m.reception_time DESC, m.item_hash`
	if l.Ascending {
		order = ` ORDER BY m.reception_time, m.item_hash`
	}
	text := `SELECT m.item_hash, m.status, m.reception_time FROM messages m` + w.clause() + order + pageOf(l.Limit, l.Offset)
	return text, w.args
}

// CountHashes returns how many hashes the whole list has.
func (r Reader) CountHashes(ctx context.Context, l HashList) (int64, error) {
	if l.From == 0 && l.Until == 0 {
		filter := MessageFilter{}
		if l.Status != "" {
			filter.Statuses = []message.Status{l.Status}
		}
		return r.CountMessages(ctx, filter)
	}
	w := l.where()
	rows, err := r.q.query(ctx, "", `SELECT COUNT(*) FROM messages m`+w.clause(), w.args...)
	return one(rows, err, column[int64])
}

func (l HashList) where() *where {
	w := new(where)
	if l.Status != "" {
		w.and("m.status = ", string(l.Status))
	}
	w.between("m.reception_time", l.From, l.Until)
	return w
}

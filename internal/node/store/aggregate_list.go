package store

import (
	"context"
	"strings"

	"aleph/message"
)

// AggregateList is one page of aggregates. // spec ccn-http-api 7.2
type AggregateList struct {
	Owners []message.Address
	Keys   []string
	// ByCreation orders by the time of the oldest element, else by the newest.
	ByCreation bool
	Ascending  bool
	// After begins the page after a place in the order.
	After  *AfterAggregate
	Offset int64
	// Limit is the most rows, 0 for all.
	Limit int64
}

// AfterAggregate is the place in a list of aggregates after which a page begins.
type AfterAggregate struct {
	Time message.Timestamp
	AggregateKey
}

// ListAggregates returns a page of aggregates, ordered by time, then by key and
// owner.
func (r Reader) ListAggregates(ctx context.Context, l AggregateList) ([]AggregateRow, error) {
	text, args := l.statement()
	rows, err := r.q.query(ctx, "", text, args...)
	return all(rows, err, scanAggregate)
}

func (l AggregateList) statement() (string, []any) {
	w := l.where()
	column, beyond, direction := "a.last_updated", " < ", " DESC"
	if l.ByCreation {
		column = "a.creation_datetime"
	}
	if l.Ascending {
		beyond, direction = " > ", ""
	}
	if l.After != nil {
		at := w.param(int64(l.After.Time))
		w.raw(column + strings.TrimSpace(beyond) + "= " + at)
		w.raw("(" + column + beyond + at + " OR (a.key, a.owner) > (" + w.param(l.After.Key) + ", " + w.param(string(l.After.Owner)) + "))")
	}
	if len(w.conds) == 0 {
		w.raw(column + " >= 0") // always so: it makes a planner take the index of the order
	}
	text := `SELECT ` + aggregateColumns + ` FROM aggregates a` + w.clause() +
		` ORDER BY ` + column + direction + `, a.key, a.owner` + pageOf(l.Limit, l.Offset)
	return text, w.args
}

// CountAggregates returns how many aggregates the whole list has.
func (r Reader) CountAggregates(ctx context.Context, l AggregateList) (int64, error) {
	w := l.where()
	rows, err := r.q.query(ctx, "", `SELECT COUNT(*) FROM aggregates a`+w.clause(), w.args...)
	return one(rows, err, column[int64])
}

func (l AggregateList) where() *where {
	w := new(where)
	in(w, "a.owner", unique(l.Owners))
	in(w, "a.key", unique(l.Keys))
	return w
}

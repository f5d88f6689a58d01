package store

import (
	"strconv"
	"strings"
)

// where builds the WHERE clause of a dynamic query: conditions joined by AND,
// values only ever as parameters.
//
//	var w where
//	w.and("type = ", filter.Type)
//	in(&w, "sender", senders)
//	rows, err := r.q.query(ctx, "", "SELECT … FROM messages"+w.clause()+" LIMIT "+w.param(n), w.args...)
//
// The texts given to it are constants of this package, never input.
type where struct {
	conds []string
	args  []any
	// narrowed says that [narrow] has found what to search by.
	narrowed bool
}

// param adds a value and returns its placeholder.
func (w *where) param(value any) string {
	w.args = append(w.args, value)
	return "$" + strconv.Itoa(len(w.args))
}

// raw adds a condition without a value.
func (w *where) raw(cond string) { w.conds = append(w.conds, cond) }

// and adds a condition whose text ends where the value goes.
func (w *where) and(cond string, value any) {
	w.conds = append(w.conds, cond+w.param(value))
}

// clause returns " WHERE …", or "" without conditions.
func (w *where) clause() string {
	if len(w.conds) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.conds, " AND ")
}

// in adds "column IN (…)" unless values is empty, which restricts nothing.
func in[T any](w *where, column string, values []T) {
	if len(values) > 0 {
		w.conds = append(w.conds, column+" IN ("+list(w, values)+")")
	}
}

// list adds the values and returns their placeholders, separated by commas.
func list[T any](w *where, values []T) string {
	var b strings.Builder
	for i, v := range values {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(w.param(v))
	}
	return b.String()
}

// narrow is in for a column with an index. Only the first one that restricts is
// searched by: call it for the column first of which a value selects least. A
// database without statistics prefers an index that gives the order, and walks
// the messages of a whole type for the few that have a reference.
func narrow[T any](w *where, column string, values []T) {
	if len(values) == 0 {
		return
	}
	if w.narrowed {
		column += " || ''" // no index has this
	}
	w.narrowed = true
	in(w, column, values)
}

// tagged restricts to rows whose column names a message with one of the tags.
func (w *where) tagged(column string, tags []string) {
	switch {
	case len(tags) == 0:
	case w.narrowed:
		w.raw("EXISTS (SELECT 1 FROM message_tags t WHERE t.item_hash = " + column + " AND t.tag IN (" + list(w, tags) + "))")
	default:
		w.raw(column + " IN (SELECT t.item_hash FROM message_tags t WHERE t.tag IN (" + list(w, tags) + "))")
		w.narrowed = true
	}
}

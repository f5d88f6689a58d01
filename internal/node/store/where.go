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
//	rows, err := r.q.query(ctx, "", "SELECT … FROM messages"+w.clause()+pageOf(20, 0), w.args...)
//
// The texts given to it are constants of this package, never input.
type where struct {
	conds []string
	args  []any
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

// after restricts a list ordered by time in either direction, then by hash
// ascending, to what comes after a place.
func (w *where) after(time, hash string, ascending bool, place After) {
	w.raw(w.beyond(time, hash, ascending, place))
}

// beyond returns that condition.
func (w *where) beyond(time, hash string, ascending bool, place After) string {
	sign := " < "
	if ascending {
		sign = " > "
	}
	at := w.param(int64(place.Time))
	// The first condition is implied by the second; it lets an index be used.
	return time + strings.TrimSpace(sign) + "= " + at + " AND (" + time + sign + at + " OR " + hash + " > " + w.param(string(place.Hash)) + ")"
}

// pageOf returns the end of a query; a limit of 0 is none. The numbers stand in
// the text: a planner that does not know how few rows are wanted sorts all there
// are.
func pageOf(limit, offset int64) string {
	var text string
	if limit > 0 {
		text = " LIMIT " + strconv.FormatInt(limit, 10)
	}
	if offset > 0 {
		if limit <= 0 {
			text = " LIMIT " + strconv.FormatInt(1<<62, 10) // SQLite has no offset without a limit
		}
		text += " OFFSET " + strconv.FormatInt(offset, 10)
	}
	return text
}

package store

import (
	"context"
	"slices"
	"strings"

	"aleph/message"
)

// MessageFilter selects live messages. Its members are joined by "and", the
// elements of a list by "or"; an empty member restricts nothing.
// // spec ccn-http-api 5.1
type MessageFilter struct {
	Statuses      []message.Status
	Types         []message.Type
	Senders       []message.Address
	Owners        []message.Address
	Refs          []string
	ContentHashes []message.Hash
	ContentKeys   []string
	ContentTypes  []string
	Chains        []message.Chain
	Channels      []string
	Tags          []string
	Hashes        []message.Hash
	PaymentTypes  []message.PaymentType
	// From and Until bound the time: from ≤ time < until.
	From, Until message.Timestamp
	// FromBlock and UntilBlock bound the height of the first confirmation. An
	// unconfirmed message is after every height.
	FromBlock, UntilBlock int64
}

// After is the place in a list, ordered by time and hash, after which a page
// begins.
type After struct {
	Time message.Timestamp
	Hash message.Hash
}

// MessageList is one page of live messages.
type MessageList struct {
	MessageFilter
	// ByConfirmation orders by the time of the first confirmation: unconfirmed
	// messages are newer than all others. // spec ccn-http-api 5.1
	ByConfirmation bool
	Ascending      bool
	// After begins the page after a place in the order by time.
	After  *After
	Offset int64
	// Limit is the most rows, 0 for all.
	Limit int64
	// NoBody leaves the content of storage and ipfs messages unread.
	NoBody bool
}

// messageHeadColumns are messageColumns without the fetched content.
var messageHeadColumns = strings.TrimSuffix(messageColumns, "m.content") + "NULL"

// ListMessages returns a page of live messages.
func (r Reader) ListMessages(ctx context.Context, l MessageList) ([]*MessageRow, error) {
	text, args := l.statement()
	rows, err := r.q.query(ctx, "", text, args...)
	return all(rows, err, scanMessage)
}

func (l MessageList) statement() (string, []any) {
	columns := messageColumns
	if l.NoBody {
		columns = messageHeadColumns
	}
	w := new(where)
	l.MessageFilter.rest(w)
	if l.ByConfirmation {
		return l.byConfirmation(w, columns)
	}
	list := listing{
		where: w, table: "messages m", alias: "m", columns: columns, time: "time", ascending: l.Ascending, after: l.After,
		filters: l.MessageFilter.filters(), limit: l.Limit, offset: l.Offset,
	}
	return list.statement()
}

// byConfirmation reads the confirmed and the unconfirmed messages, each in the
// order of an index, and puts one before the other. // spec ccn-http-api 5.1
func (l MessageList) byConfirmation(w *where, columns string) (string, []any) {
	list := listing{where: w, table: "messages m", alias: "m", filters: l.MessageFilter.filters(), limit: l.Limit, offset: l.Offset}
	list.narrow()
	direction, unconfirmed, confirmed := " DESC", "0", "1"
	if l.Ascending {
		direction, unconfirmed, confirmed = "", "1", "0"
	}
	order := "m.time" + direction + ", m.item_hash"
	most := l.Limit
	if most > 0 {
		most += l.Offset
	}
	part := func(rank, cond, order string) string {
		return "SELECT * FROM (SELECT m.id, " + rank + " AS rank, COALESCE(m.first_confirmed_at, 0) AS at, m.time, m.item_hash FROM messages m" +
			list.conditions(cond, "m") + " ORDER BY " + order + pageOf(most, 0) + ") AS b" + rank
	}
	parts := []string{part(confirmed, "m.first_confirmed_at IS NOT NULL", "m.first_confirmed_at"+direction+", "+order)}
	if l.UntilBlock == 0 { // else no unconfirmed message is in the list
		parts = append(parts, part(unconfirmed, "m.first_confirmed_at IS NULL", order))
	}
	text := "SELECT " + columns + " FROM (" + strings.Join(parts, " UNION ALL ") +
		") AS u JOIN messages m ON m.id = u.id ORDER BY u.rank, u.at" + direction + ", u.time" + direction + ", u.item_hash" +
		pageOf(l.Limit, l.Offset)
	return text, w.args
}

// filters returns what has an index, from what selects least to what selects
// most.
func (f MessageFilter) filters() []filter {
	return []filter{
		{hashes: true, values: unique(f.Hashes)},
		{column: "m.content_item_hash", values: unique(f.ContentHashes)},
		{column: "m.content_ref", values: unique(f.Refs)},
		{column: "m.sender", values: unique(f.Senders), sender: true},
		{column: "m.owner", values: unique(f.Owners)},
		{table: "message_tags", values: unique(f.Tags)},
		{column: "m.content_key", values: unique(f.ContentKeys)},
		{column: "m.content_type", values: unique(f.ContentTypes)},
		{column: "m.channel", values: unique(f.Channels)},
		{column: "m.chain", values: unique(f.Chains)},
		{column: "m.type", values: unique(f.Types)},
		{column: "m.payment_type", values: unique(f.PaymentTypes)},
	}
}

// rest adds the conditions that are looked at row by row.
func (f MessageFilter) rest(w *where) {
	if !f.allLive() {
		// In these words: the few that are removing have an index, and who is
		// processed is nearly all.
		switch {
		case slices.Contains(f.Statuses, message.StatusRemoving):
			w.raw("m.status = 'removing'")
		case slices.Contains(f.Statuses, message.StatusProcessed):
			w.raw("m.status <> 'removing'")
		default:
			w.raw("1 = 0") // no live message has such a status
		}
	}
	w.between("m.time", f.From, f.Until)
	if f.FromBlock > 0 {
		w.raw("(+m.first_confirmed_height >= " + w.param(f.FromBlock) + " OR m.first_confirmed_height IS NULL)")
	}
	if f.UntilBlock > 0 {
		w.and("+m.first_confirmed_height < ", f.UntilBlock) // not by its index: by that of the order
	}
}

// allLive reports whether the statuses are those of every live message.
func (f MessageFilter) allLive() bool {
	return len(f.Statuses) == 0 ||
		slices.Contains(f.Statuses, message.StatusProcessed) && slices.Contains(f.Statuses, message.StatusRemoving)
}

// unique returns the different values of a list, sorted, so that no list of a
// caller has more values than one statement takes.
func unique[T ~string](values []T) []string {
	if len(values) == 0 {
		return nil
	}
	list := make([]string, len(values))
	for i, v := range values {
		list[i] = string(v)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// between restricts a column to from ≤ column < until; zero restricts nothing.
func (w *where) between(column string, from, until message.Timestamp) {
	if from != 0 {
		w.and(column+" >= ", int64(from))
	}
	if until != 0 {
		w.and(column+" < ", int64(until))
	}
}

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
	w := l.where()
	if l.After != nil {
		w.after("m.time", "m.item_hash", l.Ascending, *l.After)
	}
	text := `SELECT ` + columns + ` FROM messages m` + w.clause() + l.order() + w.limit(l.Limit, l.Offset)
	return text, w.args
}

func (l MessageList) order() string {
	switch {
	case l.ByConfirmation && l.Ascending:
		return ` ORDER BY m.first_confirmed_at IS NULL, m.first_confirmed_at, m.time, m.item_hash`
	case l.ByConfirmation:
		return ` ORDER BY m.first_confirmed_at IS NOT NULL, m.first_confirmed_at DESC, m.time DESC, m.item_hash`
	case l.Ascending:
		return ` ORDER BY m.time, m.item_hash`
	}
	return ` ORDER BY m.time DESC, m.item_hash`
}

func (f MessageFilter) where() *where {
	w := new(where)
	if !f.allLive() {
		in(w, "m.status", unique(f.Statuses))
	}
	// From what selects least to what selects most.
	narrow(w, "m.item_hash", unique(f.Hashes))
	narrow(w, "m.content_item_hash", unique(f.ContentHashes))
	narrow(w, "m.content_ref", unique(f.Refs))
	narrow(w, "m.sender", unique(f.Senders))
	narrow(w, "m.owner", unique(f.Owners))
	w.tagged("m.item_hash", unique(f.Tags))
	narrow(w, "m.content_key", unique(f.ContentKeys))
	narrow(w, "m.content_type", unique(f.ContentTypes))
	narrow(w, "m.channel", unique(f.Channels))
	narrow(w, "m.type", unique(f.Types))
	narrow(w, "m.payment_type", unique(f.PaymentTypes))
	in(w, "m.chain", unique(f.Chains))
	w.between("m.time", f.From, f.Until)
	if f.FromBlock > 0 {
		w.raw("(m.first_confirmed_height >= " + w.param(f.FromBlock) + " OR m.first_confirmed_height IS NULL)")
	}
	if f.UntilBlock > 0 {
		w.and("m.first_confirmed_height < ", f.UntilBlock)
	}
	return w
}

// allLive reports whether the statuses are those of every live message.
func (f MessageFilter) allLive() bool {
	return len(f.Statuses) == 0 ||
		slices.Contains(f.Statuses, message.StatusProcessed) && slices.Contains(f.Statuses, message.StatusRemoving)
}

// CountMessages returns how many live messages a filter selects. The usual
// filters read a total that is kept on write. // spec ccn-http-api 14.1
func (r Reader) CountMessages(ctx context.Context, f MessageFilter) (int64, error) {
	if kept, ok := f.kept(); ok {
		return r.keptTotal(ctx, kept, f)
	}
	w := f.where()
	rows, err := r.q.query(ctx, "", `SELECT COUNT(*) FROM messages m`+w.clause(), w.args...)
	return one(rows, err, column[int64])
}

// kept returns the kept total that a filter asks for, if it does.
func (f MessageFilter) kept() (CountFilter, bool) {
	var c CountFilter
	if len(f.Types) > 1 || len(f.Senders) > 1 || len(f.Owners) > 1 {
		return c, false
	}
	if len(f.Owners) == 1 && (len(f.Types) > 0 || len(f.Senders) > 0) {
		return c, false
	}
	filtered := len(f.Refs) + len(f.ContentHashes) + len(f.ContentKeys) + len(f.ContentTypes) + len(f.Chains) +
		len(f.Channels) + len(f.Tags) + len(f.Hashes) + len(f.PaymentTypes)
	if filtered > 0 || f.From != 0 || f.Until != 0 || f.FromBlock != 0 || f.UntilBlock != 0 {
		return c, false
	}
	for _, typ := range f.Types {
		c.Type = typ
	}
	for _, sender := range f.Senders {
		c.Sender = sender
	}
	for _, owner := range f.Owners {
		c.Owner = owner
	}
	// An address that is empty selects nothing, and in a kept total everything.
	return c, (len(f.Senders) == 0 || c.Sender != "") && (len(f.Owners) == 0 || c.Owner != "") && (len(f.Types) == 0 || c.Type != "")
}

func (r Reader) keptTotal(ctx context.Context, c CountFilter, f MessageFilter) (int64, error) {
	var total int64
	for _, status := range []message.Status{message.StatusProcessed, message.StatusRemoving} {
		if !f.allLive() && !slices.Contains(f.Statuses, status) {
			continue
		}
		c.Status = status
		n, err := r.Count(ctx, c)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
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

// after restricts a list ordered by time in either direction, then by hash
// ascending, to what comes after a place.
func (w *where) after(time, hash string, ascending bool, place After) {
	beyond := " < "
	if ascending {
		beyond = " > "
	}
	at := w.param(int64(place.Time))
	// The first condition is implied by the second; it lets an index be used.
	w.raw(time + strings.TrimSpace(beyond) + "= " + at)
	w.raw("(" + time + beyond + at + " OR " + hash + " > " + w.param(string(place.Hash)) + ")")
}

// limit returns the end of a query; a limit of 0 is none.
func (w *where) limit(limit, offset int64) string {
	if limit == 0 {
		limit = 1<<63 - 1
	}
	return " LIMIT " + w.param(limit) + " OFFSET " + w.param(offset)
}

package store

import (
	"context"
	"strings"

	"aleph/message"
)

// Senders selects and orders those who sent processed messages. // spec ccn-http-api 8.2
type Senders struct {
	// Contains is a part of the address in any case, "" for all.
	Contains string
	// Type is whose total orders the list, "" for the total of all types.
	Type      message.Type
	Ascending bool
	// After begins the page after a place in the order.
	After  *AfterSender
	Offset int64
	// Limit is the most senders, 0 for all.
	Limit int64
}

// AfterSender is the place in a list of senders after which a page begins.
type AfterSender struct {
	Total   int64
	Address message.Address
}

// RankedSender is a sender and the total that orders the list.
type RankedSender struct {
	Address message.Address
	Total   int64
}

// ListSenders returns a page of senders by their total, then by address. Those
// who have none of the type follow, or come first when the order is ascending.
// A page sorts the totals of all senders: an index of them would change with
// each message, and cost SQLite a tenth of its speed.
func (r Reader) ListSenders(ctx context.Context, l Senders) ([]RankedSender, error) {
	parts := []bool{true, false} // with messages of the type, without
	if l.Ascending {
		parts = []bool{false, true}
	}
	if l.Type == "" {
		parts = []bool{true}
	} else if l.After != nil && l.Ascending == (l.After.Total > 0) {
		parts = parts[1:] // the place is in the second part
	}
	var page []RankedSender
	for i, some := range parts {
		text, args := l.statement(some)
		rows, err := r.q.query(ctx, "", text, args...)
		part, err := all(rows, err, func(row scanner) (s RankedSender, err error) {
			return s, row.Scan(&s.Address, &s.Total)
		})
		if err != nil {
			return nil, err
		}
		page = append(page, part...)
		if i == len(parts)-1 || (l.Limit > 0 && int64(len(part)) == l.Limit) {
			break
		}
		if l.Limit > 0 {
			l.Limit -= int64(len(part))
		}
		if len(part) > 0 {
			l.Offset = 0
		} else if l.Offset > 0 {
			n, err := r.countPart(ctx, l, some)
			if err != nil {
				return nil, err
			}
			l.Offset = max(l.Offset-n, 0)
		}
		l.After = nil
	}
	return page, nil
}

// CountSenders returns how many senders the whole list has.
func (r Reader) CountSenders(ctx context.Context, l Senders) (int64, error) {
	l.Type = ""
	return r.countPart(ctx, l, true)
}

func (r Reader) countPart(ctx context.Context, l Senders, some bool) (int64, error) {
	w := l.where(some)
	rows, err := r.q.query(ctx, "", `SELECT COUNT(*) FROM message_counts c`+w.clause(), w.args...)
	return one(rows, err, column[int64])
}

func (l Senders) where(some bool) *where {
	w := new(where)
	w.raw("c.status = 'processed' AND c.owner = '' AND c.sender > '' AND c.total > 0")
	if some {
		w.and("c.type = ", string(l.Type))
	} else {
		w.raw("c.type = ''")
		w.raw("NOT EXISTS (SELECT 1 FROM message_counts t WHERE t.sender = c.sender AND t.owner = '' AND t.type = " +
			w.param(string(l.Type)) + " AND t.status = 'processed' AND t.total > 0)")
	}
	if l.Contains != "" {
		escaped := strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(strings.ToLower(l.Contains))
		w.raw("LOWER(c.sender) LIKE " + w.param("%"+escaped+"%") + ` ESCAPE '\'`)
	}
	return w
}

func (l Senders) statement(some bool) (string, []any) {
	w := l.where(some)
	if !some {
		if l.After != nil {
			w.raw("c.sender > " + w.param(string(l.After.Address)))
		}
		return `SELECT c.sender, 0 FROM message_counts c` + w.clause() + ` ORDER BY c.sender` + pageOf(l.Limit, l.Offset), w.args
	}
	beyond, direction := " < ", " DESC"
	if l.Ascending {
		beyond, direction = " > ", ""
	}
	if l.After != nil {
		at := w.param(l.After.Total)
		w.raw("c.total" + strings.TrimSpace(beyond) + "= " + at)
		w.raw("(c.total" + beyond + at + " OR c.sender > " + w.param(string(l.After.Address)) + ")")
	}
	return `SELECT c.sender, c.total FROM message_counts c` + w.clause() + ` ORDER BY c.total` + direction + `, c.sender` + pageOf(l.Limit, l.Offset), w.args
}

const sqlSenderTotals = `SELECT type, total FROM message_counts WHERE sender = $1 AND owner = '' AND status = 'processed'`

// SenderTotals returns how many processed messages a sender has, by type; those
// of all types are under "".
func (r Reader) SenderTotals(ctx context.Context, sender message.Address) (map[message.Type]int64, error) {
	totals := map[message.Type]int64{}
	if sender == "" {
		return totals, nil // in a kept total it stands for anybody
	}
	rows, err := r.q.query(ctx, "sender.totals", sqlSenderTotals, string(sender))
	_, err = all(rows, err, func(row scanner) (struct{}, error) {
		var typ message.Type
		var total int64
		err := row.Scan(&typ, &total)
		totals[typ] = total
		return struct{}{}, err
	})
	return totals, err
}

// What senders used is a list for each of them: the dimension is the sender.
const (
	listSenderChannels  = "sender_channels"
	listSenderPostTypes = "sender_post_types"
)

const sqlSenderValues = `SELECT value FROM list_counts WHERE list = $1 AND dimension = $2 AND total > 0 ORDER BY value`

// SenderChannels returns the different channels of a sender's live messages, in
// code-point order.
func (r Reader) SenderChannels(ctx context.Context, sender message.Address) ([]string, error) {
	rows, err := r.q.query(ctx, "sender.values", sqlSenderValues, listSenderChannels, string(sender))
	return all(rows, err, column[string])
}

// SenderPostTypes returns the different types of a sender's live posts, in
// code-point order.
func (r Reader) SenderPostTypes(ctx context.Context, sender message.Address) ([]string, error) {
	rows, err := r.q.query(ctx, "sender.values", sqlSenderValues, listSenderPostTypes, string(sender))
	return all(rows, err, column[string])
}

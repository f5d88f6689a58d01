package store

import (
	"context"
	"slices"

	"aleph/message"
)

// CountMessages returns how many live messages a filter selects. A filter by one
// thing reads a total that is kept on write; a combination is counted through
// the index of what selects least. // spec ccn-http-api 14.1
func (r Reader) CountMessages(ctx context.Context, f MessageFilter) (int64, error) {
	if !f.allLive() && !slices.Contains(f.Statuses, message.StatusProcessed) && !slices.Contains(f.Statuses, message.StatusRemoving) {
		return 0, nil // no live message has such a status
	}
	total, kept, err := r.keptTotal(ctx, f)
	if kept || err != nil {
		return total, err
	}
	if f.onlyTime() {
		return r.between(ctx, listMessages, sqlMessagesWithin, f.From, f.Until)
	}
	if below := f.FromBlock; below > 0 && f.UntilBlock == 0 {
		// All but those confirmed before: the others need not have a height.
		f.FromBlock = 0
		if total, kept, err = r.keptTotal(ctx, f); kept && err == nil && f.onlyTime() {
			rows, err := r.q.query(ctx, "message.below", sqlBelow, below)
			n, err := one(rows, err, column[int64])
			return total - n, err
		}
		f.FromBlock = below
	}
	if f.allLive() && f.onlyTags() {
		return r.countTagged(ctx, f.Tags)
	}
	return r.countMessages(ctx, f)
}

// onlyTags reports whether nothing but tags restricts a filter.
func (f MessageFilter) onlyTags() bool {
	f.Tags = nil
	return f.From == 0 && f.Until == 0 && f.onlyTime()
}

// countTagged counts the messages that have one of several tags, from the index of the tags alone.
func (r Reader) countTagged(ctx context.Context, tags []string) (int64, error) {
	w := new(where)
	text := `SELECT COUNT(*) FROM (SELECT t.id FROM message_tags t WHERE t.tag IN (` + list(w, unique(tags)) + `) GROUP BY t.id) one`
	rows, err := r.q.query(ctx, "", text, w.args...)
	return one(rows, err, column[int64])
}

const sqlBelow = `SELECT COUNT(*) FROM messages WHERE first_confirmed_height IS NOT NULL AND first_confirmed_height < $1`

// onlyTime reports whether nothing but the time restricts a filter.
func (f MessageFilter) onlyTime() bool {
	return f.allLive() && f.FromBlock == 0 && f.UntilBlock == 0 &&
		!slices.ContainsFunc(f.filters(), func(filter filter) bool { return len(filter.values) > 0 })
}

// countMessages counts what a filter selects.
func (r Reader) countMessages(ctx context.Context, f MessageFilter) (int64, error) {
	w := new(where)
	f.rest(w)
	list := listing{where: w, table: "messages m", alias: "m", filters: f.filters()}
	list.narrow()
	rows, err := r.q.query(ctx, "", `SELECT COUNT(*) FROM messages m`+w.clause(), w.args...)
	return one(rows, err, column[int64])
}

// keptTotal returns the total of a filter by at most one thing; the second
// result is false for any other.
func (r Reader) keptTotal(ctx context.Context, f MessageFilter) (int64, bool, error) {
	if f.From != 0 || f.Until != 0 || f.FromBlock != 0 || f.UntilBlock != 0 ||
		len(f.Refs)+len(f.ContentHashes)+len(f.Hashes) > 0 || len(f.Tags) > 1 {
		return 0, false, nil
	}
	senders, owners, types := unique(f.Senders), unique(f.Owners), unique(f.Types)
	if len(owners) > 0 && len(senders)+len(types) > 0 {
		return 0, false, nil
	}
	addressed := len(senders)+len(owners)+len(types) > 0
	var dimension string
	var values []string
	for _, d := range []struct {
		name   string
		values []string
	}{
		{"chain", unique(f.Chains)},
		{"channel", unique(f.Channels)},
		{"content_type", unique(f.ContentTypes)},
		{"content_key", unique(f.ContentKeys)},
		{"payment_type", unique(f.PaymentTypes)},
		{"tag", unique(f.Tags)},
	} {
		if len(d.values) == 0 {
			continue
		}
		// These totals are of all live messages, whatever their status.
		if addressed || dimension != "" || !f.allLive() {
			return 0, false, nil
		}
		dimension, values = d.name, d.values
	}
	if dimension != "" {
		total, err := r.valueTotal(ctx, listMessages, dimension, values...)
		return total, true, err
	}
	total, err := r.statusTotal(ctx, f, senders, owners, types)
	return total, true, err
}

// statusTotal adds up the totals of senders and types, or of owners, for the
// statuses of a filter.
func (r Reader) statusTotal(ctx context.Context, f MessageFilter, senders, owners, types []string) (int64, error) {
	orAny := func(list []string) []string {
		if len(list) == 0 {
			return []string{""}
		}
		// An address that is empty selects nothing, and in a kept total everything.
		return slices.DeleteFunc(list, func(s string) bool { return s == "" })
	}
	var total int64
	for _, status := range []message.Status{message.StatusProcessed, message.StatusRemoving} {
		if !f.allLive() && !slices.Contains(f.Statuses, status) {
			continue
		}
		for _, sender := range orAny(senders) {
			for _, owner := range orAny(owners) {
				for _, typ := range orAny(types) {
					n, err := r.Count(ctx, CountFilter{
						Sender: message.Address(sender), Owner: message.Address(owner), Type: message.Type(typ), Status: status,
					})
					if err != nil {
						return 0, err
					}
					total += n
				}
			}
		}
	}
	return total, nil
}

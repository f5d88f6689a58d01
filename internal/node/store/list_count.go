package store

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"

	"aleph/message"
)

// The lists whose totals are kept by what many of their members share.
const (
	listMessages = "messages"
	listPosts    = "posts"
)

// valueKey names a total of a list: of the members with that value of a
// dimension, or of all when both are empty.
type valueKey struct{ list, dimension, value string }

func (tx *Tx) countValue(list, dimension, value string, delta int64) {
	tx.values[valueKey{list, dimension, value}] += delta
}

// countMessage adds a message to the totals of the list of live messages.
func (tx *Tx) countMessage(m *MessageRow, delta int64) {
	tx.countHour(listMessages, m.Message.Time, delta)
	tx.countValue(listMessages, "chain", string(m.Message.Chain), delta)
	if m.Message.Channel != nil {
		tx.countValue(listMessages, "channel", *m.Message.Channel, delta)
		tx.countValue(listSenderChannels, string(m.Message.Sender), *m.Message.Channel, delta)
	}
	if m.ContentType != "" {
		tx.countValue(listMessages, "content_type", m.ContentType, delta)
		if m.Message.Type == message.TypePost {
			tx.countValue(listSenderPostTypes, string(m.Message.Sender), m.ContentType, delta)
		}
	}
	if m.ContentKey != nil {
		tx.countValue(listMessages, "content_key", *m.ContentKey, delta)
	}
	if m.PaymentType != "" {
		tx.countValue(listMessages, "payment_type", string(m.PaymentType), delta)
	}
	for _, tag := range m.Tags {
		tx.countValue(listMessages, "tag", tag, delta)
	}
}

// countPost adds an original post to the totals of the list of posts. Its tags
// are counted where they change; updated is the time of what it shows.
func (tx *Tx) countPost(p *PostRow, updated message.Timestamp, delta int64) {
	tx.countHour(listPosts, updated, delta)
	tx.countValue(listPosts, "", "", delta)
	tx.countValue(listPosts, "owner", string(p.Owner), delta)
	tx.countValue(listPosts, "type", p.Type, delta)
	if p.Channel != nil {
		tx.countValue(listPosts, "channel", *p.Channel, delta)
	}
}

const sqlAddValue = `INSERT INTO list_counts (list, dimension, value, total) VALUES ($1, $2, $3, $4)
ON CONFLICT (list, dimension, value) DO UPDATE SET total = list_counts.total + excluded.total`

// writeValues brings the totals to the database, in the order of their key so
// that neighbours are written together.
func (tx *Tx) writeValues() error {
	keys := slices.SortedFunc(maps.Keys(tx.values), func(a, b valueKey) int {
		return cmp.Or(cmp.Compare(a.list, b.list), cmp.Compare(a.dimension, b.dimension), cmp.Compare(a.value, b.value))
	})
	for _, k := range keys {
		delta := tx.values[k]
		if delta == 0 {
			continue
		}
		if err := tx.exec("value.add", sqlAddValue, k.list, k.dimension, k.value, delta); err != nil {
			return err
		}
	}
	return nil
}

const sqlValueTotal = `SELECT total FROM list_counts WHERE list = $1 AND dimension = $2 AND value = $3`

// valueTotal returns how many members of a list have one of the values, of
// which each member has at most one.
func (r Reader) valueTotal(ctx context.Context, list, dimension string, values ...string) (int64, error) {
	var total int64
	for _, value := range values {
		rows, err := r.q.query(ctx, "value.get", sqlValueTotal, list, dimension, value)
		n, err := one(rows, err, column[int64])
		if err != nil && !errors.Is(err, message.ErrNotFound) {
			return 0, err
		}
		total += n
	}
	return total, nil
}

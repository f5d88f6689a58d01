package store

import (
	"context"
	"errors"
	"fmt"

	"aleph/message"
)

// countKey names a total; an empty member means "any".
type countKey struct {
	sender, owner message.Address
	typ           message.Type
	status        message.Status
}

// count adds a message to the totals of its dimension sets, which reach the
// database with the commit. // spec ccn-http-api 14.1
func (tx *Tx) count(m *MessageRow, delta int64) {
	sender, typ, status := m.Message.Sender, m.Message.Type, m.Status
	tx.counts[countKey{status: status}] += delta
	tx.counts[countKey{typ: typ, status: status}] += delta
	tx.counts[countKey{sender: sender, status: status}] += delta
	tx.counts[countKey{sender: sender, typ: typ, status: status}] += delta
	tx.counts[countKey{owner: m.Owner, status: status}] += delta
}

const sqlAddCount = `INSERT INTO message_counts (sender, owner, type, status, total) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (sender, owner, type, status) DO UPDATE SET total = message_counts.total + excluded.total`

func (tx *Tx) writeCounts() error {
	for k, delta := range tx.counts {
		if delta == 0 {
			continue
		}
		err := tx.exec("count.add", sqlAddCount, string(k.sender), string(k.owner), string(k.typ), string(k.status), delta)
		if err != nil {
			return err
		}
	}
	return nil
}

// CountFilter selects a kept total: all messages, those of one type, of one
// sender, of one sender and type, or of one owner. Empty means any.
type CountFilter struct {
	Sender message.Address
	Owner  message.Address
	Type   message.Type
	Status message.Status // required
}

const sqlCount = `SELECT total FROM message_counts WHERE sender = $1 AND owner = $2 AND type = $3 AND status = $4`

// Count returns a total that is kept on write.
func (r Reader) Count(ctx context.Context, f CountFilter) (int64, error) {
	rows, err := r.q.query(ctx, "count.get", sqlCount, string(f.Sender), string(f.Owner), string(f.Type), string(f.Status))
	n, err := one(rows, err, column[int64])
	if errors.Is(err, message.ErrNotFound) {
		return 0, nil
	}
	return n, err
}

func errNotText(v any) error { return fmt.Errorf("column holds %T, not text", v) }

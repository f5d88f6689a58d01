package store

import (
	"context"

	"aleph/message"
)

// RemovedRow is what remains of a message that was not paid for.
type RemovedRow struct {
	// Message is the envelope without its content.
	Message     message.Message
	Owner       message.Address
	PaymentType message.PaymentType
	Size        *int64 // of the file of a STORE
	RemovedAt   message.Timestamp
}

const removedColumns = `item_hash, type, chain, sender, signature, item_type, time, channel, owner, payment_type, size, removed_at`

const sqlRemoved = `SELECT ` + removedColumns + ` FROM removed_messages WHERE item_hash = $1 AND removed_at IS NOT NULL`

// Removed returns what remains of a removed message, or [message.ErrNotFound];
// also while it is removing.
func (r Reader) Removed(ctx context.Context, hash message.Hash) (*RemovedRow, error) {
	rows, err := r.q.query(ctx, "removed.get", sqlRemoved, string(hash))
	return one(rows, err, scanRemoved)
}

func scanRemoved(row scanner) (*RemovedRow, error) {
	var f RemovedRow
	var signature text
	m := &f.Message
	err := row.Scan(&m.ItemHash, &m.Type, &m.Chain, &m.Sender, &signature, &m.ItemType, &m.Time, &m.Channel,
		&f.Owner, &f.PaymentType, &f.Size, &f.RemovedAt)
	m.Signature = string(signature)
	return &f, err
}

const (
	sqlSetStatusOf = `UPDATE messages SET status = $2 WHERE item_hash = $1`
	sqlSnapshot    = `INSERT INTO removed_messages (item_hash, size, due) VALUES ($1, $2, $3)
ON CONFLICT (item_hash) DO UPDATE SET size = excluded.size, due = excluded.due`
	sqlDropRemoved = `DELETE FROM removed_messages WHERE item_hash = $1`
)

// setLive changes the status of a live message and its share of the totals.
func (tx *Tx) setLive(m *MessageRow, status message.Status) error {
	if err := tx.exec("message.status", sqlSetStatusOf, string(m.Message.ItemHash), string(status)); err != nil {
		return err
	}
	delete(tx.known.heads, m.Message.ItemHash)
	tx.count(m, -1)
	m.Status = status
	tx.count(m, 1)
	return nil
}

// SetRemoving marks a live message as unpaid, to go when due, and keeps the size
// of its file.
func (tx *Tx) SetRemoving(m *MessageRow, size *int64, due message.Timestamp) error {
	if err := tx.setLive(m, message.StatusRemoving); err != nil {
		return err
	}
	var bytes any
	if size != nil {
		bytes = *size
	}
	return tx.exec("removed.snapshot", sqlSnapshot, string(m.Message.ItemHash), bytes, int64(due))
}

// SetRecovered takes SetRemoving back.
func (tx *Tx) SetRecovered(m *MessageRow) error {
	if err := tx.setLive(m, message.StatusProcessed); err != nil {
		return err
	}
	return tx.DropRemoved(m.Message.ItemHash)
}

// DropRemoved deletes the record of a removal, if there is one.
func (tx *Tx) DropRemoved(hash message.Hash) error {
	return tx.exec("removed.drop", sqlDropRemoved, string(hash))
}

const sqlSetRemoved = `INSERT INTO removed_messages (` + removedColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT (item_hash) DO UPDATE SET type = excluded.type, chain = excluded.chain, sender = excluded.sender, signature = excluded.signature,
item_type = excluded.item_type, time = excluded.time, channel = excluded.channel, owner = excluded.owner,
payment_type = excluded.payment_type, size = COALESCE(removed_messages.size, excluded.size), removed_at = excluded.removed_at`

// SetRemoved records what remains of a message. The size that SetRemoving has
// kept stays.
func (tx *Tx) SetRemoved(f *RemovedRow) error {
	m := &f.Message
	var size any
	if f.Size != nil {
		size = *f.Size
	}
	return tx.exec("removed.set", sqlSetRemoved, string(m.ItemHash), string(m.Type), string(m.Chain), string(m.Sender),
		null(m.Signature), string(m.ItemType), int64(m.Time), nullPtr(m.Channel), string(f.Owner), string(f.PaymentType),
		size, int64(f.RemovedAt))
}

const sqlRemoving = `SELECT item_hash FROM removed_messages WHERE removed_at IS NULL AND due <= $1 AND item_hash > $2 ORDER BY item_hash LIMIT $3`

// Removing returns removing messages after the given one that go by now, in
// order.
func (r Reader) Removing(ctx context.Context, now message.Timestamp, after message.Hash, limit int) ([]message.Hash, error) {
	rows, err := r.q.query(ctx, "removed.due", sqlRemoving, int64(now), string(after), limit)
	return all(rows, err, column[message.Hash])
}

const sqlGracePin = `UPDATE file_pins SET type = 'grace_period', delete_by = $2 WHERE item_hash = $1 AND type = 'message'`

// PinToGrace turns the pin of a STORE into one that ends at deleteBy. All else
// of it stays.
func (tx *Tx) PinToGrace(item message.Hash, deleteBy message.Timestamp) error {
	delete(tx.known.pins, item)
	return tx.exec("pin.grace", sqlGracePin, string(item), int64(deleteBy))
}

const sqlMessagePin = `UPDATE file_pins SET type = 'message', delete_by = NULL WHERE item_hash = $1 AND type = 'grace_period'`

// PinFromGrace takes PinToGrace back and reports whether the pin was still there.
func (tx *Tx) PinFromGrace(item message.Hash) (bool, error) {
	delete(tx.known.pins, item)
	n, err := tx.changed("pin.restore", sqlMessagePin, string(item))
	return n > 0, err
}

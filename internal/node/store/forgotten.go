package store

import (
	"context"
	"slices"

	"aleph/message"
)

// ForgottenRow is what remains of a forgotten message.
type ForgottenRow struct {
	// Message is the envelope without its content.
	Message     message.Message
	Owner       message.Address
	PaymentType message.PaymentType
	Size        *int64 // of the file of a STORE
	ForgottenBy []message.Hash
	ForgottenAt *message.Timestamp
}

const forgottenColumns = `item_hash, type, chain, sender, signature, item_type, time, channel, owner, payment_type, size, forgotten_by, forgotten_at`

func scanForgotten(row scanner) (*ForgottenRow, error) {
	var f ForgottenRow
	var signature, owner, payment, by text
	m := &f.Message
	err := row.Scan(&m.ItemHash, &m.Type, &m.Chain, &m.Sender, &signature, &m.ItemType, &m.Time, &m.Channel,
		&owner, &payment, &f.Size, &by, &f.ForgottenAt)
	if err != nil {
		return nil, err
	}
	m.Signature, f.Owner, f.PaymentType = string(signature), message.Address(owner), message.PaymentType(payment)
	f.ForgottenBy = slices.Collect(hashesOf(decodeStrings(string(by))))
	return &f, nil
}

const sqlForgotten = `SELECT ` + forgottenColumns + ` FROM forgotten_messages WHERE item_hash = $1`

// Forgotten returns what remains of a forgotten message, or [message.ErrNotFound].
func (r Reader) Forgotten(ctx context.Context, hash message.Hash) (*ForgottenRow, error) {
	rows, err := r.q.query(ctx, "forgotten.get", sqlForgotten, string(hash))
	return one(rows, err, scanForgotten)
}

const sqlInsertForgotten = `INSERT INTO forgotten_messages (` + forgottenColumns + `)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`

// InsertForgotten records what remains of a message.
func (tx *Tx) InsertForgotten(f *ForgottenRow) error {
	m := &f.Message
	var size, at any
	if f.Size != nil {
		size = *f.Size
	}
	if f.ForgottenAt != nil {
		at = int64(*f.ForgottenAt)
	}
	return tx.exec("forgotten.insert", sqlInsertForgotten, string(m.ItemHash), string(m.Type), string(m.Chain), string(m.Sender),
		null(m.Signature), string(m.ItemType), int64(m.Time), nullPtr(m.Channel), null(f.Owner), null(f.PaymentType),
		size, encodeStrings(f.ForgottenBy), at)
}

const sqlSetForgottenBy = `UPDATE forgotten_messages SET forgotten_by = $2 WHERE item_hash = $1`

// SetForgottenBy records which FORGET messages name a forgotten message.
func (tx *Tx) SetForgottenBy(hash message.Hash, by []message.Hash) error {
	return tx.exec("forgotten.by", sqlSetForgottenBy, string(hash), encodeStrings(by))
}

package store

import (
	"aleph/message"
)

// numbered is a message and its number in this database.
type numbered struct {
	hash message.Hash
	id   int64
}

const sqlLastNumber = `SELECT COALESCE(MAX(id), 0) FROM messages`

// nextNumber gives a new message its number. There is one writer, so the
// numbers given are known here: the highest is read once per transaction.
func (tx *Tx) nextNumber(hash message.Hash) (int64, error) {
	if tx.highest == 0 {
		rows, err := tx.query(tx.ctx, "message.number", sqlLastNumber)
		if tx.highest, err = one(rows, err, column[int64]); err != nil {
			return 0, err
		}
	}
	tx.highest++
	tx.last = numbered{hash, tx.highest}
	return tx.highest, nil
}

const sqlNumber = `SELECT id FROM messages WHERE item_hash = $1`

// number returns the number of a live message, or [message.ErrNotFound]. That
// of the message inserted last is at hand.
func (tx *Tx) number(hash message.Hash) (int64, error) {
	if tx.last.hash == hash {
		return tx.last.id, nil
	}
	rows, err := tx.query(tx.ctx, "message.id", sqlNumber, string(hash))
	return one(rows, err, column[int64])
}

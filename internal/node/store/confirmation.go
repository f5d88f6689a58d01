package store

import (
	"context"

	"aleph/message"
)

// Confirmation is a transaction that confirms a message. // spec messages 4.9
type Confirmation struct {
	Chain  message.Chain     `json:"chain"`
	Height int64             `json:"height"`
	Hash   string            `json:"hash"`
	Time   message.Timestamp `json:"-"`
}

// Confirmations returns what confirms each of the messages, the earliest first.
func (r Reader) Confirmations(ctx context.Context, hashes []message.Hash) (map[message.Hash][]Confirmation, error) {
	type confirmed struct {
		hash message.Hash
		Confirmation
	}
	list, err := among(ctx, r.q, "confirmation.batch", `SELECT c.item_hash, t.chain, t.height, t.hash, t.datetime
FROM message_confirmations c JOIN chain_txs t ON t.hash = c.tx_hash WHERE c.item_hash IN (`, hashes, `)
ORDER BY c.item_hash, t.datetime, t.height, t.hash`, func(row scanner) (confirmed, error) {
		var c confirmed
		return c, row.Scan(&c.hash, &c.Chain, &c.Height, &c.Hash, &c.Time)
	})
	found := map[message.Hash][]Confirmation{}
	for _, c := range list {
		found[c.hash] = append(found[c.hash], c.Confirmation)
	}
	return found, err
}

// AddConfirmations fills in what confirms the messages. It asks only for those
// that have a confirmation at all.
func (r Reader) AddConfirmations(ctx context.Context, rows ...*MessageRow) error {
	var hashes []message.Hash
	for _, m := range rows {
		if m.FirstConfirmedAt != nil {
			hashes = append(hashes, m.Message.ItemHash)
		}
	}
	if len(hashes) == 0 {
		return nil
	}
	found, err := r.Confirmations(ctx, hashes)
	if err != nil {
		return err
	}
	for _, m := range rows {
		m.Confirmations = found[m.Message.ItemHash]
	}
	return nil
}

const (
	sqlConfirm = `INSERT INTO message_confirmations (item_hash, tx_hash) VALUES ($1, $2) ON CONFLICT (item_hash, tx_hash) DO NOTHING`
	// The first confirmation is the least of all, whatever comes first.
	sqlFirstConfirmed = `UPDATE messages SET
first_confirmed_at = CASE WHEN first_confirmed_at <= $2 THEN first_confirmed_at ELSE $2 END,
first_confirmed_height = CASE WHEN first_confirmed_height <= $3 THEN first_confirmed_height ELSE $3 END
WHERE item_hash = $1`
)

// Confirm records that a known transaction confirms a live message, and reports
// whether it did not before.
func (tx *Tx) Confirm(hash message.Hash, by *ChainTx) (bool, error) {
	n, err := tx.changed("confirmation.insert", sqlConfirm, string(hash), by.Hash)
	if err != nil || n == 0 {
		return false, err
	}
	delete(tx.known.heads, hash)
	return true, tx.exec("confirmation.first", sqlFirstConfirmed, string(hash), int64(by.Time), by.Height)
}

const sqlDropConfirmations = `DELETE FROM message_confirmations WHERE item_hash = $1`

const sqlRemember = `INSERT INTO pending_confirmations (item_hash, tx_hash, sender, signature) VALUES ($1, $2, $3, $4)
ON CONFLICT (item_hash, tx_hash, sender, signature) DO NOTHING`

// RememberConfirmation records that a known transaction will confirm a message
// once that copy of it is processed. // Q-10
func (tx *Tx) RememberConfirmation(m *message.Message, txHash string) error {
	delete(tx.known.unremembered, m.ItemHash)
	return tx.exec("remembered.insert", sqlRemember, string(m.ItemHash), txHash, string(m.Sender), m.Signature)
}

const sqlRemembered = `SELECT t.hash, t.chain, t.height, t.datetime, t.publisher, t.protocol, t.protocol_version, t.content
FROM pending_confirmations p JOIN chain_txs t ON t.hash = p.tx_hash
WHERE p.item_hash = $1 AND p.sender = $2 AND p.signature = $3 ORDER BY t.hash`

// RememberedConfirmations returns the transactions that confirm a copy of a
// message that was not processed until now.
func (r Reader) RememberedConfirmations(ctx context.Context, m *message.Message) ([]*ChainTx, error) {
	if r.known.unremembered[m.ItemHash] {
		return nil, nil
	}
	rows, err := r.q.query(ctx, "remembered.get", sqlRemembered, string(m.ItemHash), string(m.Sender), m.Signature)
	return all(rows, err, scanChainTx)
}

const sqlForgetRemembered = `DELETE FROM pending_confirmations WHERE item_hash = $1`

// DropRemembered removes the transactions remembered for any copy of a message.
func (tx *Tx) DropRemembered(hash message.Hash) error {
	if tx.known.unremembered[hash] {
		return nil
	}
	return tx.exec("remembered.delete", sqlForgetRemembered, string(hash))
}

// What must never be found of confirmations; see [Reader.Inconsistencies].
const (
	sqlStrayConfirmation = `SELECT c.item_hash FROM message_confirmations c LEFT JOIN messages m ON m.item_hash = c.item_hash
LEFT JOIN chain_txs t ON t.hash = c.tx_hash WHERE m.item_hash IS NULL OR t.hash IS NULL`
	sqlWrongFirst = `SELECT m.item_hash FROM messages m LEFT JOIN (SELECT c.item_hash AS item_hash, MIN(t.datetime) AS first_at, MIN(t.height) AS least
FROM message_confirmations c JOIN chain_txs t ON t.hash = c.tx_hash GROUP BY c.item_hash) f ON f.item_hash = m.item_hash
WHERE COALESCE(m.first_confirmed_at, -1) <> COALESCE(f.first_at, -1) OR COALESCE(m.first_confirmed_height, -1) <> COALESCE(f.least, -1)`
	sqlStrayRemembered = `SELECT p.item_hash FROM pending_confirmations p LEFT JOIN message_status s ON s.item_hash = p.item_hash
LEFT JOIN chain_txs t ON t.hash = p.tx_hash WHERE s.status IS NULL OR s.status NOT IN ('pending', 'rejected') OR t.hash IS NULL`
)

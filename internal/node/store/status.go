package store

import (
	"context"
	"slices"

	"aleph/message"
)

// StatusRow says where a message stands. // spec messages 4.1
type StatusRow struct {
	ItemHash      message.Hash
	Status        message.Status
	ReceptionTime message.Timestamp
}

const statusColumns = `item_hash, status, reception_time`

func scanStatus(row scanner) (StatusRow, error) {
	var s StatusRow
	return s, row.Scan(&s.ItemHash, &s.Status, &s.ReceptionTime)
}

// A live message says where it stands in its own row, the others in
// message_status; no hash is in both.
const sqlStatus = `SELECT ` + statusColumns + ` FROM messages WHERE item_hash = $1
UNION ALL SELECT ` + statusColumns + ` FROM message_status WHERE item_hash = $1`

// Status returns where a message stands, or [message.ErrNotFound].
func (r Reader) Status(ctx context.Context, hash message.Hash) (StatusRow, error) {
	rows, err := r.q.query(ctx, "status.get", sqlStatus, string(hash))
	return one(rows, err, scanStatus)
}

const statusesIn = `SELECT ` + statusColumns + ` FROM `

// Statuses returns where each of the known ones of hashes stands.
func (r Reader) Statuses(ctx context.Context, hashes []message.Hash) (map[message.Hash]StatusRow, error) {
	found := make(map[message.Hash]StatusRow, len(hashes))
	note := func(s StatusRow) { found[s.ItemHash] = s }
	var unread []message.Hash
	for _, hash := range hashes {
		switch s, ok := r.known.statuses[hash]; {
		case !ok:
			unread = append(unread, hash)
		case s != nil:
			note(*s)
		}
	}
	return found, ask(ctx, r.q, slices.Concat(
		each("status.messages", statusesIn+`messages WHERE item_hash IN (`, unread, `)`, scanStatus, note),
		each("status.message_status", statusesIn+`message_status WHERE item_hash IN (`, unread, `)`, scanStatus, note),
	))
}

// A status row keeps the earliest reception time. // spec messages 4.1
const sqlSetStatus = `INSERT INTO message_status (` + statusColumns + `) VALUES ($1, $2, $3)
ON CONFLICT (item_hash) DO UPDATE SET status = excluded.status,
reception_time = CASE WHEN excluded.reception_time < message_status.reception_time
THEN excluded.reception_time ELSE message_status.reception_time END`

// SetStatus records where a message stands that is not live.
func (tx *Tx) SetStatus(hash message.Hash, status message.Status, received message.Timestamp) error {
	delete(tx.known.statuses, hash)
	return tx.exec("status.set", sqlSetStatus, string(hash), string(status), int64(received))
}

const sqlClearStatus = `DELETE FROM message_status WHERE item_hash = $1`

// ClearStatus removes the record of a message that was not live and is now.
func (tx *Tx) ClearStatus(hash message.Hash) error {
	delete(tx.known.statuses, hash)
	return tx.exec("status.clear", sqlClearStatus, string(hash))
}

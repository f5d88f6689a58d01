package store

import (
	"context"

	"aleph/message"
)

const sqlExpireGrace = `DELETE FROM file_pins WHERE id IN
(SELECT id FROM file_pins WHERE delete_by < $1 ORDER BY delete_by LIMIT $2) RETURNING file_hash`

const (
	sqlMarkDeletion = `INSERT INTO file_deletions (hash) SELECT hash FROM files WHERE hash = $1
AND NOT EXISTS (SELECT 1 FROM file_pins WHERE file_hash = $1) ON CONFLICT DO NOTHING`
	sqlDeleteFile = `DELETE FROM files WHERE hash = $1 AND hash IN (SELECT hash FROM file_deletions)`
)

// ExpireGrace removes up to limit grace pins whose time is over, and the rows
// of files that nothing keeps any more. The hashes of these stay in the list
// of [Reader.FileDeletions] until their bytes are gone. It returns how many
// pins it removed.
func (tx *Tx) ExpireGrace(now message.Timestamp, limit int) (int, error) {
	rows, err := tx.query(tx.ctx, "pin.expire", sqlExpireGrace, int64(now), limit)
	expired, err := all(rows, err, column[string])
	if err != nil {
		return 0, err
	}
	for _, hash := range expired {
		if err := tx.exec("deletion.mark", sqlMarkDeletion, hash); err != nil {
			return 0, err
		}
		delete(tx.known.files, message.Hash(hash))
		if err := tx.exec("file.delete", sqlDeleteFile, hash); err != nil {
			return 0, err
		}
	}
	return len(expired), nil
}

const sqlDeletions = `SELECT hash FROM file_deletions WHERE hash NOT IN (SELECT hash FROM files) ORDER BY hash LIMIT $1`

// FileDeletions returns files whose bytes may go: nothing refers to them.
func (r Reader) FileDeletions(ctx context.Context, limit int) ([]message.Hash, error) {
	rows, err := r.q.query(ctx, "deletion.list", sqlDeletions, limit)
	return all(rows, err, column[message.Hash])
}

const (
	sqlForgetDeletion = `DELETE FROM file_deletions WHERE hash = $1`
	sqlKeptDeletions  = `DELETE FROM file_deletions WHERE hash IN (SELECT hash FROM files)`
)

// DeletedFiles takes files off the list: their bytes are gone. Files that came
// back meanwhile leave the list too.
func (tx *Tx) DeletedFiles(hashes []message.Hash) error {
	for _, hash := range hashes {
		if err := tx.exec("deletion.done", sqlForgetDeletion, string(hash)); err != nil {
			return err
		}
	}
	return tx.exec("deletion.kept", sqlKeptDeletions)
}

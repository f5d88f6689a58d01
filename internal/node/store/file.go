package store

import (
	"cmp"
	"context"

	"aleph/message"
)

// FileType says what a file hash names.
type FileType string

// The kinds of file.
const (
	FileRegular   FileType = "file"
	FileDirectory FileType = "directory"
)

// FileRow is a file that the node answers for.
type FileRow struct {
	Hash message.Hash
	Size int64
	Type FileType
}

func scanFile(row scanner) (FileRow, error) {
	var f FileRow
	return f, row.Scan(&f.Hash, &f.Size, &f.Type)
}

const sqlFile = `SELECT hash, size, type FROM files WHERE hash = $1`

// File returns a known file, or [message.ErrNotFound].
func (r Reader) File(ctx context.Context, hash message.Hash) (FileRow, error) {
	if row, ok, err := recall(r.known.files, hash); ok {
		return deref(row), err
	}
	rows, err := r.q.query(ctx, "file.get", sqlFile, string(hash))
	return one(rows, err, scanFile)
}

const sqlSetFile = `INSERT INTO files (hash, size, type) VALUES ($1, $2, $3)
ON CONFLICT (hash) DO UPDATE SET size = excluded.size, type = excluded.type`

// SetFile records a file.
func (tx *Tx) SetFile(f FileRow) error {
	tx.known.files[f.Hash] = &f
	return tx.exec("file.set", sqlSetFile, string(f.Hash), f.Size, string(f.Type))
}

// PinType says why a file is kept. // spec messages 6.3
type PinType string

// The types of pin.
const (
	PinMessage PinType = "message"
	PinContent PinType = "content"
	PinTx      PinType = "tx"
	PinGrace   PinType = "grace_period"
)

// PinRow is a reason to keep a file.
type PinRow struct {
	FileHash message.Hash
	Type     PinType
	Created  message.Timestamp
	Owner    message.Address
	ItemHash message.Hash // "" for the grace pin of an upload
	Ref      string
	Tag      string // the tag that a message pin feeds
	DeleteBy message.Timestamp
}

const pinColumns = `file_hash, type, created, owner, item_hash, ref, tag, delete_by`

func scanPin(row scanner) (PinRow, error) {
	var p PinRow
	var owner, item, ref, tag text
	var deleteBy *message.Timestamp
	err := row.Scan(&p.FileHash, &p.Type, &p.Created, &owner, &item, &ref, &tag, &deleteBy)
	p.Owner, p.ItemHash, p.Ref, p.Tag = message.Address(owner), message.Hash(item), string(ref), string(tag)
	if deleteBy != nil {
		p.DeleteBy = *deleteBy
	}
	return p, err
}

const sqlPin = `SELECT ` + pinColumns + ` FROM file_pins WHERE item_hash = $1 AND type = $2`

// Pin returns the pin of that type which a message holds, or [message.ErrNotFound].
func (r Reader) Pin(ctx context.Context, item message.Hash, t PinType) (PinRow, error) {
	if t == PinMessage {
		if row, ok, err := recall(r.known.pins, item); ok {
			return deref(row), err
		}
	}
	rows, err := r.q.query(ctx, "pin.get", sqlPin, string(item), string(t))
	return one(rows, err, scanPin)
}

const sqlCountPins = `SELECT COUNT(*) FROM file_pins WHERE file_hash = $1`

// CountPins returns how many pins of any type keep a file.
func (r Reader) CountPins(ctx context.Context, file message.Hash) (int64, error) {
	rows, err := r.q.query(ctx, "pin.count", sqlCountPins, string(file))
	return one(rows, err, column[int64])
}

const sqlInsertPin = `INSERT INTO file_pins (` + pinColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (item_hash, type) WHERE item_hash IS NOT NULL DO NOTHING`

// InsertPin records a pin that a message holds.
func (tx *Tx) InsertPin(p PinRow) error {
	var deleteBy any
	if p.DeleteBy != 0 {
		deleteBy = int64(p.DeleteBy)
	}
	if row, ok := tx.known.pins[p.ItemHash]; ok && row == nil && p.Type == PinMessage {
		tx.known.pins[p.ItemHash] = &p
	}
	return tx.exec("pin.insert", sqlInsertPin, string(p.FileHash), string(p.Type), int64(p.Created), null(p.Owner),
		null(p.ItemHash), null(p.Ref), null(p.Tag), deleteBy)
}

const sqlDeletePin = `DELETE FROM file_pins WHERE item_hash = $1 AND type = $2`

// DeletePin removes the pin of that type which a message holds.
func (tx *Tx) DeletePin(item message.Hash, t PinType) error {
	delete(tx.known.pins, item)
	return tx.exec("pin.delete", sqlDeletePin, string(item), string(t))
}

const sqlGraceUpload = `INSERT INTO file_pins (file_hash, type, created, delete_by) VALUES ($1, 'grace_period', $2, $3)
ON CONFLICT (file_hash) WHERE item_hash IS NULL AND type = 'grace_period' DO UPDATE SET delete_by =
CASE WHEN excluded.delete_by > file_pins.delete_by THEN excluded.delete_by ELSE file_pins.delete_by END`

// GraceUpload keeps an uploaded file until deleteBy, or longer when an earlier
// upload of the same file says so.
func (tx *Tx) GraceUpload(file message.Hash, now, deleteBy message.Timestamp) error {
	return tx.exec("pin.upload", sqlGraceUpload, string(file), int64(now), int64(deleteBy))
}

// TagRow names the latest version of a file.
type TagRow struct {
	Tag         string
	Owner       message.Address
	FileHash    message.Hash
	ItemHash    message.Hash // the STORE that set it
	LastUpdated message.Timestamp
}

const tagColumns = `tag, owner, file_hash, item_hash, last_updated`

func scanTag(row scanner) (TagRow, error) {
	var t TagRow
	return t, row.Scan(&t.Tag, &t.Owner, &t.FileHash, &t.ItemHash, &t.LastUpdated)
}

const sqlTag = `SELECT ` + tagColumns + ` FROM file_tags WHERE tag = $1`

// Tag returns the latest version of a file, or [message.ErrNotFound].
func (r Reader) Tag(ctx context.Context, tag string) (TagRow, error) {
	if row, ok, err := recall(r.known.tags, tag); ok {
		return deref(row), err
	}
	rows, err := r.q.query(ctx, "tag.get", sqlTag, tag)
	return one(rows, err, scanTag)
}

const sqlSetTag = `INSERT INTO file_tags (` + tagColumns + `) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (tag) DO UPDATE SET file_hash = excluded.file_hash, item_hash = excluded.item_hash, last_updated = excluded.last_updated
WHERE (excluded.last_updated, excluded.item_hash) > (file_tags.last_updated, file_tags.item_hash)`

// SetTag points a tag at a file unless it points at a newer one. The owner of
// an existing tag never changes.
func (tx *Tx) SetTag(t TagRow) error {
	if row, ok := tx.known.tags[t.Tag]; ok {
		tx.known.tags[t.Tag] = newest(row, t)
	}
	return tx.exec("tag.set", sqlSetTag, t.Tag, string(t.Owner), string(t.FileHash), string(t.ItemHash), int64(t.LastUpdated))
}

// newest returns what a tag is after it was pointed somewhere.
func newest(row *TagRow, t TagRow) *TagRow {
	switch {
	case row == nil:
		return &t
	case cmp.Or(cmp.Compare(t.LastUpdated, row.LastUpdated), cmp.Compare(t.ItemHash, row.ItemHash)) <= 0:
		return row
	}
	t.Owner = row.Owner
	return &t
}

const (
	sqlDropTag    = `DELETE FROM file_tags WHERE tag = $1`
	sqlRebuildTag = `INSERT INTO file_tags (tag, owner, file_hash, item_hash, last_updated)
SELECT tag, owner, file_hash, item_hash, created FROM file_pins WHERE tag = $1 AND type = 'message'
ORDER BY created DESC, item_hash DESC LIMIT 1`
)

// RebuildTag points a tag at the newest message pin that feeds it, or removes
// it when there is none.
func (tx *Tx) RebuildTag(tag string) error {
	delete(tx.known.tags, tag)
	if err := tx.exec("tag.drop", sqlDropTag, tag); err != nil {
		return err
	}
	return tx.exec("tag.rebuild", sqlRebuildTag, tag)
}

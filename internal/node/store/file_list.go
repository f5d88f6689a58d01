package store

import (
	"context"

	"aleph/message"
)

// FileList is one page of the files that STORE messages of one owner keep. A
// file that two messages keep is there twice. // spec ccn-http-api 8.6
type FileList struct {
	Owner message.Address
	// File restricts to one file; empty is any.
	File      message.Hash
	Ascending bool
	// After begins the page after a place in the order.
	After  *After
	Offset int64
	// Limit is the most rows, 0 for all.
	Limit int64
}

// ListedFile is a file and the STORE message that keeps it.
type ListedFile struct {
	FileRow
	Created  message.Timestamp
	ItemHash message.Hash
}

// ListFiles returns a page of the files of an owner.
func (r Reader) ListFiles(ctx context.Context, l FileList) ([]ListedFile, error) {
	text, args := l.statement()
	rows, err := r.q.query(ctx, "", text, args...)
	return all(rows, err, func(row scanner) (ListedFile, error) {
		var f ListedFile
		err := row.Scan(&f.Hash, &f.Size, &f.Type, &f.Created, &f.ItemHash)
		return f, err
	})
}

func (l FileList) statement() (string, []any) {
	w := new(where)
	w.raw("p.type = 'message'")
	w.and("p.owner = ", string(l.Owner))
	if l.File != "" {
		w.and("p.file_hash = ", string(l.File))
	}
	if l.After != nil {
		w.after("p.created", "p.item_hash", l.Ascending, *l.After)
	}
	order := ` ORDER BY p.created DESC, p.item_hash`
	if l.Ascending {
		order = ` ORDER BY p.created, p.item_hash`
	}
	text := `SELECT f.hash, f.size, f.type, p.created, p.item_hash FROM file_pins p JOIN files f ON f.hash = p.file_hash` +
		w.clause() + order + pageOf(l.Limit, l.Offset)
	return text, w.args
}

// FileTotals counts the files of an owner and adds up their bytes.
type FileTotals struct {
	Files, Bytes int64
}

const sqlFileTotals = `SELECT COUNT(*), COALESCE(SUM(f.size), 0) FROM file_pins p JOIN files f ON f.hash = p.file_hash
WHERE p.type = 'message' AND p.owner = $1`

// FileTotals returns the totals of an owner.
func (r Reader) FileTotals(ctx context.Context, owner message.Address) (FileTotals, error) {
	rows, err := r.q.query(ctx, "file.totals", sqlFileTotals, string(owner))
	return one(rows, err, func(row scanner) (FileTotals, error) {
		var t FileTotals
		err := row.Scan(&t.Files, &t.Bytes)
		return t, err
	})
}

const sqlCountFiles = `SELECT COUNT(*) FROM files`

// CountFiles returns how many files the node answers for.
func (r Reader) CountFiles(ctx context.Context) (int64, error) {
	rows, err := r.q.query(ctx, "file.count", sqlCountFiles)
	return one(rows, err, column[int64])
}

package store

import "context"

const sqlEachFile = `SELECT hash, size, type FROM files ORDER BY hash`

// EachFile calls do for every file that the node answers for, in the order of
// their hashes, until it fails.
func (r Reader) EachFile(ctx context.Context, do func(FileRow) error) error {
	rows, err := r.q.query(ctx, "file.each", sqlEachFile)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		f, err := scanFile(rows)
		if err != nil {
			return err
		}
		if err := do(f); err != nil {
			return err
		}
	}
	return rows.Err()
}

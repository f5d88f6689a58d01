package store

import (
	"context"
	"database/sql"
	"errors"
)

// Snapshot gives do a reader of one moment: what is committed meanwhile is not
// seen, and nobody waits for it. The reader runs one query at a time and must
// not be kept. A long one keeps the engine from reusing the space of what is
// replaced meanwhile.
func (db *DB) Snapshot(ctx context.Context, do func(r Reader) error) (err error) {
	tx, err := db.pool.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return db.engine.wrap("begin", err)
	}
	defer func() {
		if end := tx.Rollback(); !errors.Is(end, sql.ErrTxDone) {
			err = errors.Join(err, db.engine.wrap("rollback", end))
		}
	}()
	return do(Reader{q: &snapshot{db.engine, tx}})
}

// snapshot is the querier of a transaction that only reads.
type snapshot struct {
	engine engine
	tx     *sql.Tx
}

func (s *snapshot) query(ctx context.Context, name, text string, args ...any) (rows, error) {
	if name == "" {
		name = "query"
	}
	list, err := s.tx.QueryContext(ctx, s.engine.rebind(text), args...)
	if err != nil {
		return nil, s.engine.wrap(name, err)
	}
	return sqlRows{list, name, s.engine.wrap}, nil
}

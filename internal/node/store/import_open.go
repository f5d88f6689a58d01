package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
)

// openForImport opens an empty database for this process alone, gives it the
// schema of an export, and marks it as unfinished.
func openForImport(ctx context.Context, cfg Config, header dumpHeader, log *slog.Logger) (*DB, []table, error) {
	if err := cfg.check(); err != nil {
		return nil, nil, err
	}
	e, err := newEngine(cfg)
	if err != nil {
		return nil, nil, err
	}
	db := &DB{engine: e}
	list, err := db.openForImport(ctx, cfg, header, log)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("import into %s: %w", e, err), db.Close())
	}
	return db, list, nil
}

func (db *DB) openForImport(ctx context.Context, cfg Config, header dumpHeader, log *slog.Logger) ([]table, error) {
	session, err := db.engine.connect(ctx)
	if err != nil {
		return nil, err
	}
	db.writer = &writer{ctx: context.WithoutCancel(ctx), session: session, fault: cfg.Fault}
	again, err := db.prepareSchema(ctx, header.Schema, log)
	if err != nil {
		return nil, err
	}
	if db.pool, err = newPool(db.engine, cfg.Readers); err != nil {
		return nil, err
	}
	db.Reader = Reader{q: db.pool}
	list, err := tables(ctx, db.engine, db.q)
	if err != nil {
		return nil, err
	}
	if what := header.differs(newDumpHeader(header.Schema, list)); what != "" {
		return nil, fmt.Errorf("%w: line 1: %s", ErrNoExport, what)
	}
	if again {
		log.WarnContext(ctx, "an earlier import did not finish: its rows are removed first", "database", db.String())
		return list, db.empty(ctx, list)
	}
	for i := range list {
		rows, err := db.q.query(ctx, "", "SELECT 1 FROM "+list[i].name+" LIMIT 1")
		found, err := all(rows, err, column[int64])
		if err != nil {
			return nil, err
		}
		if len(found) > 0 {
			return nil, fmt.Errorf("%w: table %s has rows: import into a new one", ErrNotEmpty, list[i].name)
		}
	}
	return list, db.Update(ctx, func(tx *Tx) error {
		return tx.exec("import.begin", sqlImporting, int64(unfinished), true)
	})
}

const (
	sqlImporting   = `INSERT INTO goose_db_version (version_id, is_applied) VALUES ($1, $2)`
	sqlInterrupted = `SELECT MAX(version_id) FROM goose_db_version WHERE version_id < $1`
)

// prepareSchema migrates a database to one version exactly. It returns true when
// an import into it was interrupted.
func (db *DB) prepareSchema(ctx context.Context, schema int64, log *slog.Logger) (again bool, err error) {
	conn, err := db.engine.open(false)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	provider, err := newProvider(db.engine, conn)
	if err != nil {
		return false, err
	}
	if know := latest(provider); schema > know {
		return false, fmt.Errorf("%w: its schema has version %d and this program knows %d: use the newer program that wrote it", ErrNoExport, schema, know)
	}
	have, err := provider.GetDBVersion(ctx)
	if err != nil {
		return false, db.engine.wrap("read schema version", err)
	}
	if have == unfinished {
		again = true
		q := db.engine.rebind(sqlInterrupted)
		if err := conn.QueryRowContext(ctx, q, int64(unfinished)).Scan(&have); err != nil {
			return false, db.engine.wrap("read schema version", err)
		}
		if have != schema {
			return false, fmt.Errorf("%w: it was of an export of schema %d and this one has %d: import into a new one", ErrUnfinished, have, schema)
		}
	}
	if have > schema {
		return false, fmt.Errorf("%w: its schema has version %d already and the export %d: import into a new one", ErrNotEmpty, have, schema)
	}
	if again {
		return true, nil
	}
	done, err := provider.UpTo(ctx, schema)
	if err != nil {
		return false, fmt.Errorf("migrate: %w", db.engine.wrap("migrate", err))
	}
	for _, m := range done {
		log.InfoContext(ctx, "database migrated", "version", m.Source.Version, "took", m.Duration)
	}
	return false, nil
}

// empty takes out what an interrupted import has left.
func (db *DB) empty(ctx context.Context, list []table) error {
	return db.Update(ctx, func(tx *Tx) error {
		for i := range list {
			text := "DELETE FROM " + list[i].name
			if err := tx.exec(text, text); err != nil {
				return err
			}
		}
		return nil
	})
}

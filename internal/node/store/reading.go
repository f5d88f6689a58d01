package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
)

// Reading opens a database for reading, also beside a node that writes it, and
// gives do a reader of one moment.
func Reading(ctx context.Context, cfg Config, do func(db *DB, r Reader) error) error {
	cfg.ReadOnly, cfg.Readers = true, 1
	db, err := Open(ctx, cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	err = db.Snapshot(ctx, func(r Reader) error { return do(db, r) })
	return errors.Join(err, db.Close())
}

// readSizes asks an engine for the sizes of its tables and indexes.
func readSizes(ctx context.Context, cfg Config) ([]objectSize, int64, error) {
	if err := cfg.check(); err != nil {
		return nil, 0, err
	}
	e, err := newEngine(cfg)
	if err != nil {
		return nil, 0, err
	}
	sizes, bytes, err := e.sizes(ctx)
	if err != nil {
		err = fmt.Errorf("open database %s: %w", e, err)
	}
	return sizes, bytes, errors.Join(err, e.close())
}

// Examine asks the engine whether what it stores is sound, then looks for
// records that contradict each other. It describes what it finds; a sound
// database has nothing. It reads everything.
func Examine(ctx context.Context, cfg Config, report Report) (found []string, err error) {
	err = Reading(ctx, cfg, func(db *DB, r Reader) error {
		steps := int64(len(laws()) + 3)
		report(0, steps)
		rows, err := r.q.query(ctx, "", db.engine.integrity())
		broken, err := all(rows, err, column[string])
		if err != nil {
			return err
		}
		for _, line := range broken {
			if line != "ok" {
				found = append(found, "stored badly: "+line)
			}
		}
		more, err := r.inconsistencies(ctx, func(done, _ int64) { report(done+1, steps) })
		found = append(found, more...)
		return err
	})
	return found, err
}

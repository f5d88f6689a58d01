package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"aleph/message"
)

// Copied says what was copied.
type Copied struct {
	Totals
	// StateHash is the hash of the state of both databases.
	StateHash string `json:"state_hash"`
}

// Copy writes everything that the database holds into another one, which must be
// empty; see [DB.Export] and [Import]. It then compares the hashes of the two
// states.
func (db *DB) Copy(ctx context.Context, to Config, log *slog.Logger, report Report) (*Copied, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r, w := io.Pipe()
	var before *StateDigest
	exported := make(chan error, 1)
	go func() { // ends when one of the two sides of the pipe does
		err := db.Snapshot(ctx, func(reader Reader) (err error) {
			if _, err = reader.export(ctx, db.engine, w, report); err != nil {
				return err
			}
			if err := w.Close(); err != nil {
				return err
			}
			before, err = reader.StateHash(ctx)
			return err
		})
		w.CloseWithError(err)
		exported <- err
	}()
	totals, err := Import(ctx, to, r, log, nil)
	if err != nil {
		cancel()
		r.CloseWithError(err)
	}
	if read := <-exported; err == nil && read != nil {
		err = fmt.Errorf("copy from %s: %w", db, read)
	}
	if err != nil {
		return nil, err
	}
	after, err := hashOf(ctx, to, log)
	if err != nil {
		return nil, err
	}
	if after.Hash != before.Hash {
		return nil, fmt.Errorf("%w: the state has the hash %s, its copy %s: %s", message.ErrConflict, before.Hash, after.Hash, before.differs(after))
	}
	return &Copied{*totals, after.Hash}, nil
}

// hashOf returns the hash of the state of a database that nobody has opened.
func hashOf(ctx context.Context, cfg Config, log *slog.Logger) (digest *StateDigest, err error) {
	cfg.ReadOnly = true
	db, err := Open(ctx, cfg, log)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	err = db.Snapshot(ctx, func(r Reader) error {
		digest, err = r.StateHash(ctx)
		return err
	})
	return digest, err
}

// differs names the first table in which two states differ.
func (d *StateDigest) differs(from *StateDigest) string {
	for i, t := range d.Tables {
		if i < len(from.Tables) && t != from.Tables[i] {
			return fmt.Sprintf("table %s has %d rows and %d", t.Name, t.Rows, from.Tables[i].Rows)
		}
	}
	return "the tables are the same"
}

package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path"
	"slices"

	"github.com/pressly/goose/v3"

	"aleph/message"
)

// Schema says which version the schema of a database has and which migrations it
// lacks.
type Schema struct {
	Version int64    `json:"version"`
	Latest  int64    `json:"latest"`
	Due     []string `json:"due"` // names of migrations, in the order in which they run
}

// ReadSchema looks at the schema of a database without changing anything. A
// database that holds none has the version 0.
func ReadSchema(ctx context.Context, cfg Config) (s Schema, err error) {
	cfg.ReadOnly = true
	if err := cfg.check(); err != nil {
		return s, err
	}
	e, err := newEngine(cfg)
	if err != nil {
		return s, err
	}
	s, err = readSchema(ctx, e)
	if err != nil {
		if !errors.Is(err, message.ErrNotFound) && e.damaged(ctx, err) {
			err = fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		err = fmt.Errorf("open database %s: %w", e, err)
	}
	return s, errors.Join(err, e.close())
}

func readSchema(ctx context.Context, e engine) (s Schema, err error) {
	db, err := e.open(true)
	if err != nil {
		return s, err
	}
	defer db.Close()
	provider, err := newProvider(e, db)
	if err != nil {
		return s, err
	}
	q := &pool{engine: e, db: db}
	s.Latest, s.Due = latest(provider), []string{}
	if s.Version, err = schemaOf(ctx, e, q); err != nil {
		return s, err
	}
	if s.Version > s.Latest {
		return s, checkVersion(s.Version, s.Latest, false)
	}
	for _, source := range provider.ListSources() {
		if source.Version > s.Version {
			s.Due = append(s.Due, migrationName(source))
		}
	}
	return s, nil
}

// migrationName returns the name of a migration; those in Go have no file.
func migrationName(source *goose.Source) string {
	if source.Path == "" {
		return fmt.Sprintf("%04d_fill.go", source.Version)
	}
	return path.Base(source.Path)
}

// schemaOf returns the version of a schema, 0 when there is none.
func schemaOf(ctx context.Context, e engine, q querier) (int64, error) {
	rows, err := q.query(ctx, "", e.catalog())
	columns, err := all(rows, err, scanCatalog)
	if err != nil {
		return 0, err
	}
	if !slices.ContainsFunc(columns, func(c catalogRow) bool { return c.table == schemaTable }) {
		return 0, nil
	}
	return Reader{q: q}.schemaVersion(ctx)
}

// Migrate brings the schema of a database up to date, as [Open] does, and
// creates the database where it is missing.
func Migrate(ctx context.Context, cfg Config, log *slog.Logger) error {
	db, err := Open(ctx, cfg, log)
	if err != nil {
		return err
	}
	return db.Close()
}

package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"

	"github.com/pressly/goose/v3"

	"aleph/message"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the schema up to date, forward only.
func migrate(ctx context.Context, e engine, log *slog.Logger) error {
	db, err := e.open(false)
	if err != nil {
		return err
	}
	defer db.Close()
	provider, err := newProvider(e, db)
	if err != nil {
		return err
	}
	have, err := provider.GetDBVersion(ctx)
	if err != nil {
		return e.wrap("read schema version", err)
	}
	if err := checkVersion(have, latest(provider), false); err != nil {
		return err
	}
	done, err := provider.Up(ctx)
	if err != nil {
		return fmt.Errorf("migrate: %w", e.wrap("migrate", err))
	}
	for _, m := range done {
		log.InfoContext(ctx, "database migrated", "version", m.Source.Version, "took", m.Duration)
	}
	return nil
}

// checkSchema reports whether a database that is only read has the schema that
// this program reads.
func checkSchema(ctx context.Context, p *pool) error {
	provider, err := newProvider(p.engine, p.db)
	if err != nil {
		return err
	}
	have, err := schemaOf(ctx, p.engine, p)
	if err != nil {
		return err
	}
	if have == 0 {
		return fmt.Errorf("%w: there is nothing of a node in it: create its tables with `aleph db migrate`, or start a node on it", message.ErrNotFound)
	}
	return checkVersion(have, latest(provider), true)
}

func checkVersion(have, know int64, exact bool) error {
	switch {
	case have == unfinished:
		return fmt.Errorf("%w: repeat it with `aleph db import`, or begin with another database", ErrUnfinished)
	case have > know:
		return fmt.Errorf("%w %d and this program knows %d: use the newer program that wrote it", ErrNewerSchema, have, know)
	case exact && have < know:
		return fmt.Errorf("%w %d and this program reads %d: bring it forward with `aleph db migrate`, or start the node with this program", ErrSchema, have, know)
	}
	return nil
}

// ErrSchema marks a database whose schema is of another version than this
// program reads.
var ErrSchema = fmt.Errorf("%w: its schema has version", message.ErrConflict)

// ErrNewerSchema is an [ErrSchema]: a newer program has written the database.
var ErrNewerSchema = fmt.Errorf("%w", ErrSchema)

// latest returns the version of the schema that this program works with.
func latest(provider *goose.Provider) int64 {
	sources := provider.ListSources()
	return sources[len(sources)-1].Version
}

func newProvider(e engine, db *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	provider, err := goose.NewProvider(e.dialect(), db, rewritten{files, e.rewrite}, goose.WithDisableGlobalRegistry(true),
		goose.WithGoMigrations(fillAuthorizations(e)))
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	return provider, nil
}

// rewritten shows the files of a folder with their texts rewritten.
type rewritten struct {
	fs.FS
	rewrite func(string) string
}

// Open implements [fs.FS].
func (r rewritten) Open(name string) (fs.File, error) {
	f, err := r.FS.Open(name)
	if err != nil || !strings.HasSuffix(name, ".sql") {
		return f, err
	}
	text, err := fs.ReadFile(r.FS, name)
	return rewrittenFile{f, strings.NewReader(r.rewrite(string(text)))}, err
}

type rewrittenFile struct {
	fs.File
	text *strings.Reader
}

// Read implements [fs.File].
func (f rewrittenFile) Read(b []byte) (int, error) { return f.text.Read(b) }

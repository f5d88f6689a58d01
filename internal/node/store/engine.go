package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/pressly/goose/v3"

	"aleph/message"
)

// engine is what differs between the databases that a store can lie in. There
// are two, SQLite and PostgreSQL; newEngine lists them. The SQL of the entities
// is the same for both.
type engine interface {
	// String names the database for people: never with a password.
	String() string
	// connect opens the writer's connection and takes the database for this
	// process alone. It is called once.
	connect(ctx context.Context) (session, error)
	// open returns connections beside the writer's, for reading or for changing
	// the schema. It may not have connected yet.
	open(readOnly bool) (*sql.DB, error)
	// dialect and rewrite turn the migrations into the engine's own SQL.
	dialect() goose.Dialect
	rewrite(migration string) string
	// rebind writes the $n parameters of a statement as the engine wants them.
	rebind(text string) string
	// wrap names the statement in an error and marks what is temporary.
	wrap(name string, err error) error
	// catalog is a query for the columns of all tables; see [tables].
	catalog() string
	// kind names the engine, integrity is a query for what it knows to be stored
	// badly, and sizes are those of tables and indexes and of everything.
	kind() string
	integrity() string
	sizes(ctx context.Context) ([]objectSize, int64, error)
	// identityReset is a query that makes the numbers of new rows go on after the
	// largest, "" when they do by themselves.
	identityReset(table, column string) string
	// damaged reports whether opening failed because what is stored is no
	// longer a sound database.
	damaged(ctx context.Context, cause error) bool
	// close releases what the engine holds beside the connections.
	close() error
}

// session is the writer's connection. It is used by one goroutine at a time.
// Statements may be sent later than they are given: then their error is the
// result of the next call that returns something.
type session interface {
	// begin starts a transaction, whatever an earlier failure has left behind.
	begin(ctx context.Context) error
	// exec runs a statement; several may travel together.
	exec(ctx context.Context, name, text string, args []any) error
	// changed runs a statement and returns how many rows it changed.
	changed(ctx context.Context, name, text string, args []any) (int64, error)
	query(ctx context.Context, name, text string, args []any) (rows, error)
	// ask answers lookups in their order; they may travel together.
	ask(ctx context.Context, list []lookup) error
	// save begins a part of the transaction that undo takes back and release
	// keeps. There is at most one.
	save(ctx context.Context) error
	undo(ctx context.Context) error
	release(ctx context.Context) error
	// commit returns nil only when the transaction is on the disk.
	commit(ctx context.Context) error
	// rollback ends a transaction that was not committed, if there is one.
	rollback(ctx context.Context) error
	// close optimizes what the engine keeps about its tables and disconnects.
	close(ctx context.Context) error
}

func newEngine(cfg Config) (engine, error) {
	if cfg.URL != "" {
		return newPostgres(cfg)
	}
	return newSQLite(cfg)
}

// ErrFull marks a failure for lack of space on the disk. It wraps
// [message.ErrUnavailable]: nothing was lost, and the same call works again
// once there is space.
var ErrFull = fmt.Errorf("disk full: %w", message.ErrUnavailable)

// ErrDamaged marks a file that is not a database, or no longer a sound one.
var ErrDamaged = errors.New("the file is damaged")

// ErrInUse marks a database that another process writes.
var ErrInUse = fmt.Errorf("%w: another node is using this database", message.ErrConflict)

// ErrReplaced says that this process wrote the database until its connection was
// lost, and that another one does now.
var ErrReplaced = fmt.Errorf("%w: another node writes this database now", message.ErrUnavailable)

// Temporary reports whether err comes from the state of the machine (no space,
// a failing disk, a lock, a database server that is away) and not from what was
// asked.
func Temporary(err error) bool { return errors.Is(err, message.ErrUnavailable) }

// cause says what an error means for whoever asked.
type cause int

const (
	causeOther cause = iota
	causeFull
	causeUnavailable
)

// named names the statement in an error and marks what is temporary.
func named(name string, c cause, err error) error {
	switch c {
	case causeFull:
		return fmt.Errorf("%s: %w: %w", name, ErrFull, err)
	case causeUnavailable:
		return fmt.Errorf("%s: %w: %w", name, message.ErrUnavailable, err)
	case causeOther:
	}
	return fmt.Errorf("%s: %w", name, err)
}

// rows is the result of a query. Close may be called twice.
type rows interface {
	Next() bool
	Scan(dest ...any) error
	Err() error
	Close() error
}

// sqlRows are rows of database/sql whose errors name the statement.
type sqlRows struct {
	*sql.Rows
	name string
	wrap func(name string, err error) error
}

func (r sqlRows) Err() error   { return r.wrap(r.name, r.Rows.Err()) }
func (r sqlRows) Close() error { return r.wrap(r.name, r.Rows.Close()) }

// Package store is the node's database: the SQL of every entity, one file per
// entity, and the only importer of database drivers.
//
// The types to know are [DB] (opened by [Open]), [Reader] (every query, on the
// database or inside a transaction) and [Tx] (every change). There is one
// writer: [DB.Update] runs one transaction at a time, while any number of
// readers see the last committed state. Statements are plain SQL with $n
// parameters that both SQLite and PostgreSQL understand; each one has a name,
// which errors carry and by which a test can make it fail.
//
// The package knows no rule of the protocol: what may happen is decided in
// package apply. It keeps the records of appendix C of docs/spec/messages.md.
package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Config says where the database is.
type Config struct {
	Path        string        `yaml:"path" doc:"SQLite database file; created when missing"`
	URL         string        `yaml:"url" doc:"PostgreSQL database to use instead of a file: postgres://user@host/database; docs/operating-database.md tells how"`
	Readers     int           `yaml:"readers" doc:"connections that serve queries beside the writer"`
	CacheMiB    int           `yaml:"cache_mib" doc:"page cache of the connection that writes the SQLite file, in MiB"`
	BusyTimeout int           `yaml:"busy_timeout_ms" doc:"how long a connection waits for a lock held by another process, in ms"`
	Timeout     time.Duration `yaml:"timeout" doc:"how long PostgreSQL may take to answer the writer before its connection is given up"`

	// ReadOnly opens the database beside a node that writes it, for reading
	// only: it is neither created, nor migrated, nor locked.
	ReadOnly bool `yaml:"-"`

	// Wait makes Open wait until no other process writes the PostgreSQL database,
	// instead of failing.
	Wait bool `yaml:"-"`

	// Fault, when set, is asked before each statement of a transaction, by the
	// statement's name ("message.insert", "commit", …); an error it returns is
	// the statement's result. Tests use it to make exactly one statement fail.
	Fault func(name string) error `yaml:"-"`
}

// DefaultConfig returns the settings of a small node; Path is left empty.
func DefaultConfig() Config {
	return Config{Readers: 8, CacheMiB: 64, BusyTimeout: 5000, Timeout: time.Minute}
}

func (c *Config) check() error {
	if c.Path == "" && c.URL == "" {
		return errors.New("open database: no path and no url configured")
	}
	if c.Readers < 1 || c.BusyTimeout < 0 || c.Timeout <= 0 {
		return errors.New("open database: readers must be at least 1, busy_timeout_ms at least 0 and timeout more than zero")
	}
	return nil
}

// DB is an open database. It is safe for concurrent use.
type DB struct {
	Reader

	engine engine
	pool   *pool // readers

	// mu makes transactions take turns; it guards the fields below.
	mu     sync.Mutex
	writer *writer // nil when the database is only read
	closed bool
}

// Open opens the database for this process alone, brings its schema up to date
// and prepares one writer and a pool of readers. With ReadOnly there is no
// writer. Close releases them.
func Open(ctx context.Context, cfg Config, log *slog.Logger) (*DB, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	e, err := newEngine(cfg)
	if err != nil {
		return nil, err
	}
	db := &DB{engine: e}
	if err := db.open(ctx, cfg, log); err != nil {
		if e.damaged(ctx, err) {
			err = fmt.Errorf("%w: restore a copy of it, or move it away to begin with an empty one: %w", ErrDamaged, err)
		}
		return nil, errors.Join(fmt.Errorf("open database %s: %w", e, err), db.Close())
	}
	return db, nil
}

func (db *DB) open(ctx context.Context, cfg Config, log *slog.Logger) error {
	if !cfg.ReadOnly {
		session, err := db.engine.connect(ctx)
		if err != nil {
			return err
		}
		db.writer = &writer{ctx: context.WithoutCancel(ctx), session: session, fault: cfg.Fault}
		if err := migrate(ctx, db.engine, log); err != nil {
			return err
		}
	}
	var err error
	if db.pool, err = newPool(db.engine, cfg.Readers); err != nil {
		return err
	}
	db.Reader = Reader{q: db.pool}
	if cfg.ReadOnly {
		return checkSchema(ctx, db.pool)
	}
	return nil
}

// Close waits for the running transaction and closes every connection. It may
// be called twice.
func (db *DB) Close() error {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.closed {
		return nil
	}
	db.closed = true
	var errs []error
	if db.pool != nil {
		errs = append(errs, db.pool.close())
	}
	if db.writer != nil {
		errs = append(errs, db.writer.session.close(db.writer.ctx))
	}
	return errors.Join(append(errs, db.engine.close())...)
}

// String names the database for people, without a password.
func (db *DB) String() string { return db.engine.String() }

// Update runs do inside one transaction and commits it. An error from do, or a
// failed commit, rolls everything back and is returned. Once begun, the
// transaction is not interrupted by ctx.
func (db *DB) Update(ctx context.Context, do func(tx *Tx) error) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.closed {
		return errors.New("database is closed")
	}
	if db.writer == nil {
		return errors.New("database is open for reading only")
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return db.writer.update(context.WithoutCancel(ctx), do)
}

// Check reports whether the database can be written, by writing durably.
func (db *DB) Check(ctx context.Context) error {
	return db.Update(ctx, (*Tx).Probe)
}

// Ping reports whether the database can be read.
func (db *DB) Ping(ctx context.Context) error {
	_, err := db.LastPlace(ctx)
	return err
}

const sqlCheck = `INSERT INTO node_check (id, at) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET at = excluded.at`

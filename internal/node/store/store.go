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
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
)

// Config says where the database is.
type Config struct {
	Path        string `yaml:"path" doc:"SQLite database file; created when missing"`
	Readers     int    `yaml:"readers" doc:"connections that serve queries beside the writer"`
	CacheMiB    int    `yaml:"cache_mib" doc:"page cache of the writing connection, in MiB"`
	BusyTimeout int    `yaml:"busy_timeout_ms" doc:"how long a connection waits for a lock held by another process, in ms"`

	// Fault, when set, is asked before each statement of a transaction, by the
	// statement's name ("message.insert", "commit", …); an error it returns is
	// the statement's result. Tests use it to make exactly one statement fail.
	Fault func(name string) error `yaml:"-"`
}

// DefaultConfig returns the settings of a small node; Path is left empty.
func DefaultConfig() Config {
	return Config{Readers: 8, CacheMiB: 64, BusyTimeout: 5000}
}

// DB is an open database. It is safe for concurrent use.
type DB struct {
	Reader

	cfg  Config
	log  *slog.Logger
	pool *pool   // readers
	rw   *sql.DB // one connection

	// mu makes transactions take turns; it guards the fields below.
	mu     sync.Mutex
	writer *writer
	closed bool
}

// Open opens the database, brings its schema up to date and prepares one
// writer and a pool of readers. Close releases them.
func Open(ctx context.Context, cfg Config, log *slog.Logger) (*DB, error) {
	if cfg.Path == "" {
		return nil, errors.New("open database: no path configured")
	}
	if cfg.Readers < 1 || cfg.CacheMiB < 1 {
		return nil, fmt.Errorf("open database %s: readers and cache_mib must be at least 1", cfg.Path)
	}
	db := &DB{cfg: cfg, log: log}
	if err := db.open(ctx); err != nil {
		if db.damaged(ctx, err) {
			err = fmt.Errorf("%w: restore a copy of it, or move it away to begin with an empty one: %w", ErrDamaged, err)
		}
		return nil, errors.Join(fmt.Errorf("open database %s: %w", cfg.Path, err), db.Close())
	}
	return db, nil
}

func (db *DB) open(ctx context.Context) error {
	if err := os.MkdirAll(filepath.Dir(db.cfg.Path), 0o700); err != nil {
		return err
	}
	rw, err := newConnector(db.cfg, false)
	if err != nil {
		return err
	}
	db.rw = sql.OpenDB(rw)
	db.rw.SetMaxOpenConns(1)
	if err := migrate(ctx, db.rw, db.log); err != nil {
		return err
	}
	if db.writer, err = newWriter(ctx, db.rw, db.cfg.Fault); err != nil {
		return err
	}
	ro, err := newConnector(db.cfg, true)
	if err != nil {
		return err
	}
	db.pool = newPool(ro, db.cfg.Readers)
	db.Reader = Reader{q: db.pool}
	return nil
}

// damaged reports whether the database could not be opened because its file is
// not what SQLite once wrote. Damage can show as any other error, so the file is
// asked too.
func (db *DB) damaged(ctx context.Context, cause error) bool {
	if isDamage(cause) {
		return true
	}
	if db.rw == nil || Temporary(cause) {
		return false
	}
	var verdict string
	err := db.rw.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict)
	return isDamage(err) || err == nil && verdict != "ok"
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
		errs = append(errs, db.writer.close())
	}
	if db.rw != nil {
		errs = append(errs, db.rw.Close())
	}
	return errors.Join(errs...)
}

// Update runs do inside one transaction and commits it. An error from do, or a
// failed commit, rolls everything back and is returned. Once begun, the
// transaction is not interrupted by ctx.
func (db *DB) Update(ctx context.Context, do func(tx *Tx) error) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.closed {
		return errors.New("database is closed")
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

const sqlCheck = `INSERT INTO node_check (id, at) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET at = excluded.at`

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"time"
)

// Tx is a transaction of the writer. It reads its own changes through the
// embedded [Reader]. It is owned by the function given to [DB.Update] and must
// not be kept.
type Tx struct {
	Reader
	w      *writer
	ctx    context.Context //nolint:containedctx // one transaction, one context: the writer's calls are never cancelled half-way
	counts map[countKey]int64
}

// writer owns the only connection that changes the database, with the
// statements prepared on it.
type writer struct {
	ctx   context.Context //nolint:containedctx // never ends: the writer's calls are not cancelled
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
	fault func(name string) error
}

func newWriter(ctx context.Context, db *sql.DB, fault func(string) error) (*writer, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return &writer{ctx: context.WithoutCancel(ctx), conn: conn, stmts: map[string]*sql.Stmt{}, fault: fault}, nil
}

func (w *writer) close() error {
	errs := make([]error, 0, len(w.stmts)+2)
	// Statistics for the query planner; cheap when little has changed.
	_, err := w.conn.ExecContext(w.ctx, `PRAGMA optimize`)
	errs = append(errs, wrap("optimize", err))
	for _, stmt := range w.stmts {
		errs = append(errs, stmt.Close())
	}
	clear(w.stmts)
	return errors.Join(append(errs, w.conn.Close())...)
}

func (w *writer) update(ctx context.Context, do func(tx *Tx) error) (err error) {
	tx := &Tx{w: w, ctx: ctx, counts: map[countKey]int64{}}
	tx.Reader = Reader{q: tx}
	if err := w.begin(ctx); err != nil {
		return err
	}
	done := false
	defer func() {
		if done {
			return
		}
		// A failed commit may leave the transaction open or have ended it; only
		// the first case needs, and allows, a rollback.
		if _, rollback := w.conn.ExecContext(ctx, sqlRollback); rollback != nil && err == nil {
			err = rollback
		}
	}()
	if err := do(tx); err != nil {
		return err
	}
	if err := tx.writeCounts(); err != nil {
		return err
	}
	if err := w.run(ctx, "commit", sqlCommit); err != nil {
		return err
	}
	done = true
	return nil
}

const (
	sqlBegin    = `BEGIN IMMEDIATE`
	sqlCommit   = `COMMIT`
	sqlRollback = `ROLLBACK`
)

// begin starts a transaction. One that an earlier failure has left open, when
// even its rollback failed, is ended first.
func (w *writer) begin(ctx context.Context) error {
	err := w.run(ctx, "begin", sqlBegin)
	if err == nil || Temporary(err) {
		return err
	}
	if _, rollback := w.conn.ExecContext(ctx, sqlRollback); rollback != nil {
		return err
	}
	return w.run(ctx, "begin", sqlBegin)
}

func (w *writer) run(ctx context.Context, name, text string, args ...any) error {
	_, err := w.exec(ctx, name, text, args)
	return err
}

func (w *writer) exec(ctx context.Context, name, text string, args []any) (sql.Result, error) {
	stmt, err := w.prepare(ctx, name, text)
	if err != nil {
		return nil, err
	}
	res, err := stmt.ExecContext(ctx, args...)
	if err != nil {
		return nil, wrap(name, err)
	}
	return res, nil
}

// prepare returns the statement of that name, prepared once. It is also where
// tests inject faults.
func (w *writer) prepare(ctx context.Context, name, text string) (*sql.Stmt, error) {
	if w.fault != nil {
		if err := w.fault(name); err != nil {
			return nil, wrap(name, err)
		}
	}
	if stmt, ok := w.stmts[name]; ok {
		return stmt, nil
	}
	stmt, err := w.conn.PrepareContext(ctx, rebind(text))
	if err != nil {
		return nil, wrap(name, err)
	}
	w.stmts[name] = stmt
	return stmt, nil
}

// exec runs a statement that changes rows.
func (tx *Tx) exec(name, text string, args ...any) error {
	_, err := tx.w.exec(tx.ctx, name, text, args)
	return err
}

// changed runs a statement and returns how many rows it changed.
func (tx *Tx) changed(name, text string, args ...any) (int64, error) {
	res, err := tx.w.exec(tx.ctx, name, text, args)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// query implements querier on the writer's connection. The caller's context is
// not used: a transaction is never cancelled half-way.
func (tx *Tx) query(_ context.Context, name, text string, args ...any) (*sql.Rows, error) {
	if name == "" {
		if tx.w.fault != nil {
			if err := tx.w.fault(name); err != nil {
				return nil, wrap(name, err)
			}
		}
		rows, err := tx.w.conn.QueryContext(tx.ctx, rebind(text), args...) //nolint:contextcheck // a transaction is never cancelled half-way
		return rows, wrap("query", err)
	}
	stmt, err := tx.w.prepare(tx.ctx, name, text) //nolint:contextcheck // a transaction is never cancelled half-way
	if err != nil {
		return nil, err
	}
	rows, err := stmt.QueryContext(tx.ctx, args...) //nolint:contextcheck // a transaction is never cancelled half-way
	return rows, wrap(name, err)
}

// Nested runs do and, when it fails, takes back only what do changed. It costs
// a savepoint, so it is for replaying after an unexpected failure.
func (tx *Tx) Nested(do func() error) error {
	counts := maps.Clone(tx.counts)
	if err := tx.exec("savepoint", `SAVEPOINT one`); err != nil {
		return err
	}
	if err := do(); err != nil {
		tx.counts = counts
		if _, undo := tx.w.conn.ExecContext(tx.ctx, `ROLLBACK TO one`); undo != nil {
			return errors.Join(err, fmt.Errorf("savepoint: %w", undo))
		}
		if _, undo := tx.w.conn.ExecContext(tx.ctx, `RELEASE one`); undo != nil {
			return errors.Join(err, fmt.Errorf("savepoint: %w", undo))
		}
		return err
	}
	return tx.exec("release", `RELEASE one`)
}

// Probe writes a row, so that the commit shows whether the disk takes it.
func (tx *Tx) Probe() error { return tx.exec("check", sqlCheck, time.Now().UnixMicro()) }

package store

import (
	"context"
	"database/sql"
	"sync"

	"aleph/message"
)

// Reader holds every query of the package. A [DB] embeds one that reads the
// last committed state and is safe for concurrent use; a [Tx] embeds one that
// sees the transaction's own changes.
type Reader struct {
	q     querier
	known known // by a transaction
}

// querier runs queries: the pool of readers, or a transaction. A statement
// with a name is prepared once; the name "" is for text built at run time.
type querier interface {
	query(ctx context.Context, name, text string, args ...any) (rows, error)
}

// pool is the querier of a DB.
type pool struct {
	engine engine
	db     *sql.DB

	mu    sync.RWMutex
	stmts map[string]*sql.Stmt
}

func newPool(e engine, size int) (*pool, error) {
	db, err := e.open(true)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	return &pool{engine: e, db: db, stmts: map[string]*sql.Stmt{}}, nil
}

func (p *pool) close() error { return p.db.Close() }

// query asks once more for each connection that turns out to be gone, as all of
// them are after a server was started again.
func (p *pool) query(ctx context.Context, name, text string, args ...any) (list rows, err error) {
	for range p.db.Stats().MaxOpenConnections + 1 {
		if list, err = p.ask(ctx, name, text, args); !isCut(err) {
			break
		}
	}
	return list, err
}

func (p *pool) ask(ctx context.Context, name, text string, args []any) (rows, error) {
	if name == "" {
		list, err := p.db.QueryContext(ctx, p.engine.rebind(text), args...)
		if err != nil {
			return nil, p.engine.wrap("query", err)
		}
		return sqlRows{list, "query", p.engine.wrap}, nil
	}
	stmt, err := p.prepare(ctx, name, text)
	if err != nil {
		return nil, err
	}
	list, err := stmt.QueryContext(ctx, args...)
	if err != nil {
		return nil, p.engine.wrap(name, err)
	}
	return sqlRows{list, name, p.engine.wrap}, nil
}

func (p *pool) prepare(ctx context.Context, name, text string) (*sql.Stmt, error) {
	p.mu.RLock()
	stmt, ok := p.stmts[name]
	p.mu.RUnlock()
	if ok {
		return stmt, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if stmt, ok := p.stmts[name]; ok {
		return stmt, nil
	}
	stmt, err := p.db.PrepareContext(ctx, p.engine.rebind(text))
	if err != nil {
		return nil, p.engine.wrap(name, err)
	}
	p.stmts[name] = stmt
	return stmt, nil
}

// scanner is a row of a result.
type scanner interface{ Scan(dest ...any) error }

// all collects the rows that scan reads.
func all[T any](rows rows, err error, scan func(scanner) (T, error)) ([]T, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, rows.Err()
}

// one returns the first row, or [message.ErrNotFound].
func one[T any](rows rows, err error, scan func(scanner) (T, error)) (T, error) {
	var zero T
	if err != nil {
		return zero, err
	}
	defer rows.Close()
	if !rows.Next() {
		if err := rows.Err(); err != nil {
			return zero, err // nobody knows whether it is there
		}
		return zero, message.ErrNotFound
	}
	v, err := scan(rows)
	if err != nil {
		return zero, err
	}
	return v, rows.Close()
}

// column scans a row of one column.
func column[T any](row scanner) (T, error) {
	var v T
	err := row.Scan(&v)
	return v, err
}

package store

import (
	"context"
	"database/sql"
	"errors"
)

// sqliteSession is the writer's connection to a file, with the statements
// prepared on it. The connection belongs to the queue until the queue is empty;
// whatever returns something waits for that.
type sqliteSession struct {
	engine *sqlite
	db     *sql.DB // one connection
	conn   *sql.Conn
	stmts  map[string]*sql.Stmt
	queue  *statementQueue
}

func newSQLiteSession(engine *sqlite, db *sql.DB, conn *sql.Conn) *sqliteSession {
	s := &sqliteSession{engine: engine, db: db, conn: conn, stmts: map[string]*sql.Stmt{}}
	s.queue = newStatementQueue(func(st statement) error {
		_, err := s.run(st.ctx, st.name, st.text, st.args)
		return err
	})
	return s
}

// begin starts a transaction that has the write lock. One that an earlier
// failure has left open, when even its rollback failed, is ended first.
func (s *sqliteSession) begin(ctx context.Context) error {
	err := s.now(ctx, "begin", `BEGIN IMMEDIATE`)
	if err == nil || Temporary(err) || s.rollback(ctx) != nil {
		return err
	}
	return s.now(ctx, "begin", `BEGIN IMMEDIATE`)
}

func (s *sqliteSession) exec(ctx context.Context, name, text string, args []any) error {
	s.queue.add(statement{ctx, name, text, args})
	return nil
}

// now runs a statement after those in the queue.
func (s *sqliteSession) now(ctx context.Context, name, text string) error {
	if err := s.queue.wait(); err != nil {
		return err
	}
	_, err := s.run(ctx, name, text, nil)
	return err
}

func (s *sqliteSession) changed(ctx context.Context, name, text string, args []any) (int64, error) {
	if err := s.queue.wait(); err != nil {
		return 0, err
	}
	res, err := s.run(ctx, name, text, args)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

func (s *sqliteSession) run(ctx context.Context, name, text string, args []any) (sql.Result, error) {
	stmt, err := s.prepare(ctx, name, text)
	if err != nil {
		return nil, err
	}
	res, err := stmt.ExecContext(ctx, args...)
	return res, s.engine.wrap(name, err)
}

func (s *sqliteSession) query(ctx context.Context, name, text string, args []any) (rows, error) {
	if err := s.queue.wait(); err != nil {
		return nil, err
	}
	if name == "" {
		list, err := s.conn.QueryContext(ctx, s.engine.rebind(text), args...)
		if err != nil {
			return nil, s.engine.wrap("query", err)
		}
		return sqlRows{list, "query", s.engine.wrap}, nil
	}
	stmt, err := s.prepare(ctx, name, text)
	if err != nil {
		return nil, err
	}
	list, err := stmt.QueryContext(ctx, args...)
	if err != nil {
		return nil, s.engine.wrap(name, err)
	}
	return sqlRows{list, name, s.engine.wrap}, nil
}

func (s *sqliteSession) ask(ctx context.Context, list []lookup) error {
	for _, l := range list {
		rows, err := s.query(ctx, l.name, l.text, l.args)
		if err := l.take(rows, err); err != nil {
			return err
		}
	}
	return nil
}

// prepare returns the statement of that name, prepared once.
func (s *sqliteSession) prepare(ctx context.Context, name, text string) (*sql.Stmt, error) {
	if stmt, ok := s.stmts[name]; ok {
		return stmt, nil
	}
	stmt, err := s.conn.PrepareContext(ctx, s.engine.rebind(text))
	if err != nil {
		return nil, s.engine.wrap(name, err)
	}
	s.stmts[name] = stmt
	return stmt, nil
}

func (s *sqliteSession) save(ctx context.Context) error {
	return s.now(ctx, "savepoint", `SAVEPOINT one`)
}

func (s *sqliteSession) release(ctx context.Context) error {
	return s.now(ctx, "release", `RELEASE one`)
}

func (s *sqliteSession) undo(ctx context.Context) error {
	if err := s.direct(ctx, "savepoint", `ROLLBACK TO one`); err != nil {
		return err
	}
	return s.direct(ctx, "savepoint", `RELEASE one`)
}

func (s *sqliteSession) commit(ctx context.Context) error {
	return s.now(ctx, "commit", `COMMIT`)
}

func (s *sqliteSession) rollback(ctx context.Context) error {
	return s.direct(ctx, "rollback", `ROLLBACK`)
}

// direct runs a statement whatever became of those in the queue.
func (s *sqliteSession) direct(ctx context.Context, name, text string) error {
	_ = s.queue.wait() // what failed is taken back, or was told already
	_, err := s.conn.ExecContext(ctx, text)
	return s.engine.wrap(name, err)
}

func (s *sqliteSession) close(ctx context.Context) error {
	errs := make([]error, 0, len(s.stmts)+3)
	defer s.queue.close()
	// Statistics for the query planner; cheap when little has changed.
	errs = append(errs, s.direct(ctx, "optimize", `PRAGMA optimize`))
	for _, stmt := range s.stmts {
		errs = append(errs, stmt.Close())
	}
	clear(s.stmts)
	return errors.Join(append(errs, s.conn.Close(), s.db.Close())...)
}

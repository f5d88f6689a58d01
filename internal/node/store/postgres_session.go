package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"aleph/message"
)

// postgresSession is the writer's connection to a server. Statements whose
// result nobody waits for are queued and travel with the next one that has a
// result, or with the commit, in one round trip.
//
// A connection that is lost takes its transaction with it; the next begin makes
// a new one. When it is lost during the commit nobody knows whether the commit
// took place: then it did not succeed for the caller, who may submit the same
// again, because every message is applied once. The new connection gets the lock
// of the database only after the old one is gone at the server, and with it the
// doubt.
type postgresSession struct {
	engine *postgres
	conn   *pgx.Conn // nil: lost
	// identity of the last connection at the server
	pid  uint32
	born string

	queue    []queued
	sending  chan error      // answers once for what is under way; nil: nothing is
	prepared map[string]bool // the texts that the server knows
	merger   merger
	begun    bool      // a transaction was begun, or its begin is queued
	used     time.Time // when the server answered last
}

// queued is a statement that was given and not sent.
type queued struct {
	name string
	text string
	args []any
	// alone says that the result of the statement is wanted.
	alone bool
}

const (
	// parcel is how many statements travel together while others are gathered: many
	// enough that rows of a table come together, few enough that the server has
	// work while the node looks at the next messages.
	parcel = 1000
	// idle is how long an unused connection is believed to be alive. Between the
	// transactions of a busy writer less time passes.
	idle = 10 * time.Millisecond
)

func (s *postgresSession) begin(ctx context.Context) error {
	_ = s.land() // was told, or belongs to what is over
	s.queue = s.queue[:0]
	if s.begun {
		if err := s.rollback(ctx); err != nil {
			return err
		}
	}
	if s.conn != nil && time.Since(s.used) > idle {
		s.ping(ctx)
	}
	if s.conn == nil {
		if err := s.dial(ctx); err != nil {
			cause := message.ErrUnavailable
			if errors.Is(err, ErrInUse) {
				cause = ErrReplaced
			}
			return fmt.Errorf("begin: %w: %v", cause, err) //nolint:errorlint // whatever it is, it is temporary
		}
	}
	s.begun = true
	return s.exec(ctx, "begin", `BEGIN`, nil)
}

// ping finds out whether a connection that was not used lately is still there:
// now is when a new one costs nothing.
func (s *postgresSession) ping(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, s.engine.cfg.Timeout)
	defer cancel()
	_ = s.failed("ping", s.conn.Ping(ctx))
}

// exec queues a statement.
func (s *postgresSession) exec(ctx context.Context, name, text string, args []any) error {
	if err := s.prepare(ctx, name, text); err != nil {
		return err
	}
	s.queue = append(s.queue, queued{name: name, text: text, args: args})
	if len(s.queue) < parcel {
		return nil
	}
	return s.launch(ctx)
}

func (s *postgresSession) changed(ctx context.Context, name, text string, args []any) (int64, error) {
	tag, err := s.done(ctx, name, text, args)
	return tag.RowsAffected(), err
}

// done sends what is queued and a statement, and returns what that did.
func (s *postgresSession) done(ctx context.Context, name, text string, args []any) (pgconn.CommandTag, error) {
	if err := s.prepare(ctx, name, text); err != nil {
		return pgconn.CommandTag{}, err
	}
	s.queue = append(s.queue, queued{name: name, text: text, args: args, alone: true})
	return s.send(ctx)
}

func (s *postgresSession) flush(ctx context.Context) error {
	if len(s.queue) == 0 {
		return s.land()
	}
	_, err := s.send(ctx)
	return err
}

// query sends what is queued, and the query behind it.
func (s *postgresSession) query(ctx context.Context, name, text string, args []any) (rows, error) {
	label := name
	if name == "" {
		label = "query"
	} else if err := s.prepare(ctx, name, text); err != nil {
		return nil, err
	}
	if err := s.land(); err != nil {
		return nil, err
	}
	if s.conn == nil {
		return nil, named(label, causeUnavailable, errConnectionLost)
	}
	ctx, cancel := context.WithTimeout(ctx, s.engine.cfg.Timeout)
	if len(s.queue) == 0 || name == "" {
		if err := s.flush(ctx); err != nil {
			cancel()
			return nil, err
		}
		list, err := s.conn.Query(ctx, text, args...)
		if err != nil {
			cancel()
			return nil, s.failed(label, err)
		}
		return &postgresRows{Rows: list, session: s, name: label, cancel: cancel}, nil
	}
	results, err := s.sendBefore(ctx, lookup{text: text, args: args})
	if err == nil {
		var list pgx.Rows
		if list, err = results.Query(); err == nil {
			return &postgresRows{Rows: list, session: s, name: label, cancel: cancel, results: results}, nil
		}
		err = s.failed(label, err)
	}
	defer cancel()
	return nil, s.ended(results, err)
}

// ask sends what is queued, and the lookups behind it.
func (s *postgresSession) ask(ctx context.Context, list []lookup) error {
	for _, l := range list {
		if err := s.prepare(ctx, l.name, l.text); err != nil {
			return err
		}
	}
	if err := s.land(); err != nil {
		return err
	}
	if s.conn == nil {
		return named(list[0].name, causeUnavailable, errConnectionLost)
	}
	ctx, cancel := context.WithTimeout(ctx, s.engine.cfg.Timeout)
	defer cancel()
	results, err := s.sendBefore(ctx, list...)
	for i := 0; err == nil && i < len(list); i++ {
		err = s.answer(&list[i], results)
	}
	return s.ended(results, err)
}

// answer reads the answer to a lookup.
func (s *postgresSession) answer(l *lookup, results pgx.BatchResults) error {
	found, err := results.Query()
	if err != nil {
		return s.failed(l.name, err)
	}
	return l.take(&postgresRows{Rows: found, session: s, name: l.name, cancel: func() {}}, nil)
}

// prepare makes the server know a statement; it does so once on a connection.
func (s *postgresSession) prepare(ctx context.Context, name, text string) error {
	if s.prepared[text] {
		return nil
	}
	if err := s.land(); err != nil {
		return err
	}
	if s.conn == nil {
		return named(name, causeUnavailable, errConnectionLost)
	}
	ctx, cancel := context.WithTimeout(ctx, s.engine.cfg.Timeout)
	defer cancel()
	_, err := s.conn.Prepare(ctx, text, text)
	if err == nil {
		s.prepared[text] = true
	}
	return s.failed(name, err)
}

// save sends what came before, so that an error belongs to whom it concerns.
func (s *postgresSession) save(ctx context.Context) error {
	if err := s.flush(ctx); err != nil {
		return err
	}
	_, err := s.changed(ctx, "savepoint", `SAVEPOINT one`, nil)
	return err
}

func (s *postgresSession) release(ctx context.Context) error {
	_, err := s.changed(ctx, "release", `RELEASE one`, nil)
	return err
}

func (s *postgresSession) undo(ctx context.Context) error {
	_ = s.land() // told already, or taken back now
	s.queue = s.queue[:0]
	if _, err := s.changed(ctx, "savepoint", `ROLLBACK TO one`, nil); err != nil {
		return err
	}
	_, err := s.changed(ctx, "savepoint", `RELEASE one`, nil)
	return err
}

func (s *postgresSession) commit(ctx context.Context) error {
	tag, err := s.done(ctx, "commit", `COMMIT`, nil)
	if err != nil {
		return err
	}
	// The server answers a commit after an error that somebody has swallowed
	// with a rollback, which is no error to it.
	if tag.String() != "COMMIT" {
		s.begun = false
		return fmt.Errorf("commit: the server answered %q: a statement had failed before", tag)
	}
	s.begun = false
	return nil
}

func (s *postgresSession) rollback(ctx context.Context) error {
	_ = s.land() // it is taken back
	clear(s.queue)
	s.queue, s.begun = s.queue[:0], false
	if s.conn == nil || s.conn.PgConn().TxStatus() == 'I' {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.engine.cfg.Timeout)
	defer cancel()
	_, err := s.conn.Exec(ctx, `ROLLBACK`, pgx.QueryExecModeSimpleProtocol)
	if err == nil {
		return nil
	}
	s.drop(ctx) // the server takes back what a lost connection leaves
	return s.engine.wrap("rollback", err)
}

func (s *postgresSession) close(ctx context.Context) error {
	_ = s.land() // nothing that was not committed counts
	if s.conn == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.engine.cfg.Timeout)
	defer cancel()
	err := s.conn.Close(ctx)
	s.conn = nil
	return err
}

// failed names a statement that failed and notices that the connection is gone.
func (s *postgresSession) failed(name string, err error) error {
	if err == nil {
		return nil
	}
	if s.conn == nil || !s.conn.IsClosed() {
		return s.engine.wrap(name, err)
	}
	s.conn = nil
	c := postgresCause(err)
	if c == causeOther {
		c = causeUnavailable
	}
	return named(name, c, err)
}

// drop gives a connection up whose state is unknown.
func (s *postgresSession) drop(ctx context.Context) {
	if s.conn != nil {
		_ = s.conn.Close(ctx)
		s.conn = nil
	}
}

var errConnectionLost = fmt.Errorf("%w: the connection to PostgreSQL is lost", message.ErrUnavailable)

// postgresRows are the rows of a query of the writer. What was queued before the
// query has been read.
type postgresRows struct {
	pgx.Rows
	session *postgresSession
	name    string
	cancel  context.CancelFunc
	results pgx.BatchResults // nil: the query travelled alone
	closed  bool
}

// Err implements rows.
func (r *postgresRows) Err() error { return r.session.failed(r.name, r.Rows.Err()) }

// Close implements rows.
func (r *postgresRows) Close() error {
	if r.closed {
		return nil
	}
	r.closed = true
	defer r.cancel()
	r.Rows.Close()
	err := r.Err()
	if r.results != nil {
		return r.session.ended(r.results, err)
	}
	r.session.used = time.Now()
	return err
}

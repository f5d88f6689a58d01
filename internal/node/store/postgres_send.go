package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// launch sends what is queued and does not wait for the answers: they come to
// [postgresSession.land], which is called before the connection is used again. The
// error is that of what was under way before.
func (s *postgresSession) launch(ctx context.Context) error {
	if err := s.land(); err != nil {
		return err
	}
	list := s.queue
	s.queue = make([]queued, 0, parcel)
	done := make(chan error, 1)
	s.sending = done
	go func() {
		_, err := s.transmit(ctx, list)
		done <- err
	}()
	return nil
}

// land waits for what is under way.
func (s *postgresSession) land() error {
	if s.sending == nil {
		return nil
	}
	err := <-s.sending
	s.sending = nil
	return err
}

// send sends what is queued and returns what the last statement did.
func (s *postgresSession) send(ctx context.Context) (pgconn.CommandTag, error) {
	if err := s.land(); err != nil {
		return pgconn.CommandTag{}, err
	}
	last, err := s.transmit(ctx, s.queue)
	clear(s.queue)
	s.queue = s.queue[:0]
	return last, err
}

// transmit sends statements and reads what they did. It has the connection for
// itself.
func (s *postgresSession) transmit(ctx context.Context, list []queued) (last pgconn.CommandTag, err error) {
	if s.conn == nil {
		return last, named(list[0].name, causeUnavailable, errConnectionLost)
	}
	ctx, cancel := context.WithTimeout(ctx, s.engine.cfg.Timeout)
	defer cancel()
	list, batch := s.pack(list)
	results := s.conn.SendBatch(ctx, batch)
	last, err = s.collect(ctx, list, results)
	return last, s.ended(results, err)
}

// sendBefore sends what is queued and lookups behind it, in one batch. The results
// of the lookups are left to read.
func (s *postgresSession) sendBefore(ctx context.Context, list ...lookup) (pgx.BatchResults, error) {
	sent, batch := s.pack(s.queue)
	for _, l := range list {
		batch.Queue(l.text, l.args...)
	}
	results := s.conn.SendBatch(ctx, batch)
	_, err := s.collect(ctx, sent, results)
	clear(s.queue)
	s.queue = s.queue[:0]
	return results, err
}

// pack returns as few statements as do the same.
func (s *postgresSession) pack(list []queued) ([]queued, *pgx.Batch) {
	list = s.merger.merge(list)
	batch := &pgx.Batch{}
	for _, q := range list {
		batch.Queue(q.text, q.args...)
	}
	return list, batch
}

// collect reads the results of statements and names the one that failed.
func (s *postgresSession) collect(ctx context.Context, list []queued, results pgx.BatchResults) (last pgconn.CommandTag, err error) {
	for _, q := range list {
		if last, err = results.Exec(); err != nil {
			return last, s.failed(s.blame(ctx, list, q, err), err)
		}
	}
	return last, nil
}

// blame returns the name of the statement that made a batch fail which had
// reached the statement q. One whose arguments do not fit keeps the whole batch
// from being sent.
func (s *postgresSession) blame(ctx context.Context, list []queued, q queued, err error) string {
	if _, ok := errors.AsType[pgx.ErrPreprocessingBatch](err); !ok {
		return q.name
	}
	for _, q := range list {
		var builder pgx.ExtendedQueryBuilder
		if sd, err := s.conn.Prepare(ctx, q.text, q.text); err != nil || builder.Build(s.conn.TypeMap(), sd, q.args) != nil {
			return q.name
		}
	}
	return q.name
}

// ended ends a batch after its results.
func (s *postgresSession) ended(results pgx.BatchResults, err error) error {
	if closed := results.Close(); err == nil {
		err = s.failed("batch", closed)
	}
	s.used = time.Now()
	return err
}

package ingest

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"aleph/message"
)

const (
	// cleanBatch is how many pins one transaction of the clean-up takes.
	cleanBatch = 200
	// deleteBatch is how many files it deletes: messages wait meanwhile.
	deleteBatch = 20
)

// clean removes files that nothing keeps, at an interval. // spec messages 4.8
func (q *Queue) clean(ctx context.Context) error {
	// Soon after the start first: some nodes never run for a whole interval.
	timer := time.NewTimer(min(q.cfg.CleanInterval, time.Minute))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
			timer.Reset(q.cfg.CleanInterval)
		}
		if err := q.Clean(ctx); err != nil && ctx.Err() == nil {
			q.deps.Log.WarnContext(ctx, "clean up files", slog.Any("error", err))
		}
	}
}

// Clean removes the grace pins whose time is over and the files that nothing
// keeps any more: first the rows, then, when these are committed, the bytes.
func (q *Queue) Clean(ctx context.Context) error {
	for {
		var expired int
		err := q.do(ctx, func(b *batch) (err error) {
			expired, err = b.tx.ExpireGrace(b.now, cleanBatch)
			return err
		})
		if err != nil {
			return err
		}
		if expired < cleanBatch {
			break
		}
	}
	for {
		list, err := q.deps.Store.FileDeletions(ctx, deleteBatch)
		if err != nil || len(list) == 0 {
			return err
		}
		// The applier deletes, so that no message which it has found a file for
		// and not yet committed loses it.
		var done []message.Hash
		err = q.do(ctx, func(b *batch) error {
			done = b.deleteBlobs(list)
			return b.tx.DeletedFiles(done)
		})
		if err != nil {
			return err
		}
		q.deps.Log.InfoContext(ctx, "unused files removed", slog.Int("files", len(done)))
		if len(done) < len(list) {
			return nil // the rest is in use at this moment; the next run tries again
		}
	}
}

// deleteBlobs removes the bytes of files and returns those that are gone, or
// that a message keeps again.
func (b *batch) deleteBlobs(list []message.Hash) []message.Hash {
	var done []message.Hash
	for _, hash := range list {
		err := b.q.deps.Blobs.Delete(hash, func() (bool, error) {
			_, err := b.tx.File(b.ctx, hash)
			if errors.Is(err, message.ErrNotFound) {
				return false, nil
			}
			return true, err
		})
		if err != nil {
			b.q.deps.Log.DebugContext(b.ctx, "file not removed", slog.String("hash", string(hash)), slog.Any("error", err))
			continue
		}
		done = append(done, hash)
	}
	return done
}

package ingest

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"aleph/internal/node/apply"
	"aleph/internal/node/store"
	"aleph/message"
)

const (
	// cleanBatch is how many pins or records one transaction of the clean-up takes.
	cleanBatch = 200
	// deleteBatch is how many files it deletes: messages wait meanwhile.
	deleteBatch = 20
)

// cleanJob removes what nothing keeps. // spec messages 4.8
func (q *Queue) cleanJob() chore {
	// Soon after the start first: some nodes never run for a whole interval.
	return chore{name: "clean up", first: min(q.cfg.CleanInterval, time.Minute), every: q.cfg.CleanInterval, do: q.Clean}
}

// Clean removes the grace pins whose time is over, the files that nothing keeps
// any more (first the rows, then, when these are committed, the bytes, and the
// blocks that were only theirs), the messages that were not paid for in time, old measurements of nodes, and the
// records of messages that were rejected long ago.
func (q *Queue) Clean(ctx context.Context) error {
	return errors.Join(q.cleanFiles(ctx), q.sweepBlocks(ctx), q.finishRemovals(ctx), q.cleanMetrics(ctx), q.cleanRecords(ctx))
}

// cleanMetrics removes old measurements of nodes. // spec messages 8.3
func (q *Queue) cleanMetrics(ctx context.Context) error {
	for {
		var expired int
		err := q.do(ctx, func(b *batch) (err error) {
			expired, err = b.tx.ExpireNodeMetrics(apply.MetricsHorizon(b.now), cleanBatch)
			return err
		})
		if err != nil || expired < cleanBatch {
			return err
		}
	}
}

func (q *Queue) cleanFiles(ctx context.Context) error {
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
		if len(done) > 0 {
			q.deps.Log.InfoContext(ctx, "unused files removed", slog.Int("files", len(done)))
		}
		if len(done) < len(list) {
			return nil // the rest is in use at this moment; the next run tries again
		}
	}
}

// sweepBlocks removes the blocks of files that are gone, unless others need them.
func (q *Queue) sweepBlocks(ctx context.Context) error {
	removed, err := q.deps.Blobs.Sweep(ctx)
	if removed > 0 {
		q.deps.Log.InfoContext(ctx, "unused blocks removed", slog.Int("blocks", removed))
	}
	return err
}

// cleanRecords drops the records of messages that were rejected long ago.
func (q *Queue) cleanRecords(ctx context.Context) error {
	total := 0
	for more := true; more; {
		var dropped int
		err := q.do(ctx, func(b *batch) (err error) {
			dropped, err = b.dropOldest(b.now-message.Timestamp(q.cfg.KeepRejected/time.Microsecond), cleanBatch)
			return err
		})
		if err != nil { // perhaps only that of ctx: then the task may still run
			return err
		}
		total, more = total+dropped, dropped == cleanBatch
		q.metrics.dropped.WithLabelValues(dropOld).Add(float64(dropped))
	}
	if total > 0 {
		q.deps.Log.InfoContext(ctx, "old records of rejected messages removed", slog.Int("records", total))
	}
	return nil
}

// deleteBlobs removes the bytes of files and returns those that are gone, or
// that a message keeps again.
func (b *batch) deleteBlobs(list []message.Hash) []message.Hash {
	return b.q.deleteBlobs(b.ctx, b.tx.Reader, list)
}

// deleteBlobs belongs to the applier: nobody else removes bytes, so that a
// message which has found its file keeps it.
func (q *Queue) deleteBlobs(ctx context.Context, read store.Reader, list []message.Hash) []message.Hash {
	var done []message.Hash
	for _, hash := range list {
		err := q.deps.Blobs.Delete(hash, func() (bool, error) {
			_, err := read.File(ctx, hash)
			if errors.Is(err, message.ErrNotFound) {
				return false, nil
			}
			return true, err
		})
		if err != nil {
			q.deps.Log.DebugContext(ctx, "file not removed", slog.String("hash", string(hash)), slog.Any("error", err))
			continue
		}
		done = append(done, hash)
	}
	return done
}

// abandoned are files whose bytes are on the disk and whose upload failed after
// that. The zero value is ready.
type abandoned struct {
	mu     sync.Mutex
	hashes map[message.Hash]bool
}

// mostAbandoned bounds the files that are remembered. While a database is away
// every upload is abandoned.
const mostAbandoned = 100_000

// Abandon takes over a file of the blob store whose [Queue.Upload] failed: its
// bytes are removed, in their turn, unless a message or another upload keeps
// them. That needs no space on the disk. What cannot be done before ctx ends is
// done later.
func (q *Queue) Abandon(ctx context.Context, file message.Hash) {
	if !q.abandoned.add(file) {
		q.deps.Log.WarnContext(ctx, "an upload that failed stays on the disk", slog.String("hash", string(file)))
		return
	}
	if left, err := q.dropAbandoned(ctx); left || err != nil {
		q.Poke()
	}
}

// dropAbandoned removes the bytes of abandoned files, and reports whether some
// are left that it could not remove now.
func (q *Queue) dropAbandoned(ctx context.Context) (left bool, err error) {
	for part := range slices.Chunk(q.abandoned.list(), deleteBatch) {
		var done []message.Hash
		err := q.doBetween(ctx, func() {
			done = q.deleteBlobs(context.WithoutCancel(ctx), q.deps.Store.Reader, part)
			q.abandoned.drop(done)
		})
		if err != nil {
			return true, err
		}
		left = left || len(done) < len(part)
	}
	return left, nil
}

// add reports whether there was room for a file.
func (a *abandoned) add(file message.Hash) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.hashes) >= mostAbandoned {
		return false
	}
	if a.hashes == nil {
		a.hashes = map[message.Hash]bool{}
	}
	a.hashes[file] = true
	return true
}

func (a *abandoned) list() []message.Hash {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Collect(maps.Keys(a.hashes))
}

func (a *abandoned) drop(done []message.Hash) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, file := range done {
		delete(a.hashes, file)
	}
}

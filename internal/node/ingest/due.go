package ingest

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"aleph/internal/node/store"
	"aleph/message"
)

const (
	// dueBatch is how many due messages are read at once.
	dueBatch = 128
	// longestNap bounds the time between two looks at the queue.
	longestNap = time.Minute
	// illNap is the pause after a failure of the database.
	illNap = time.Second
)

// flight is the set of messages that are being worked on: of the copies of one
// message, one at a time. The zero value is ready.
type flight struct {
	mu     sync.Mutex
	hashes map[message.Hash]bool
}

// enter reports whether the message was not in the set, and adds it.
func (f *flight) enter(hash message.Hash) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.hashes[hash] {
		return false
	}
	if f.hashes == nil {
		f.hashes = map[message.Hash]bool{}
	}
	f.hashes[hash] = true
	return true
}

func (f *flight) leave(hash message.Hash) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.hashes, hash)
}

// dispatch brings messages back when they are due: to the fetch pool those
// that lack content, to the applier the others, in the order of their next
// attempt. // spec messages 4.3
func (q *Queue) dispatch(ctx context.Context) error {
	var seen message.Timestamp
	told := false
	for ctx.Err() == nil {
		nap, err := q.dispatchDue(ctx, &seen)
		if err != nil && ctx.Err() == nil {
			if !told { // once, not every second while a database is away
				q.deps.Log.WarnContext(ctx, "read pending messages", slog.Any("error", err))
			}
			nap = illNap
		}
		told = err != nil
		if left, err := q.dropAbandoned(ctx); err != nil || left {
			nap = min(nap, illNap)
		}
		if q.ill.Load() {
			nap = max(nap, illNap)
		}
		timer := time.NewTimer(nap)
		select {
		case <-ctx.Done():
		case <-q.poke:
		case <-timer.C:
		}
		timer.Stop()
		if (told || q.ill.Load()) && ctx.Err() == nil {
			q.probe(ctx)
		}
	}
	return nil
}

// probe finds out whether the database can be written again when nobody else
// tries.
func (q *Queue) probe(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, illNap)
	defer cancel()
	// A failure is recorded where the transaction fails.
	_ = q.do(ctx, func(b *batch) error { return b.tx.Probe() })
}

// dispatchDue hands out what is due now and returns the time until there may
// be more. seen is the time of the last call, 0 at first.
func (q *Queue) dispatchDue(ctx context.Context, seen *message.Timestamp) (time.Duration, error) {
	now := q.now()
	if now < *seen || *seen == 0 {
		if err := q.rewind(ctx); err != nil {
			return 0, err
		}
	}
	*seen = now
	nap := longestNap
	for _, stage := range []struct {
		fetched bool
		to      func(context.Context, *store.PendingRow) error
	}{{true, q.retry}, {false, q.toPool}} {
		more, err := q.handOut(ctx, stage.fetched, now, stage.to)
		if err != nil {
			return 0, err
		}
		if more {
			nap = time.Millisecond
		}
		next, ok, err := q.deps.Store.NextDue(ctx, stage.fetched, now)
		if err != nil {
			return 0, err
		}
		if ok {
			nap = q.until(next, nap)
		}
	}
	return nap, nil
}

// rewindBatch is how many rows one transaction makes due.
const rewindBatch = 1000

// rewind makes messages due whose next attempt lies further ahead than any delay:
// the clock was set back, while the node ran or while it did not.
func (q *Queue) rewind(ctx context.Context) error {
	for _, fetched := range []bool{true, false} {
		for {
			last, ok, err := q.deps.Store.LastDue(ctx, fetched)
			if err != nil {
				return err
			}
			if !ok || last <= q.latest() {
				break
			}
			err = q.do(ctx, func(b *batch) error {
				_, err := b.tx.RewindPending(b.now, q.latest(), fetched, rewindBatch)
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// latest is the latest time that an attempt can be put off to.
func (q *Queue) latest() message.Timestamp { return q.now() + maxBackoff*microseconds }

// mostHanded is how many messages one round hands out of a stage, so that the
// stages take turns when a great many are due.
const mostHanded = 1024

// handOut hands out the messages of a stage that are due, in order, and reports
// whether there may be more.
func (q *Queue) handOut(ctx context.Context, fetched bool, now message.Timestamp, to func(context.Context, *store.PendingRow) error) (bool, error) {
	var last store.Due
	for handed := 0; handed < mostHanded; {
		list, err := q.deps.Store.Due(ctx, fetched, now, last, dueBatch)
		if err != nil {
			return false, err
		}
		for _, due := range list {
			ok, err := q.handOver(ctx, due, to)
			if errors.Is(err, errPoolBusy) {
				return false, nil // each of the rows that fill the pool pokes when it lands
			}
			if err != nil {
				return false, err
			}
			if ok {
				handed++
			}
			last = due
		}
		if len(list) < dueBatch {
			return false, nil
		}
	}
	return true, nil
}

// handOver gives a due row to the next hand, once at a time, and reports whether
// it did. Whoever has it last calls flight.leave.
func (q *Queue) handOver(ctx context.Context, due store.Due, to func(context.Context, *store.PendingRow) error) (bool, error) {
	if !q.flight.enter(due.ItemHash) {
		return false, nil
	}
	row, err := q.deps.Store.PendingByID(ctx, due.ID)
	late := err == nil && row.NextAttempt != due.NextAttempt // it was tried since the list was read
	if err == nil && !late {
		err = to(ctx, row)
	}
	if err != nil || late {
		q.flight.leave(due.ItemHash)
		return false, ignoreNotFound(err)
	}
	return true, nil
}

var errPoolBusy = errors.New("all fetch workers are busy")

// toPool hands a row to the fetch pool. It does not wait for a place in it: what
// has its content must not stand behind what is being fetched.
func (q *Queue) toPool(_ context.Context, row *store.PendingRow) error {
	select {
	case q.fetches <- row:
		return nil
	default:
		return errPoolBusy
	}
}

// land takes a message out of the flight. It, or another copy of it, may be due
// already.
func (q *Queue) land(hash message.Hash) {
	q.flight.leave(hash)
	q.Poke()
}

// retry hands a row that has everything to the applier.
func (q *Queue) retry(ctx context.Context, row *store.PendingRow) error {
	j := q.jobOf(row)
	raw := row.Message.ItemContent
	if row.Message.ItemType != message.ItemInline {
		raw = row.Body
		if err := q.admit(ctx, j); err != nil {
			return err
		}
	}
	err := protect(func() (err error) {
		j.msg.Content, err = message.ParseContent(row.Message.Type, []byte(raw))
		return err
	})
	if err != nil {
		j.refused = rejectionOf(err)
	} else {
		q.adoptFile(ctx, j)
	}
	if err := q.push(ctx, j); err != nil {
		j.leave()
		return err
	}
	return nil
}

// jobOf returns the job of a row that waited.
func (q *Queue) jobOf(row *store.PendingRow) *job {
	m := row.Message
	j := &job{
		hash: m.ItemHash, msg: &m, received: row.ReceptionTime, origin: Origin(row.Origin), trusted: !row.CheckMessage, row: row,
		done: make(chan struct{}), after: func() { q.land(m.ItemHash) },
	}
	if m.ItemType == message.ItemInline {
		j.size = m.InlineSize()
	} else if size, ok := q.deps.Blobs.Size(m.ItemHash); ok {
		j.size = size
	} else {
		j.size = int64(len(row.Body))
	}
	return j
}

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

// flight is the set of pending rows that are being worked on. The zero value is
// ready.
type flight struct {
	mu  sync.Mutex
	ids map[int64]bool
}

// enter reports whether the row was not in the set, and adds it.
func (f *flight) enter(id int64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ids[id] {
		return false
	}
	if f.ids == nil {
		f.ids = map[int64]bool{}
	}
	f.ids[id] = true
	return true
}

func (f *flight) leave(id int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.ids, id)
}

func (f *flight) size() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.ids)
}

// dispatch brings messages back when they are due: to the fetch pool those
// that lack content, to the applier the others, in the order of their next
// attempt. // spec messages 4.3
func (q *Queue) dispatch(ctx context.Context) error {
	for ctx.Err() == nil {
		nap, err := q.dispatchDue(ctx)
		if err != nil && ctx.Err() == nil {
			q.deps.Log.WarnContext(ctx, "read pending messages", slog.Any("error", err))
			nap = illNap
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
		if q.ill.Load() && ctx.Err() == nil {
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
// be more.
func (q *Queue) dispatchDue(ctx context.Context) (time.Duration, error) {
	now := q.now()
	ready, err := q.deps.Store.Due(ctx, true, now, dueBatch+q.flight.size())
	if err != nil {
		return 0, err
	}
	for _, due := range ready {
		if err := q.handOver(ctx, due, q.retry); err != nil {
			return 0, err
		}
	}
	lacking, err := q.deps.Store.Due(ctx, false, now, dueBatch+q.flight.size())
	if err != nil {
		return 0, err
	}
	for _, due := range lacking {
		if err := q.handOver(ctx, due, q.toPool); errors.Is(err, errPoolBusy) {
			break // each of the rows that fill the pool pokes when it lands
		} else if err != nil {
			return 0, err
		}
	}
	if len(ready) >= dueBatch || len(lacking) >= dueBatch {
		return time.Millisecond, nil
	}
	nap := longestNap
	for _, fetched := range []bool{true, false} {
		next, ok, err := q.deps.Store.NextDue(ctx, fetched, now)
		if err != nil {
			return 0, err
		}
		if ok {
			nap = q.until(next, nap)
		}
	}
	return nap, nil
}

// handOver gives a due row to the next hand, once at a time. Whoever has it
// last calls flight.leave.
func (q *Queue) handOver(ctx context.Context, due store.Due, to func(context.Context, *store.PendingRow) error) error {
	if !q.flight.enter(due.ID) {
		return nil
	}
	row, err := q.deps.Store.PendingByID(ctx, due.ID)
	if err == nil {
		err = to(ctx, row)
	}
	if err != nil {
		q.flight.leave(due.ID)
		return ignoreNotFound(err)
	}
	return nil
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

// land takes a row out of the flight. It may be due again already.
func (q *Queue) land(id int64) {
	q.flight.leave(id)
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
		hash: m.ItemHash, msg: &m, received: row.ReceptionTime, origin: Origin(row.Origin), row: row,
		done: make(chan struct{}), after: func() { q.land(row.ID) },
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

package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime/debug"
	"slices"
	"time"

	"aleph/internal/node/apply"
	"aleph/internal/node/store"
	"aleph/internal/telemetry"
	"aleph/message"
)

// applyLoop is the applier: the only goroutine that changes the state. When the
// queue stops it finishes what was accepted.
func (q *Queue) applyLoop(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		var first *job
		select {
		case first = <-q.jobs:
		case <-q.stopping:
			select {
			case first = <-q.jobs:
			default:
				return
			}
		}
		jobs := q.gather(first, timer)
		last := jobs[len(jobs)-1]
		if last.between != nil {
			jobs = jobs[:len(jobs)-1]
		}
		if len(jobs) > 0 {
			q.apply(ctx, jobs)
		}
		if last.between != nil {
			last.between()
			last.leave()
		}
	}
}

// gather takes what is there, and waits a moment for submissions whose
// signature is being checked. A single submitter never waits. What is done between
// two transactions can only be the last.
func (q *Queue) gather(first *job, timer *time.Timer) []*job {
	jobs := append(make([]*job, 0, 64), first)
	bytes := first.bytes()
	waited := false
	for jobs[len(jobs)-1].between == nil && len(jobs) < q.cfg.BatchSize && bytes < q.cfg.BatchBytes {
		var next *job
		select {
		case next = <-q.jobs:
		default:
			if q.preparing.Load() == 0 || q.cfg.Gather == 0 {
				return jobs
			}
			if !waited {
				waited = true
				timer.Reset(q.cfg.Gather)
			}
			select {
			case next = <-q.jobs:
			case <-timer.C:
				return jobs
			}
		}
		jobs = append(jobs, next)
		bytes += next.bytes()
	}
	return jobs
}

// bytes is what a job adds to a transaction.
func (j *job) bytes() int {
	if j.msg == nil {
		return len(j.raw)
	}
	return len(j.msg.ItemContent) + int(j.size)
}

// batch is one transaction.
type batch struct {
	q       *Queue
	ctx     context.Context //nolint:containedctx // lives as long as one transaction
	tx      *store.Tx
	session *apply.Session
	now     message.Timestamp
	jobs    []*job
	status  map[message.Hash]store.StatusRow
	poke    bool
	// waits counts what pending messages wait for, on top of Queue.waiting.
	waits map[message.Hash]int
	rows  int64 // rows added to pending_messages
	// letters are the changes of the totals of messages that wait or are rejected.
	letters map[store.LetterKey]store.LetterTotal
	trimmed int // records of rejected messages dropped because there were too many
}

// apply commits a batch, answers everybody in it and tells the events.
func (q *Queue) apply(ctx context.Context, jobs []*job) {
	began := time.Now()
	b := &batch{q: q, ctx: ctx, jobs: jobs}
	err := q.deps.Store.Update(ctx, b.together)
	if err != nil && !store.Temporary(err) {
		// One of them met something unexpected: once more, each on its own, so
		// that it cannot hurt the others.
		q.deps.Log.WarnContext(ctx, "batch failed, replay one by one", slog.Int("messages", len(jobs)), slog.Any("error", err))
		q.metrics.replays.Inc()
		err = q.deps.Store.Update(ctx, b.apart)
	}
	q.metrics.observe(len(jobs), time.Since(began), err)
	if err != nil {
		q.fail(ctx, jobs, err)
		return
	}
	if q.ill.CompareAndSwap(true, false) {
		q.deps.Health.Set(healthPart, telemetry.StateOK, "")
		q.deps.Log.InfoContext(ctx, "database is writable again")
	}
	b.committed()
}

// fail answers a batch that could not be committed. Nothing of it is stored.
func (q *Queue) fail(ctx context.Context, jobs []*job, err error) {
	if !errors.Is(err, message.ErrUnavailable) {
		err = errors.Join(message.ErrUnavailable, err)
	}
	q.deps.Health.Set(healthPart, telemetry.StateFailed, illText(err))
	if q.ill.CompareAndSwap(false, true) {
		q.deps.Log.ErrorContext(ctx, "database cannot be written; messages are refused until it can", slog.Any("error", err))
	}
	for _, j := range jobs {
		j.result, j.err, j.event = Result{}, err, Event{}
		j.leave()
	}
	if q.deps.Replaced != nil && errors.Is(err, store.ErrReplaced) {
		q.deps.Replaced()
	}
}

// healthPart names the database among the parts of the node.
const healthPart = "database"

// illText says what an operator has to do.
func illText(err error) string {
	if errors.Is(err, store.ErrFull) {
		return "the disk is full: messages are refused until there is space"
	}
	return "the database cannot be written: messages are refused until it can; the log says why"
}

// pendingPart names the messages that wait among the parts of the node.
const pendingPart = "pending"

// tellPending says that there is no room for messages that must wait, and that
// there is again.
func (q *Queue) tellPending() {
	n, most := q.pending.Load(), q.cfg.MaxPending
	full := n >= most || q.full && n > most-most/10
	if full == q.full {
		return
	}
	if q.full = full; !full {
		q.deps.Health.Set(pendingPart, telemetry.StateOK, "")
		return
	}
	q.deps.Health.Set(pendingPart, telemetry.StateDegraded, fmt.Sprintf(
		"%d messages wait, no more may: those that would have to wait are refused; `aleph node dead-letters list --pending` shows for what", n))
}

// leave answers whoever waits for the job.
func (j *job) leave() {
	close(j.done)
	if j.after != nil {
		j.after()
	}
}

// committed answers everybody after the commit.
func (b *batch) committed() {
	q := b.q
	q.pending.Add(b.rows)
	for key, d := range b.letters {
		if key.State != store.LetterPending {
			q.records.Total, q.records.Bytes = q.records.Total+d.Total, q.records.Bytes+d.Bytes
		}
	}
	q.metrics.dropped.WithLabelValues(dropFull).Add(float64(b.trimmed))
	q.tellPending()
	for hash, n := range b.waits {
		if q.waiting[hash] += n; q.waiting[hash] <= 0 {
			delete(q.waiting, hash)
		}
	}
	for _, j := range b.jobs {
		j.leave()
	}
	for _, j := range b.jobs {
		q.metrics.outcome(j)
		if j.event.Kind != "" {
			q.events.Send(j.event)
		}
	}
	if b.poke {
		q.Poke()
	}
}

// Poke lets the dispatcher look for work now.
func (q *Queue) Poke() {
	select {
	case q.poke <- struct{}{}:
	default:
	}
}

// begin resets what an attempt at the transaction has gathered.
func (b *batch) begin(tx *store.Tx) error {
	b.tx, b.now = tx, b.q.now()
	b.session = b.q.deps.Rules.Within(b.ctx, tx, b.now)
	b.waits, b.rows, b.poke = map[message.Hash]int{}, 0, false
	b.letters, b.trimmed = map[store.LetterKey]store.LetterTotal{}, 0
	if err := b.readStatuses(); err != nil {
		return err
	}
	return b.readAhead()
}

// readAhead reads together what the messages of the batch will ask for.
func (b *batch) readAhead() error {
	list := make([]*message.Message, 0, len(b.jobs))
	var more store.Ahead
	for _, j := range b.jobs {
		status, known := b.status[j.hash]
		switch {
		case j.msg == nil || j.row == nil && known && status.Status != message.StatusRejected:
			continue // a task, or a copy
		case j.row != nil:
			more.Waiting = append(more.Waiting, j.row.ID)
		}
		if known {
			more.Tried = append(more.Tried, j.hash)
		}
		if j.refused == nil {
			list = append(list, j.msg)
		}
	}
	return b.session.ReadAhead(list, more)
}

// readStatuses reads where all messages of the batch stand, in one query.
func (b *batch) readStatuses() error {
	hashes := make([]message.Hash, 0, len(b.jobs))
	for _, j := range b.jobs {
		if j.hash != "" {
			hashes = append(hashes, j.hash)
		}
	}
	if len(hashes) == 0 {
		b.status = map[message.Hash]store.StatusRow{}
		return nil
	}
	slices.Sort(hashes)
	var err error
	b.status, err = b.tx.Statuses(b.ctx, slices.Compact(hashes))
	return err
}

// together applies the jobs in order. No savepoint: what can be refused is
// refused before it writes.
func (b *batch) together(tx *store.Tx) error {
	if err := b.begin(tx); err != nil {
		return err
	}
	for _, j := range b.jobs {
		j.reset()
		if err := protect(func() error { return b.process(j) }); err != nil {
			return err
		}
	}
	return tx.AddLetters(b.letters)
}

// protect turns a panic, a defect of the program that one message meets, into
// an error, so that the message and not the node is put aside.
func protect(do func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
		}
	}()
	return do()
}

// apart applies the jobs in order, each so that its failure takes back nothing
// but itself.
func (b *batch) apart(tx *store.Tx) error {
	if err := b.begin(tx); err != nil {
		return err
	}
	for _, j := range b.jobs {
		j.reset()
		waits, rows, letters, trimmed := maps.Clone(b.waits), b.rows, maps.Clone(b.letters), b.trimmed
		err := tx.Nested(func() error { return protect(func() error { return b.process(j) }) })
		if err == nil {
			continue
		}
		if store.Temporary(err) {
			return err
		}
		// What the failed job made the session and the batch believe is undone.
		b.waits, b.rows, b.letters, b.trimmed = waits, rows, letters, trimmed
		b.session = b.q.deps.Rules.Within(b.ctx, tx, b.now)
		if err := b.readStatuses(); err != nil {
			return err
		}
		b.q.deps.Log.ErrorContext(b.logContext(j), "message met an unexpected failure", slog.String("item_hash", string(j.hash)), slog.Any("error", err))
		j.reset()
		if err := b.unexpected(j, err); err != nil {
			return err
		}
	}
	return tx.AddLetters(b.letters)
}

func (j *job) reset() {
	j.result, j.err, j.event = Result{}, nil, Event{}
	j.queued, j.confirmed = false, nil
}

package ingest

import (
	"errors"
	"fmt"

	"aleph/internal/node/apply"
	"aleph/internal/node/store"
	"aleph/message"
)

// process applies one job. Its error is unexpected: everything that a message
// can do wrong ends in the job's result. // spec messages 4.2, 4.3
func (b *batch) process(j *job) error {
	if j.task != nil {
		// A task that refuses has written nothing.
		j.err = j.task(b)
		if j.err != nil && !isKind(j.err) {
			return j.err
		}
		return nil
	}
	if j.row != nil {
		return b.resume(j)
	}
	if row, known := b.status[j.hash]; known && row.Status != message.StatusRejected {
		// A copy of a message that the node knows. // spec messages 4.2 step 4, 4.10
		j.result = Result{Status: row.Status, Known: true, Rejection: j.refused}
		return nil
	}
	if j.refused != nil {
		return b.reject(j, j.refused)
	}
	if j.msg.Content == nil { // storage or ipfs, and not here
		row := pendingRow(j)
		row.NextAttempt = min(j.msg.Time, b.now)
		row.WaitsFor = j.hash
		return b.suspend(j, row)
	}
	return b.attempt(j)
}

// resume goes on with a message that waited.
func (b *batch) resume(j *job) error {
	row, err := b.tx.PendingByID(b.ctx, j.row.ID)
	if errors.Is(err, message.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if row.Retries != j.row.Retries || row.Fetched != j.row.Fetched {
		return nil // an older view of the row
	}
	status := b.status[j.hash].Status
	if status != message.StatusPending && status != message.StatusRejected {
		// A valid copy got there first. // spec messages 4.3 steps 1 and 2, 4.5
		j.result = Result{Status: status, Known: true}
		return b.unqueue(j)
	}
	if j.refused != nil {
		var what message.Hash
		if j.refused.Code == message.CodeContentUnavailable {
			what = j.hash
		}
		return b.decline(j, j.refused, what)
	}
	return b.attempt(j)
}

// attempt plans and applies a message that has its content. // spec messages 4.3
func (b *batch) attempt(j *job) error {
	before, known := b.status[j.hash]
	if known {
		j.received = min(j.received, before.ReceptionTime)
	}
	effect, err := b.session.Plan(j.message())
	if rej, ok := errors.AsType[*message.Rejection](err); ok {
		var what message.Hash
		if m, ok := errors.AsType[*apply.Missing](err); ok {
			what = m.What
		}
		return b.decline(j, rej, what)
	}
	if err != nil {
		return err
	}
	if err := effect(); err != nil {
		return err
	}
	if known { // as pending or rejected
		if err := b.tx.ClearStatus(j.hash); err != nil {
			return err
		}
	}
	if err := b.unqueue(j); err != nil {
		return err
	}
	b.status[j.hash] = store.StatusRow{ItemHash: j.hash, Status: message.StatusProcessed, ReceptionTime: j.received}
	j.result = Result{Status: message.StatusProcessed}
	j.event = Event{Kind: EventProcessed, Hash: j.hash, Status: message.StatusProcessed, Message: j.msg, Origin: j.origin}
	if j.msg.Type == message.TypeForget {
		// It changed where other messages stand.
		if err := b.readStatuses(); err != nil {
			return err
		}
	}
	return b.arrived(j.hash)
}

// decline retries or rejects a message, as the table of codes says. // spec messages 4.5, 4.6
func (b *batch) decline(j *job, rej *message.Rejection, what message.Hash) error {
	if !rej.Code.Retry() {
		return b.reject(j, rej)
	}
	row := pendingRow(j)
	// Without its content or file a message is in the fetching stage, else in
	// the processing stage, which has its own budget. // spec messages 4.3
	fetched := rej.Code != message.CodeContentUnavailable && rej.Code != message.CodeFileUnavailable
	if fetched && !row.Fetched {
		row.Retries = 0
	}
	row.Fetched = fetched
	if row.Retries >= maxRetries {
		return b.reject(j, rej)
	}
	row.NextAttempt = b.now + b.q.backoff(row.Retries)
	if row.WaitsFor == "" || row.WaitsFor == what {
		row.Retries++
	} // else what it waited for came, and it waits for something else: progress costs nothing
	row.WaitsFor = what
	return b.suspend(j, row)
}

// unexpected handles a failure that no rule foresees. // spec messages 4.5
func (b *batch) unexpected(j *job, cause error) error {
	if j.msg == nil {
		j.err = cause
		return nil
	}
	return b.decline(j, &message.Rejection{Code: message.CodeInternal, Err: cause}, "")
}

// suspend saves a message that must wait.
func (b *batch) suspend(j *job, row *store.PendingRow) error {
	if row.ID != 0 {
		b.wait(j.row.WaitsFor, -1)
		if err := b.tx.UpdatePending(row); err != nil {
			return err
		}
	} else {
		if b.q.pending.Load()+b.rows >= b.q.cfg.MaxPending {
			j.err = errTooManyPending
			return nil
		}
		if err := b.tx.InsertPending(row); err != nil {
			return err
		}
		b.rows++
	}
	b.wait(row.WaitsFor, 1)
	b.poke = true
	if err := b.tx.SetStatus(j.hash, message.StatusPending, j.received); err != nil {
		return err
	}
	b.status[j.hash] = store.StatusRow{ItemHash: j.hash, Status: message.StatusPending, ReceptionTime: j.received}
	j.result = Result{Status: message.StatusPending}
	if row.Retries > 0 {
		j.event = Event{Kind: EventRetry, Hash: j.hash, Status: message.StatusPending, Origin: j.origin}
	}
	return nil
}

// reject records a terminal failure. // spec messages 4.5, 4.6
func (b *batch) reject(j *job, rej *message.Rejection) error {
	record := &store.RejectedRow{ItemHash: j.hash, Message: rejectedObject(j), Code: rej.Code, Details: rej.Details()}
	if rej.Err != nil {
		record.Traceback = rej.Err.Error()
	}
	if err := b.tx.SetRejected(record); err != nil {
		return err
	}
	if err := b.tx.SetStatus(j.hash, message.StatusRejected, j.received); err != nil {
		return err
	}
	if err := b.unqueue(j); err != nil {
		return err
	}
	b.status[j.hash] = store.StatusRow{ItemHash: j.hash, Status: message.StatusRejected, ReceptionTime: j.received}
	j.result = Result{Status: message.StatusRejected, Rejection: rej}
	j.event = Event{Kind: EventRejected, Hash: j.hash, Status: message.StatusRejected, Rejection: rej, Origin: j.origin}
	return nil
}

// unqueue deletes the row of a message that waited.
func (b *batch) unqueue(j *job) error {
	if j.row == nil {
		return nil
	}
	b.wait(j.row.WaitsFor, -1)
	b.rows--
	return b.tx.DeletePending(j.row.ID)
}

// wait counts a message that waits for hash, or no longer does.
func (b *batch) wait(hash message.Hash, n int) {
	if hash != "" {
		b.waits[hash] += n
	}
}

// arrived makes the messages that wait for hash due.
func (b *batch) arrived(hash message.Hash) error {
	if b.q.waiting[hash]+b.waits[hash] <= 0 {
		return nil
	}
	n, err := b.tx.WakePending(hash, b.now)
	if n > 0 {
		b.poke = true
	}
	return err
}

// pendingRow returns the row of a message that waits, a fresh one for a message
// that did not. // spec messages 4.2 step 5
func pendingRow(j *job) *store.PendingRow {
	row := store.PendingRow{Message: *j.msg, ReceptionTime: j.received, Origin: string(j.origin), CheckMessage: true}
	if j.row != nil {
		row = *j.row
	}
	if j.msg.ItemType != message.ItemInline && j.msg.Content != nil {
		row.Body = string(j.msg.Content.Raw())
	}
	return &row
}

// isKind reports whether err is an answer of a task rather than a failure.
func isKind(err error) bool {
	return errors.Is(err, message.ErrConflict) || errors.Is(err, message.ErrNotFound) || errors.Is(err, message.ErrInvalid)
}

var errTooManyPending = fmt.Errorf("%w: too many messages are waiting, try again later", message.ErrUnavailable)

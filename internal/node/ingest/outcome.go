package ingest

import (
	"fmt"

	"aleph/internal/node/store"
	"aleph/message"
)

// decline retries or rejects a message, as the table of codes says. // spec messages 4.5, 4.6
func (b *batch) decline(j *job, rej *message.Rejection, what message.Hash) error {
	if !rej.Code.Retry() {
		return b.reject(j, rej)
	}
	row := pendingRow(j)
	// Without its content or file a message is in the fetching stage, else in
	// the processing stage, which has its own budget. // spec messages 4.3
	fetched := rej.Code != message.CodeContentUnavailable && rej.Code != message.CodeFileUnavailable &&
		(j.msg.ItemType == message.ItemInline || j.msg.Content != nil)
	if fetched && !row.Fetched {
		row.Retries = 0
	}
	row.Fetched = fetched
	if row.Retries >= maxRetries {
		return b.reject(j, rej)
	}
	if row.ID == 0 && rej.Code == message.CodeContentUnavailable {
		// Nobody has looked for the content yet. // spec messages 4.2 step 5
		row.NextAttempt = min(j.msg.Time, b.now)
	} else {
		row.NextAttempt = b.now + b.q.backoff(row.Retries)
		if row.WaitsFor == "" || row.WaitsFor == what {
			row.Retries++
		} // else what it waited for came, and it waits for something else: progress costs nothing
	}
	row.WaitsFor = what
	row.Code, row.Details, row.Traceback = rej.Code, rej.Details(), traceback(rej)
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
	switch {
	case row.ID != 0:
		b.wait(j.row.WaitsFor, -1)
		b.countLetter(store.LetterPending, j.row.Code, -1, 0)
		if err := b.tx.UpdatePending(row); err != nil {
			return err
		}
	case j.queued:
		j.result = Result{Status: message.StatusPending, Known: true}
		return b.remember(j)
	default:
		if b.q.pending.Load()+b.rows >= b.q.cfg.MaxPending {
			j.err = errTooManyPending
			return nil
		}
		if err := b.tx.InsertPending(row); err != nil {
			return err
		}
		if err := b.recordWaits(j.hash); err != nil {
			return err
		}
		if err := b.remember(j); err != nil {
			return err
		}
		b.rows++
	}
	b.countLetter(store.LetterPending, row.Code, 1, 0)
	b.wait(row.WaitsFor, 1)
	b.poke = true
	if err := b.tx.SetStatus(j.hash, message.StatusPending, j.received); err != nil {
		return err
	}
	b.status[j.hash] = store.StatusRow{ItemHash: j.hash, Status: message.StatusPending, ReceptionTime: j.received}
	j.result = Result{Status: message.StatusPending}
	if row.Retries > 0 {
		j.event = Event{Kind: EventRetry, Hash: j.hash, Status: message.StatusPending}
	}
	return nil
}

// reject ends a message for good. // spec messages 4.5, 4.6
func (b *batch) reject(j *job, rej *message.Rejection) error {
	others, err := b.othersWait(j)
	if err != nil {
		return err
	}
	if err := b.unqueue(j); err != nil {
		return err
	}
	if others {
		// A copy failed. The message is what the others make of it.
		j.result = Result{Status: message.StatusPending, Known: true, Rejection: rej}
		return nil
	}
	if err := b.setRecord(j, rej); err != nil {
		return err
	}
	if err := b.tx.SetStatus(j.hash, message.StatusRejected, j.received); err != nil {
		return err
	}
	b.status[j.hash] = store.StatusRow{ItemHash: j.hash, Status: message.StatusRejected, ReceptionTime: j.received}
	j.result = Result{Status: message.StatusRejected, Rejection: rej}
	j.event = Event{Kind: EventRejected, Hash: j.hash, Status: message.StatusRejected, Rejection: rej}
	if j.refused == nil { // a genuine copy, which may be processed another time
		if err := b.remember(j); err != nil {
			return err
		}
	}
	return b.trimRecords()
}

// othersWait reports whether another copy of the message is queued.
func (b *batch) othersWait(j *job) (bool, error) {
	if b.status[j.hash].Status != message.StatusPending {
		return false, nil
	}
	var id int64
	if j.row != nil {
		id = j.row.ID
	}
	return b.tx.OtherPending(b.ctx, j.hash, id)
}

// unqueue deletes the row of a message that waited.
func (b *batch) unqueue(j *job) error {
	if j.row == nil {
		return nil
	}
	return b.dequeue(j.row)
}

func (b *batch) dequeue(row *store.PendingRow) error {
	b.wait(row.WaitsFor, -1)
	b.countLetter(store.LetterPending, row.Code, -1, 0)
	b.rows--
	return b.tx.DeletePending(row.ID)
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
	row := store.PendingRow{Message: *j.msg, ReceptionTime: j.received, Origin: string(j.origin), CheckMessage: !j.trusted}
	if j.row != nil {
		row = *j.row
	}
	if j.msg.ItemType != message.ItemInline && j.msg.Content != nil {
		row.Body = string(j.msg.Content.Raw())
	}
	return &row
}

// traceback is what an operator is told about a failure beside its details.
func traceback(rej *message.Rejection) string {
	if rej.Err == nil {
		return ""
	}
	return rej.Err.Error()
}

var errTooManyPending = fmt.Errorf("%w: too many messages are waiting, try again later", message.ErrUnavailable)

package ingest

import (
	"context"
	"errors"
	"log/slog"

	"aleph/internal/node/apply"
	"aleph/internal/node/store"
	"aleph/internal/telemetry"
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
	// A copy of a message that the node knows? // spec messages 4.2 step 4, 4.10
	switch row, known := b.status[j.hash]; {
	case !known, row.Status == message.StatusRejected:
	case row.Status == message.StatusPending:
		if settled, err := b.copyOfPending(j); settled || err != nil {
			return err
		}
	default:
		return b.copyOfKnown(j, row.Status)
	}
	if j.refused != nil {
		return b.reject(j, j.refused)
	}
	if lacking := b.lacking(j); lacking != nil {
		return b.decline(j, lacking, j.hash)
	}
	return b.attempt(j)
}

// copyOfKnown handles a copy of a message that is live, forgotten or removed. An
// invalid copy is ignored, a valid one from a transaction confirms.
func (b *batch) copyOfKnown(j *job, status message.Status) error {
	j.result = Result{Status: status, Known: true, Rejection: j.refused}
	if j.refused != nil || j.tx == nil || !live(status) {
		return nil //nolint:nilerr // the refusal is in the result
	}
	same, err := b.isSigned(j)
	if err != nil || !same {
		return err
	}
	return b.confirmKnown(j, status)
}

// copyOfPending handles a copy of a message that waits, and reports whether that
// was all. A copy with another signature goes its own way, beside the first: who
// sends a forged copy must not keep the genuine one out. // Q-37
func (b *batch) copyOfPending(j *job) (settled bool, err error) {
	j.result = Result{Status: message.StatusPending, Known: true, Rejection: j.refused}
	if j.refused != nil {
		return true, nil //nolint:nilerr // the refusal is in the result
	}
	row, err := b.tx.PendingCopy(b.ctx, j.msg)
	if errors.Is(err, message.ErrNotFound) {
		j.result = Result{}
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if j.msg.ItemType == message.ItemInline && row.Message.ItemType != message.ItemInline {
		// Whoever relays a message can take its content out. This copy has it.
		j.result, j.queued = Result{}, true
		return false, nil
	}
	return true, b.remember(j)
}

// lacking returns why a message cannot be attempted: its content is not here, or
// was here when it was read and is not any more. The applier is the only one
// who deletes files, so what it finds stays until the commit.
func (b *batch) lacking(j *job) *message.Rejection {
	if j.msg.ItemType == message.ItemInline || j.msg.Content != nil && b.q.deps.Blobs.Has(j.hash) {
		return nil
	}
	return message.Reject(message.CodeContentUnavailable, "File not found: %s", j.hash)
}

// resume goes on with a message that waited.
func (b *batch) resume(j *job) error {
	row, err := b.tx.PendingProgress(b.ctx, j.row.ID)
	if errors.Is(err, message.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if row.Retries != j.row.Retries || row.Fetched != j.row.Fetched {
		return nil // an older view of the row
	}
	switch status := b.status[j.hash].Status; status {
	case message.StatusPending, message.StatusRejected:
	default:
		return b.overtaken(j, status)
	}
	refused := j.refused
	if refused == nil {
		refused = b.lacking(j)
	}
	if refused != nil {
		var what message.Hash
		if refused.Code == message.CodeContentUnavailable {
			what = j.hash
		}
		return b.decline(j, refused, what)
	}
	return b.attempt(j)
}

// overtaken ends the wait of a message of which another copy got there first.
// // spec messages 4.3 steps 1 and 2
func (b *batch) overtaken(j *job, status message.Status) error {
	j.result = Result{Status: status, Known: true}
	if err := b.unqueue(j); err != nil || status == message.StatusRemoved {
		return err
	}
	same, err := b.isSigned(j)
	switch {
	case err != nil:
		return err
	case !same:
		j.result.Rejection = message.Reject(message.CodeInvalidSignature, "message %s is known with another signature", j.hash)
		return nil
	case status == message.StatusForgotten:
		j.result.Rejection = message.Reject(message.CodeForgottenDuplicate, "message %s was forgotten", j.hash)
		return nil
	}
	return b.confirmKnown(j, status)
}

// isSigned reports whether the message of this hash that the node knows has the
// sender and the signature of this copy.
func (b *batch) isSigned(j *job) (bool, error) {
	sender, signature, err := b.tx.Signature(b.ctx, j.hash)
	if errors.Is(err, message.ErrNotFound) {
		var row *store.ForgottenRow
		if row, err = b.tx.Forgotten(b.ctx, j.hash); err == nil {
			sender, signature = row.Message.Sender, row.Message.Signature
		}
	}
	return sender == j.msg.Sender && signature == j.msg.Signature, err
}

// logContext is the context of log lines about one message: they carry the id of
// the request that brought it.
func (b *batch) logContext(j *job) context.Context {
	if j.request == "" {
		return b.ctx
	}
	return telemetry.WithRequestID(b.ctx, j.request)
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
		if rej.Code == message.CodeInternal { // no prices, for one. // Q-25
			b.q.deps.Log.ErrorContext(b.logContext(j), "message cannot be decided about", slog.String("item_hash", string(j.hash)), slog.Any("error", rej.Err))
		}
		return b.decline(j, rej, what)
	}
	if err != nil {
		return err
	}
	if err := effect(); err != nil {
		return err
	}
	return b.processed(j, known)
}

// processed records that a message has taken effect.
func (b *batch) processed(j *job, known bool) error {
	if known { // as pending or rejected
		if err := b.tx.ClearStatus(j.hash); err != nil {
			return err
		}
		if err := b.dropRecord(j.hash); err != nil {
			return err
		}
	}
	if err := b.unqueue(j); err != nil {
		return err
	}
	if err := b.confirmProcessed(j, known); err != nil {
		return err
	}
	b.status[j.hash] = store.StatusRow{ItemHash: j.hash, Status: message.StatusProcessed, ReceptionTime: j.received}
	j.result = Result{Status: message.StatusProcessed}
	if j.origin != OriginOnChain { // a node that catches up would flood who listens. spec messages 4.1
		j.event = Event{Kind: EventProcessed, Hash: j.hash, Status: message.StatusProcessed, Message: j.msg, Confirmations: j.confirmed}
	}
	for _, hash := range b.session.TakeForgotten() {
		if row, ok := b.status[hash]; ok { // it is in this batch
			row.Status = message.StatusForgotten
			b.status[hash] = row
		}
	}
	return b.arrived(j.hash)
}

// live reports whether a message of this status has a row of its own.
func live(s message.Status) bool {
	return s == message.StatusProcessed || s == message.StatusRemoving
}

// isKind reports whether err is an answer of a task rather than a failure.
func isKind(err error) bool {
	return errors.Is(err, message.ErrConflict) || errors.Is(err, message.ErrNotFound) || errors.Is(err, message.ErrInvalid)
}

package ingest

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"aleph/internal/node/store"
	"aleph/message"
)

// A dead letter is a message that the node could not process: one that is
// rejected, or one that waits and has not given up yet.

// RetryLetter tries a message again with a fresh budget: a rejected one goes
// through the whole pipeline once more and its outcome is returned; one that
// waits becomes due. The error is [message.ErrNotFound] when the message is
// neither, and [message.ErrInvalid] when it never was a message.
func (q *Queue) RetryLetter(ctx context.Context, hash message.Hash) (Result, error) {
	status, err := q.deps.Store.Status(ctx, hash)
	if err != nil {
		return Result{}, err
	}
	switch status.Status {
	case message.StatusRejected:
		return q.retryRejected(ctx, hash)
	case message.StatusPending:
		err := q.do(ctx, func(b *batch) error {
			rows, err := b.tx.PendingOf(b.ctx, hash)
			for _, row := range rows {
				err = errors.Join(err, b.refresh(row.ID))
			}
			return err
		})
		return Result{Status: message.StatusPending}, err
	default:
		return Result{Status: status.Status}, noLetter(hash, status.Status)
	}
}

func noLetter(hash message.Hash, status message.Status) error {
	return fmt.Errorf("%w: message %s is %s, neither rejected nor waiting", message.ErrNotFound, hash, status)
}

// refresh makes a message due that counts as not tried yet.
func (b *batch) refresh(id int64) error {
	b.poke = true
	return b.tx.RefreshPending(id, b.now)
}

// retryRejected submits a rejected message again, as it was when it was rejected
// first.
func (q *Queue) retryRejected(ctx context.Context, hash message.Hash) (Result, error) {
	row, err := q.deps.Store.Rejected(ctx, hash)
	if err != nil {
		return Result{}, err
	}
	m, err := message.ParseEnvelope(row.Message)
	if err != nil {
		return Result{}, fmt.Errorf("%w: what was rejected as %s is no message and cannot become one: %w", message.ErrInvalid, hash, err)
	}
	from := Source{Origin: OriginP2P, Trusted: row.Trusted}
	if row.TxHash != "" {
		from.Origin = OriginOnChain
		if from.Tx, err = q.deps.Store.ChainTx(ctx, row.TxHash); err != nil {
			return Result{}, fmt.Errorf("transaction of message %s: %w", hash, err)
		}
	}
	return q.SubmitFrom(ctx, m, from)
}

// DropLetter makes the node know nothing of a message that is rejected or
// waits. Who sends it again begins anew. The error is [message.ErrNotFound] when
// the message is neither.
func (q *Queue) DropLetter(ctx context.Context, hash message.Hash) error {
	err := q.do(ctx, func(b *batch) error {
		status, err := b.tx.Status(b.ctx, hash)
		if err != nil {
			return err
		}
		if status.Status != message.StatusRejected && status.Status != message.StatusPending {
			return noLetter(hash, status.Status)
		}
		return b.dropLetter(hash)
	})
	if err == nil {
		q.metrics.dropped.WithLabelValues(dropOperator).Inc()
	}
	return err
}

// dropLetter removes every trace of a message that is rejected or waits.
func (b *batch) dropLetter(hash message.Hash) error {
	for {
		rows, err := b.tx.PendingOf(b.ctx, hash)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			break
		}
		for _, row := range rows {
			if err := b.dequeue(row); err != nil {
				return err
			}
		}
	}
	if err := b.dropRecord(hash); err != nil {
		return err
	}
	if err := b.tx.DropRemembered(hash); err != nil {
		return err
	}
	delete(b.status, hash)
	return b.tx.ClearStatus(hash)
}

// LetterCounts is what became of many letters.
type LetterCounts struct {
	Processed int64 `json:"processed"`
	Pending   int64 `json:"pending"`
	Rejected  int64 `json:"rejected"`
	// Failed could not be tried: what they hold is no message.
	Failed int64 `json:"failed"`
}

// letterPage is how many letters are taken at once, and letterRetries how many
// of them are tried at once.
const (
	letterPage    = 200
	letterRetries = 32
)

// RetryLetters tries all rejected messages that a filter selects again, and says
// what became of them. It stops at the first failure of the node.
func (q *Queue) RetryLetters(ctx context.Context, f store.LetterFilter) (LetterCounts, error) {
	var counts LetterCounts
	err := q.eachRejected(ctx, f, func(rows []*store.RejectedRow) error {
		results := make([]Result, len(rows))
		var group errgroup.Group
		group.SetLimit(letterRetries)
		for i, row := range rows {
			group.Go(func() (err error) {
				results[i], err = q.retryRejected(ctx, row.ItemHash)
				if errors.Is(err, message.ErrInvalid) || errors.Is(err, message.ErrNotFound) {
					return nil // counted below
				}
				return err
			})
		}
		err := group.Wait()
		for _, res := range results {
			switch res.Status {
			case message.StatusProcessed:
				counts.Processed++
			case message.StatusPending:
				counts.Pending++
			case message.StatusRejected:
				counts.Rejected++
			default:
				counts.Failed++
			}
		}
		return err
	})
	return counts, err
}

// DropLetters drops all rejected messages that a filter selects and returns how
// many there were.
func (q *Queue) DropLetters(ctx context.Context, f store.LetterFilter) (int64, error) {
	var dropped int64
	err := q.eachRejected(ctx, f, func(rows []*store.RejectedRow) error {
		n := 0
		err := q.do(ctx, func(b *batch) error {
			n = 0
			for _, row := range rows {
				// It may be something else by now.
				now, err := b.tx.RejectedHead(b.ctx, row.ItemHash)
				if errors.Is(err, message.ErrNotFound) || err == nil && now.Waiting {
					continue
				}
				if err == nil {
					err = b.dropRejected(now)
				}
				if err != nil {
					return err
				}
				n++
			}
			return nil
		})
		if err == nil {
			dropped += int64(n)
			q.metrics.dropped.WithLabelValues(dropOperator).Add(float64(n))
		}
		return err
	})
	return dropped, err
}

// eachRejected goes through the rejected messages that a filter selects, from
// the newest to the oldest of this moment, in pages. What is rejected while it
// goes on is newer and not among them.
func (q *Queue) eachRejected(ctx context.Context, f store.LetterFilter, page func([]*store.RejectedRow) error) error {
	after := &store.After{Time: q.now() + 1}
	for {
		rows, err := q.deps.Store.ListRejected(ctx, f, after, letterPage)
		if err != nil || len(rows) == 0 {
			return err
		}
		last := rows[len(rows)-1]
		after = &store.After{Time: last.At, Hash: last.ItemHash}
		if err := page(rows); err != nil {
			return err
		}
	}
}

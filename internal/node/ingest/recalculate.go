package ingest

import (
	"context"
	"errors"

	"aleph/internal/node/apply"
	"aleph/internal/node/store"
	"aleph/message"
)

const (
	// repriceBatch is how many messages one transaction prices anew, so that
	// publishers wait for no more than that.
	repriceBatch = 100
	// mostRepriceErrors bounds how many failures are told.
	mostRepriceErrors = 1000
)

// Recalculation is what became of messages that were priced anew.
type Recalculation struct {
	// Messages were looked at; Done have the costs of the prices of their time.
	Messages, Done int
	// Changes is how many price lists there are.
	Changes int
	// Errors are the first messages without a price, and why.
	Errors []RepriceError
}

// RepriceError says why a message could not be priced.
type RepriceError struct {
	ItemHash message.Hash
	Err      error
}

// paid are the types of messages that cost something.
func paid() []message.Type {
	return []message.Type{message.TypeStore, message.TypeProgram, message.TypeInstance, message.TypeVProgram}
}

// Recalculate prices every live message that costs something anew, in the order
// of their times, by the prices of its time. Messages are processed in between.
// What is done when ctx ends stays done. // spec ccn-http-api 9.4
func (q *Queue) Recalculate(ctx context.Context) (*Recalculation, error) {
	out := new(Recalculation)
	if !q.deps.Rules.Priced() {
		return out, nil
	}
	history, err := q.priceHistory(ctx, out)
	if err != nil {
		return nil, err
	}
	list := store.MessageList{MessageFilter: store.MessageFilter{Types: paid()}, Ascending: true, Limit: repriceBatch, NoBody: true}
	for {
		rows, err := q.deps.Store.ListMessages(ctx, list)
		if err != nil {
			return nil, err
		}
		hashes := make([]message.Hash, len(rows))
		for i, row := range rows {
			hashes[i] = row.Message.ItemHash
		}
		if len(rows) > 0 {
			if err := q.reprice(ctx, hashes, history, out); err != nil {
				return nil, err
			}
		}
		if len(rows) < repriceBatch {
			return out, nil
		}
		last := &rows[len(rows)-1].Message
		list.After = &store.After{Time: last.Time, Hash: last.ItemHash}
	}
}

// RecalculateOne prices one message anew. The error is [message.ErrNotFound] when
// it is not live.
func (q *Queue) RecalculateOne(ctx context.Context, hash message.Hash) (*Recalculation, error) {
	out := new(Recalculation)
	if !q.deps.Rules.Priced() {
		return out, nil
	}
	history, err := q.priceHistory(ctx, out)
	if err != nil {
		return nil, err
	}
	if err := q.reprice(ctx, []message.Hash{hash}, history, out); err != nil {
		return nil, err
	}
	if out.Messages == 0 {
		return nil, message.ErrNotFound
	}
	return out, nil
}

func (q *Queue) priceHistory(ctx context.Context, out *Recalculation) (*apply.PriceHistory, error) {
	history, err := q.deps.Rules.PriceHistory(ctx, q.deps.Store.Reader)
	if err == nil {
		out.Changes = history.Changes()
	}
	return history, err
}

// reprice prices messages in one transaction. One that has gone meanwhile does
// not count.
func (q *Queue) reprice(ctx context.Context, hashes []message.Hash, history *apply.PriceHistory, out *Recalculation) error {
	var done Recalculation // of the attempt at the transaction that is committed
	err := q.do(ctx, func(b *batch) error {
		done = Recalculation{}
		rows, err := b.tx.Messages(b.ctx, hashes)
		if err != nil {
			return err
		}
		for _, hash := range hashes {
			row, ok := rows[hash]
			if !ok {
				continue
			}
			done.Messages++
			err := b.session.Reprice(row, history)
			if rejection, ok := errors.AsType[*message.Rejection](err); ok {
				done.Errors = append(done.Errors, RepriceError{hash, rejection})
				continue
			}
			if err != nil {
				return err
			}
			done.Done++
		}
		return nil
	})
	if err != nil {
		return err
	}
	out.Messages, out.Done = out.Messages+done.Messages, out.Done+done.Done
	out.Errors = append(out.Errors, done.Errors[:min(len(done.Errors), mostRepriceErrors-len(out.Errors))]...)
	return nil
}

package ingest

import (
	"context"

	"aleph/message"
)

// Wake tells the queue that a file has come, as a part that brings files would.
func (q *Queue) Wake(ctx context.Context, hash message.Hash) error {
	return q.do(ctx, func(b *batch) error { return b.arrived(hash) })
}

// PutAfter submits a message and calls between after it has been checked and its
// content has been read, before the applier gets it.
func (q *Queue) PutAfter(ctx context.Context, m *message.Message, between func()) Result {
	j := &job{hash: m.ItemHash, msg: m, received: q.now(), origin: OriginP2P, done: make(chan struct{})}
	if err := q.prepare(ctx, j); err != nil {
		panic(err)
	}
	between()
	if err := q.push(ctx, j); err != nil {
		panic(err)
	}
	res, err := q.wait(ctx, j)
	if err != nil {
		panic(err)
	}
	return res
}

package ingest

import (
	"context"

	"aleph/message"
)

// Wake tells the queue that a file has come, as a part that brings files would.
func (q *Queue) Wake(ctx context.Context, hash message.Hash) error {
	return q.do(ctx, func(b *batch) error { return b.arrived(hash) })
}

package ingest

import (
	"context"
	"errors"
	"log/slog"

	"aleph/message"
)

// adoptFile looks for the file of a STORE among the blocks that others brought: it
// may be part of a directory. // spec messages 6.3
func (q *Queue) adoptFile(ctx context.Context, j *job) {
	c, ok := j.msg.Content.(*message.Store)
	if !ok || c.ItemType != message.ItemIPFS || q.deps.Blobs.Has(c.ItemHash) {
		return
	}
	// Only for those who may: a stranger must not make the node search.
	if q.deps.Rules.MayStore(ctx, q.deps.Store.Reader, j.msg, c, q.now()) == nil {
		q.adopt(ctx, j, c.ItemHash)
	}
}

// adopt makes a root of the blocks below a CID, if they are all there. It goes
// again, when the job has left, unless a message keeps it then.
func (q *Queue) adopt(ctx context.Context, j *job, hash message.Hash) {
	if hash.Kind() != message.ItemIPFS || q.deps.Blobs.Has(hash) {
		return
	}
	if err := q.deps.Blobs.Adopt(ctx, hash); err != nil {
		if !errors.Is(err, message.ErrNotFound) && ctx.Err() == nil {
			q.deps.Log.WarnContext(ctx, "blocks cannot be put together", slog.String("hash", string(hash)), slog.Any("error", err))
		}
		return
	}
	after := j.after
	j.after = func() {
		if q.abandoned.add(hash) {
			q.Poke()
		}
		if after != nil {
			after()
		}
	}
}

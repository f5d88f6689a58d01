package ingest

import (
	"context"
	"errors"
	"log/slog"

	"aleph/internal/node/store"
	"aleph/message"
)

// fetchLoop is one worker of the fetch pool.
func (q *Queue) fetchLoop(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case row := <-q.fetches:
			j := q.fetch(ctx, row)
			// An attempt that was cut short by the stop of the node does not count.
			if ctx.Err() != nil || q.push(ctx, j) != nil {
				j.leave()
			}
		}
	}
}

// fetch obtains what a message lacks: its content, then the file of a STORE.
// What stays missing, the plan of the message finds out. // spec messages 4.3 "verify-and-fetch"
func (q *Queue) fetch(ctx context.Context, row *store.PendingRow) *job {
	ctx, cancel := context.WithTimeout(ctx, q.cfg.FetchTimeout)
	defer cancel()
	j := q.jobOf(row)
	if err := protect(func() error { return q.fetchContent(ctx, j) }); err != nil {
		j.refused = rejectionOf(err)
		return j
	}
	q.adoptFile(ctx, j)
	if c, ok := j.msg.Content.(*message.Store); ok && q.deps.Fetch != nil && !q.deps.Blobs.Has(c.ItemHash) {
		// Only for those who may: a stranger must not make the node download.
		if q.deps.Rules.MayStore(ctx, q.deps.Store.Reader, j.msg, c, q.now()) == nil {
			q.fetchFile(ctx, c.ItemHash)
		}
	}
	return j
}

// fetchContent obtains and parses the content of a message.
func (q *Queue) fetchContent(ctx context.Context, j *job) (err error) {
	if j.msg.ItemType == message.ItemInline {
		j.msg.Content, err = message.ParseContent(j.msg.Type, []byte(j.msg.ItemContent))
		return err
	}
	q.adopt(ctx, j, j.hash)
	if q.deps.Fetch != nil && !q.deps.Blobs.Has(j.hash) {
		q.fetchFile(ctx, j.hash)
	}
	err = q.content(ctx, j)
	if errors.Is(err, message.ErrNotFound) || ctx.Err() != nil {
		return message.Reject(message.CodeContentUnavailable, "File not found: %s", j.hash)
	}
	return err
}

// fetchFile brings a file into the blob store. Failure is no event: the next
// attempt follows.
func (q *Queue) fetchFile(ctx context.Context, hash message.Hash) {
	if err := q.deps.Fetch(ctx, hash, q.cfg.MaxContent); err != nil && ctx.Err() == nil {
		q.deps.Log.DebugContext(ctx, "file not fetched", slog.String("hash", string(hash)), slog.Any("error", err))
	}
}

// rejectionOf returns the rejection in err; anything else is unexpected.
func rejectionOf(err error) *message.Rejection {
	if rej, ok := errors.AsType[*message.Rejection](err); ok {
		return rej
	}
	return &message.Rejection{Code: message.CodeInternal, Err: err}
}

func ignoreNotFound(err error) error {
	if errors.Is(err, message.ErrNotFound) {
		return nil
	}
	return err
}

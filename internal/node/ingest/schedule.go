package ingest

import (
	"context"
	"log/slog"
	"time"
)

// chore is work that the queue does at intervals.
type chore struct {
	name string
	// first is the time from the start to the first run, and every that from
	// the end of one run to the next.
	first, every time.Duration
	do           func(context.Context) error
}

// repeat does a chore until ctx ends. A failure is told and the next run tries
// again. Time is that of the node's clock: when that jumps ahead the chore runs
// once, when it is set back the rest of the wait stays as it was.
func (q *Queue) repeat(ctx context.Context, c chore) error {
	seen := q.deps.Now()
	next := seen.Add(c.first)
	timer := time.NewTimer(longestNap)
	defer timer.Stop()
	for ctx.Err() == nil {
		now := q.deps.Now()
		if now.Before(seen) {
			next = next.Add(now.Sub(seen))
		}
		seen = now
		if wait := next.Sub(now); wait > 0 {
			timer.Reset(min(wait, longestNap))
			select {
			case <-ctx.Done():
			case <-timer.C:
			}
			continue
		}
		if err := c.do(ctx); err != nil && ctx.Err() == nil {
			q.deps.Log.WarnContext(ctx, "job failed", slog.String("job", c.name), slog.Any("error", err))
		}
		seen = q.deps.Now()
		next = seen.Add(c.every)
	}
	return nil
}

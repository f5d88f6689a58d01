package ingest

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"aleph/message"
)

// The jobs that look for messages which are not paid for any more, by the names
// under which the database remembers when they ran. // spec messages 4.8
const (
	balanceJob = "balance"
	creditJob  = "credit_balance"
)

const (
	// reviewBatch is how many messages of an owner one transaction changes.
	reviewBatch = 200
	// ownerBatch is how many owners are read at once, removeBatch how many
	// messages one transaction removes.
	ownerBatch  = 500
	removeBatch = 100
)

// longestReviewWait bounds the time between two looks whether a job is due.
const longestReviewWait = 30 * time.Minute // spec messages 4.8

// reviewJobs look for messages that are not paid for, each at its interval over
// restarts of the node.
func (q *Queue) reviewJobs() []chore {
	job := func(name string, every time.Duration, run func(context.Context) error) chore {
		wait := min(every, longestReviewWait)
		return chore{name: "look for unpaid messages, job " + name, first: wait, every: wait, do: func(ctx context.Context) error {
			return q.runDue(ctx, name, every, run)
		}}
	}
	return []chore{
		job(balanceJob, q.cfg.BalanceInterval, q.ReviewBalances),
		job(creditJob, q.cfg.CreditInterval, q.ReviewCredits),
	}
}

// runDue runs a job if its time has come.
func (q *Queue) runDue(ctx context.Context, name string, every time.Duration, run func(context.Context) error) error {
	last, err := q.lastRun(ctx, name)
	if err != nil || last.Time().Add(every).After(q.deps.Now()) {
		return err
	}
	return run(ctx)
}

// lastRun returns when a job last ran to its end, the beginning of time when it
// never did.
func (q *Queue) lastRun(ctx context.Context, name string) (message.Timestamp, error) {
	last, err := q.deps.Store.LastRun(ctx, name)
	if errors.Is(err, message.ErrNotFound) {
		return 0, nil
	}
	return last, err
}

// ReviewBalances looks at the owners whose balance has changed since it last
// ran: what they cannot pay for by holding any more is marked for removal, and
// what they can again is kept. // spec messages 4.8
func (q *Queue) ReviewBalances(ctx context.Context) error {
	return q.reviewOwners(ctx, balanceJob, message.PaymentHold, func(since, _ message.Timestamp, after message.Address) ([]message.Address, error) {
		return q.deps.Store.BalancesSince(ctx, since, after, ownerBatch)
	})
}

// ReviewCredits is ReviewBalances for those who pay by credit: owners whose
// ledger has changed, or of whose credits some have expired.
func (q *Queue) ReviewCredits(ctx context.Context) error {
	return q.reviewOwners(ctx, creditJob, message.PaymentCredit, func(since, now message.Timestamp, after message.Address) ([]message.Address, error) {
		return q.deps.Store.CreditsSince(ctx, since, now, after, ownerBatch)
	})
}

// reviewOwners runs a job over the owners that next lists, and remembers that
// it ran when all of it has succeeded.
func (q *Queue) reviewOwners(ctx context.Context, job string, payment message.PaymentType,
	next func(since, now message.Timestamp, after message.Address) ([]message.Address, error),
) error {
	since, err := q.lastRun(ctx, job)
	if err != nil {
		return err
	}
	// What is committed from here on has a later time.
	var now message.Timestamp
	if err := q.do(ctx, func(b *batch) error { now = b.now; return nil }); err != nil {
		return err
	}
	changed := 0
	for after := message.Address(""); ; {
		owners, err := next(since, now, after)
		if err != nil {
			return err
		}
		for _, owner := range owners {
			n, err := q.reviewOwner(ctx, owner, payment)
			if err != nil {
				return err
			}
			changed += n
		}
		if len(owners) < ownerBatch {
			break
		}
		after = owners[len(owners)-1]
	}
	if changed > 0 {
		q.deps.Log.InfoContext(ctx, "payments reviewed", slog.String("job", job), slog.Int("messages_changed", changed))
	}
	return q.do(ctx, func(b *batch) error { return b.tx.SetLastRun(job, now) })
}

func (q *Queue) reviewOwner(ctx context.Context, owner message.Address, payment message.PaymentType) (int, error) {
	for all := 0; ; {
		var n int
		err := q.do(ctx, func(b *batch) (err error) {
			n, err = b.session.Review(owner, payment, reviewBatch)
			return err
		})
		all += n
		if err != nil || n < reviewBatch {
			return all, err
		}
	}
}

// finishRemovals turns the removing messages whose time is over into removed
// ones.
func (q *Queue) finishRemovals(ctx context.Context) error {
	for after := message.Hash(""); ; {
		due, err := q.deps.Store.Removing(ctx, q.now(), after, removeBatch)
		if err != nil || len(due) == 0 {
			return err
		}
		removed := 0
		err = q.do(ctx, func(b *batch) error {
			removed = 0
			for _, hash := range due {
				done, err := b.session.FinishRemoval(hash)
				if err != nil {
					return err
				}
				if done {
					removed++
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		if removed > 0 {
			q.deps.Log.InfoContext(ctx, "unpaid messages removed", slog.Int("messages", removed))
		}
		after = due[len(due)-1]
	}
}

package bench

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"aleph/account"
	"aleph/internal/node/store"
	"aleph/message"
)

// replayClock is the node's clock in a replay: it begins at the corpus' time,
// runs as usual, and jumps over the times in which nothing happens.
type replayClock struct {
	start time.Time // in the corpus
	began time.Time // here
	ahead atomic.Int64
}

func newReplayClock(start message.Timestamp) *replayClock {
	return &replayClock{start: start.Time(), began: time.Now()}
}

// Now returns the corpus' time.
func (c *replayClock) Now() time.Time {
	return c.start.Add(time.Since(c.began) + time.Duration(c.ahead.Load()))
}

// jump moves the clock to an instant that has not come yet.
func (c *replayClock) jump(to time.Time) {
	if wait := to.Sub(c.Now()); wait > 0 {
		c.ahead.Add(int64(wait))
	}
}

const (
	// settlePoll is how often the queue is asked whether it has work left.
	settlePoll = 2 * time.Millisecond
	// leap is how far beyond the next attempt the clock jumps, so that many
	// attempts become due at once. No line comes any more that they could miss.
	leap = time.Minute
)

// settle waits until no message waits any more. Whenever all that are left wait
// for a later time, that time comes at once.
func (r *replay) settle(ctx context.Context) error {
	ticker := time.NewTicker(settlePoll)
	defer ticker.Stop()
	for {
		waiting, err := r.node.Store.CountPending(ctx)
		if err != nil || waiting == 0 && r.node.Queue.State().Queued == 0 {
			return err
		}
		next, found, err := r.nextDue(ctx)
		if err != nil {
			return err
		}
		if found {
			r.clock.jump(next.Time().Add(leap))
			r.node.Queue.Poke()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// now is the node's time.
func (r *replay) now() message.Timestamp { return message.TimestampOf(r.clock.Now()) }

// catchUp waits until no message waits any more that was due at an instant, and
// returns the time then.
func (r *replay) catchUp(ctx context.Context, at message.Timestamp) (message.Timestamp, error) {
	if r.reader.Header.OrderFree {
		return 0, nil
	}
	ticker := time.NewTicker(settlePoll)
	defer ticker.Stop()
	for {
		waiting := false
		for _, fetched := range []bool{true, false} {
			due, err := r.node.Store.Due(ctx, fetched, at, store.Due{}, 1)
			if err != nil {
				return 0, err
			}
			waiting = waiting || len(due) > 0
		}
		if !waiting {
			return r.now(), nil
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-ticker.C:
		}
	}
}

// nextDue returns when the next message is due, if none is due or in work now: a
// row keeps its time until its attempt is committed.
func (r *replay) nextDue(ctx context.Context) (next message.Timestamp, found bool, err error) {
	now := r.now()
	for _, fetched := range []bool{true, false} {
		due, err := r.node.Store.Due(ctx, fetched, now, store.Due{}, 1)
		if err != nil || len(due) > 0 {
			return 0, false, err
		}
		at, ok, err := r.node.Store.NextDue(ctx, fetched, now)
		if err != nil {
			return 0, false, err
		}
		if ok && (!found || at < next) {
			next, found = at, true
		}
	}
	return next, found, nil
}

// verifyMeter measures the processor time of signature checks, of one in
// sampled.
type verifyMeter struct {
	count, nanoseconds, measured atomic.Int64
}

const sampled = 8

func newVerifyMeter() *verifyMeter { return &verifyMeter{} }

// Verify is [account.Verify].
func (v *verifyMeter) Verify(m *message.Message) error {
	if v.count.Add(1)%sampled != 0 {
		return account.Verify(m)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := threadTime()
	err := account.Verify(m)
	v.nanoseconds.Add(threadTime() - before)
	v.measured.Add(1)
	return err
}

// total estimates the processor time of all checks.
func (v *verifyMeter) total() time.Duration {
	if v.measured.Load() == 0 {
		return 0
	}
	return time.Duration(float64(v.nanoseconds.Load()) / float64(v.measured.Load()) * float64(v.count.Load()))
}

// threadTime is the processor time of this thread in nanoseconds.
func threadTime() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		return 0
	}
	return t.Nano()
}

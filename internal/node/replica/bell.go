package replica

import (
	"context"
	"log/slog"
	"time"

	"aleph/internal/node/ingest"
	"aleph/internal/telemetry"
)

const (
	// redisPart names the Redis server among the parts of the node.
	redisPart = "redis"
	// watchInterval is the time between two looks at the Redis server.
	watchInterval = 2 * time.Second
	// ringBuffer is how many events of the queue may wait until the bell rings.
	ringBuffer = 4096
	// ringInterval is the time between something new and the ring, which tells
	// all that comes in between.
	ringInterval = 2 * time.Millisecond
)

func (m *Member) bell() string { return m.cfg.Prefix + ":news" }

// wake lets this member look for news.
func (m *Member) wake() {
	select {
	case m.poke <- struct{}{}:
	default:
	}
}

// listen hears the bell until ctx ends. The library connects again by itself.
func (m *Member) listen(ctx context.Context) {
	subscription := m.redis.Subscribe(ctx, m.bell())
	defer subscription.Close()
	heard := subscription.Channel()
	for {
		select {
		case <-ctx.Done():
			return
		case _, open := <-heard:
			if !open {
				return
			}
			m.wake()
		}
	}
}

// ring tells all members when the queue of this one has taken something in.
func (m *Member) ring(ctx context.Context, queue *ingest.Queue) {
	for ctx.Err() == nil {
		events, cancel := queue.Subscribe(ringBuffer)
		m.ringFor(ctx, events)
		cancel()
		select { // the queue has stopped, or this goroutine was too slow
		case <-ctx.Done():
		case <-time.After(ringInterval):
		}
	}
}

func (m *Member) ringFor(ctx context.Context, events <-chan ingest.Event) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	var due <-chan time.Time // nil: there is nothing to tell
	for {
		select {
		case <-ctx.Done():
			return
		case e, open := <-events:
			if !open {
				return
			}
			if due == nil && e.Kind == ingest.EventProcessed {
				pause.Reset(ringInterval)
				due = pause.C
			}
		case <-due:
			due = nil
			m.wake()
			// An error is told by watch; who did not hear looks by itself.
			_ = m.redis.Publish(ctx, m.bell(), "").Err()
		}
	}
}

// watch says whether the Redis server answers.
func (m *Member) watch(ctx context.Context) {
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	ill := false
	for {
		err := m.redis.Ping(ctx).Err()
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			m.deps.Health.Set(redisPart, telemetry.StateDegraded,
				"Redis does not answer: news are late by a second, and a new leader is not found until it does")
			if !ill {
				m.deps.Log.WarnContext(ctx, "Redis does not answer", slog.Any("error", err))
			}
		default:
			m.deps.Health.Set(redisPart, telemetry.StateOK, "")
			if ill {
				m.deps.Log.InfoContext(ctx, "Redis answers again")
			}
		}
		m.away.Store(err != nil)
		if ill = err != nil; !ill {
			_, _ = m.find(ctx, true) // tells how it stands
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

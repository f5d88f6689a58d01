package api

import (
	"context"
	"log/slog"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"aleph/internal/node/limit"
	"aleph/message"
)

// Limiter counts what callers take. [limit.Memory] counts in this process; one
// that several processes share may fail.
type Limiter interface {
	// Take takes cost from the bucket of a key and returns 0, or takes nothing and
	// returns after what time there is enough. A cost above the burst is one of
	// the burst; a cost of 0 takes nothing and asks whether there is 1. An error
	// says that nobody knows.
	Take(ctx context.Context, bucket limit.Bucket, key string, cost float64) (retryAfter time.Duration, err error)
}

// throttle refuses callers who ask too often. It is safe for concurrent use.
type throttle struct {
	cfg     Limits
	callers callers
	counter Limiter
	metrics *metrics
	log     *slog.Logger
	now     func() time.Time

	mu sync.Mutex
	// sockets are the open WebSockets by address.
	sockets map[netip.Addr]int
	// told is when a refusal was last logged, by address.
	told *simplelru.LRU[string, time.Time]
}

// mostTold is of how many addresses it is known when a refusal was logged.
const mostTold = 4096

// tellEvery is the time between two lines about one address.
const tellEvery = time.Minute

func newThrottle(cfg Limits, counter Limiter, m *metrics, log *slog.Logger, now func() time.Time) (*throttle, error) {
	t := &throttle{cfg: cfg, counter: counter, metrics: m, log: log, now: now, sockets: map[netip.Addr]int{}}
	var err error
	if t.callers, err = newCallers(cfg); err != nil {
		return nil, err
	}
	if t.told, err = simplelru.NewLRU[string, time.Time](mostTold, nil); err != nil {
		return nil, err
	}
	if t.counter == nil && cfg.Enabled {
		t.counter, err = limit.NewMemory(cfg.Remembered, now)
	}
	return t, err
}

func (r Rate) bucket(name string) limit.Bucket {
	return limit.Bucket{Name: name, PerSecond: r.PerSecond, Burst: r.Burst}
}

// bucketOf returns what a request to a route takes 1 of.
func (t *throttle) bucketOf(r Route) limit.Bucket {
	switch {
	case r.Method != http.MethodPost:
		return t.cfg.Reads.bucket(limit.Reads)
	case strings.Contains(r.Path, "/add_"):
		return t.cfg.Uploads.bucket("uploads")
	}
	return t.cfg.Publications.bucket("publications")
}

// request counts a request of its caller.
func (t *throttle) request(ctx context.Context, b limit.Bucket) error {
	c := callerOf(ctx)
	if c.counted {
		return nil
	}
	return t.take(ctx, c, b, c.key(), 1)
}

// anonymous counts the bytes of an upload without signed metadata.
func (t *throttle) anonymous(ctx context.Context, bytes int64) error {
	const hour = 3600 // seconds
	c := callerOf(ctx)
	b := limit.Bucket{Name: "anonymous_bytes", PerSecond: float64(t.cfg.AnonymousBytes) / hour, Burst: int(t.cfg.AnonymousBytes)}
	return t.take(ctx, c, b, c.key(), float64(bytes))
}

// mayPublish asks whether a sender may publish one more message. It costs nothing
// yet: anybody can send what somebody else did not sign.
func (t *throttle) mayPublish(ctx context.Context, sender message.Address) error {
	return t.take(ctx, callerOf(ctx), t.cfg.Senders.bucket("senders"), string(sender), 0)
}

// published counts a message that its sender has signed. It was taken, so it is
// not refused any more.
func (t *throttle) published(ctx context.Context, sender message.Address) {
	if t.cfg.Enabled && !callerOf(ctx).exempt {
		_, _ = t.counter.Take(ctx, t.cfg.Senders.bucket("senders"), string(sender), 1)
	}
}

func (t *throttle) take(ctx context.Context, c caller, b limit.Bucket, key string, cost float64) error {
	if !t.cfg.Enabled || c.exempt {
		return nil
	}
	after, err := t.counter.Take(ctx, b, key, cost)
	if err != nil {
		// A counter that is away must not keep everybody out.
		if t.tell("counter") {
			t.log.WarnContext(ctx, "callers are not counted", slog.Any("error", err))
		}
		return nil
	}
	if after <= 0 {
		return nil
	}
	return t.refuse(ctx, c, b.Name, after)
}

// refuse returns the answer to who asked too often, and tells the operator.
func (t *throttle) refuse(ctx context.Context, c caller, what string, after time.Duration) error {
	t.metrics.limited.WithLabelValues(what).Inc()
	if t.tell(c.key()) {
		t.log.WarnContext(ctx, "a caller asks too often", slog.String("ip", c.ip), slog.String("limit", what))
	}
	seconds := strconv.FormatInt(int64(math.Ceil(after.Seconds())), 10)
	f := failReason(http.StatusTooManyRequests, "too many requests (%s): try again in %s s", what, seconds)
	f.header = http.Header{"Retry-After": {seconds}}
	return f
}

// tell reports whether something is to be logged about an address again.
func (t *throttle) tell(ip string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if last, ok := t.told.Get(ip); ok && t.now().Sub(last) < tellEvery {
		return false
	}
	t.told.Add(ip, t.now())
	return true
}

// openSocket counts a WebSocket of its caller, until the function is called.
func (t *throttle) openSocket(ctx context.Context) (closed func(), err error) {
	c := callerOf(ctx)
	if !t.cfg.Enabled || c.exempt {
		return func() {}, nil
	}
	t.mu.Lock()
	full := t.sockets[c.addr] >= t.cfg.Sockets
	if !full {
		t.sockets[c.addr]++
	}
	t.mu.Unlock()
	if full {
		return nil, t.refuse(ctx, c, "sockets", tellEvery)
	}
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.sockets[c.addr]--; t.sockets[c.addr] == 0 {
			delete(t.sockets, c.addr)
		}
	}, nil
}

// key is the caller as counters know it.
func (c caller) key() string {
	if c.addr.Is4() {
		return c.ip
	}
	return c.addr.String()
}

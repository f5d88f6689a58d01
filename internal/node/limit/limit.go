// Package limit counts what callers take, in this process.
//
// [Memory] is a bounded set of token buckets. It forgets who has not called for
// the longest time when there are too many: whoever comes back then has a full
// bucket, so a bound that is too small lets more through and never less.
package limit

import (
	"context"
	"hash/maphash"
	"math"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/time/rate"
)

// Reads is the name of the bucket that every request to read takes of.
const Reads = "reads"

// Bucket is how much one key may take of something.
type Bucket struct {
	// Name tells buckets of the same key apart.
	Name string
	// PerSecond is how much comes back in a second.
	PerSecond float64
	// Burst is how much there is at first and at most.
	Burst int
}

// shards is how many locks the keys are spread over.
const shards = 16

// Memory counts in the memory of this process. It is safe for concurrent use.
type Memory struct {
	seed   maphash.Seed
	now    func() time.Time
	shards [shards]shard
}

type shard struct {
	mu   sync.Mutex
	keys *simplelru.LRU[entry, *rate.Limiter]
}

// entry is a bucket of a key.
type entry struct{ bucket, key string }

// NewMemory returns counters of at most about most keys. now tells the time.
func NewMemory(most int, now func() time.Time) (*Memory, error) {
	m := &Memory{seed: maphash.MakeSeed(), now: now}
	for i := range m.shards {
		keys, err := simplelru.NewLRU[entry, *rate.Limiter](max(most/shards, 1), nil)
		if err != nil {
			return nil, err
		}
		m.shards[i].keys = keys
	}
	return m, nil
}

// Take takes cost from a key's bucket and returns 0, or takes nothing and returns
// after what time there is enough. A cost above the burst is one of the burst. A
// cost of 0 takes nothing and asks whether there is 1. The error is always nil.
func (m *Memory) Take(_ context.Context, b Bucket, key string, cost float64) (retryAfter time.Duration, err error) {
	now := m.now()
	l := m.limiter(b, key)
	if cost <= 0 {
		if missing := 1 - l.TokensAt(now); missing > 0 {
			return time.Duration(math.Ceil(missing / b.PerSecond * float64(time.Second))), nil
		}
		return 0, nil
	}
	r := l.ReserveN(now, min(int(math.Ceil(cost)), b.Burst))
	if retryAfter = r.DelayFrom(now); retryAfter > 0 {
		r.CancelAt(now)
	}
	return retryAfter, nil
}

func (m *Memory) limiter(b Bucket, key string) *rate.Limiter {
	e := entry{b.Name, key}
	s := &m.shards[maphash.Comparable(m.seed, e)%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	l, ok := s.keys.Get(e)
	if !ok {
		l = rate.NewLimiter(rate.Limit(b.PerSecond), b.Burst)
		s.keys.Add(e, l)
	}
	return l
}

package replica

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"aleph/internal/node/limit"
)

// Limiter counts what callers take of all members together. Reads are counted by
// each member for itself: to ask Redis would take longer than many an answer.
// While Redis does not answer, so is everything.
type Limiter struct {
	member *Member
	own    *limit.Memory
}

// Limiter returns a limiter that counts by itself in own.
func (m *Member) Limiter(own *limit.Memory) *Limiter { return &Limiter{m, own} }

// takeTokens does in Redis what [limit.Memory.Take] does, by the clock of the
// server. A bucket that is full again is forgotten. It returns milliseconds.
var takeTokens = redis.NewScript(`
local rate, burst, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local clock = redis.call("TIME")
local now = clock[1] + clock[2] / 1000000
local kept = redis.call("HMGET", KEYS[1], "tokens", "at")
local tokens = burst
if kept[1] then tokens = math.min(burst, kept[1] + math.max(0, now - kept[2]) * rate) end
local need = math.max(1, math.min(cost, burst))
if tokens < need then return math.ceil((need - tokens) / rate * 1000) end
if cost <= 0 then return 0 end
redis.call("HSET", KEYS[1], "tokens", string.format("%.6f", tokens - need), "at", string.format("%.6f", now))
redis.call("PEXPIRE", KEYS[1], math.ceil((burst - tokens + need) / rate * 1000))
return 0`)

// Take implements the API's Limiter.
func (l *Limiter) Take(ctx context.Context, b limit.Bucket, key string, cost float64) (retryAfter time.Duration, err error) {
	m := l.member
	if b.Name == limit.Reads || m.away.Load() {
		return l.own.Take(ctx, b, key, cost)
	}
	name := m.cfg.Prefix + ":limit:" + b.Name + ":" + key
	wait, err := takeTokens.Run(ctx, m.redis, []string{name}, b.PerSecond, b.Burst, cost).Int64()
	if err != nil {
		return l.own.Take(ctx, b, key, cost)
	}
	return time.Duration(wait) * time.Millisecond, nil
}

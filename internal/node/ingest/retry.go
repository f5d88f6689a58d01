package ingest

import (
	"time"

	"aleph/message"
)

// The retry policy. // spec messages 4.5
const (
	maxRetries   = 10
	maxBackoff   = 300 // seconds
	microseconds = 1e6
)

// backoff returns how long a message waits that failed with so many retries
// behind it: a random part of 2^retries seconds, of 300 at most.
func (q *Queue) backoff(retries int) message.Timestamp {
	bound := min(1<<min(retries, maxRetries), maxBackoff)
	return message.Timestamp(q.deps.Rand() * float64(bound) * microseconds)
}

// until returns the time from now to t, at least zero and at most most.
func (q *Queue) until(t message.Timestamp, most time.Duration) time.Duration {
	return min(max(t.Time().Sub(q.deps.Now()), 0), most)
}

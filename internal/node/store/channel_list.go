package store

import "context"

// sqlChannels steps from one channel to the next in the index instead of
// reading every message.
const sqlChannels = `WITH RECURSIVE c(channel) AS (
SELECT MIN(channel) FROM messages WHERE channel IS NOT NULL
UNION ALL
SELECT (SELECT MIN(m.channel) FROM messages m WHERE m.channel IS NOT NULL AND m.channel > c.channel) FROM c WHERE c.channel IS NOT NULL)
SELECT channel FROM c WHERE channel IS NOT NULL`

// Channels returns the different channels of live messages in code-point order.
func (r Reader) Channels(ctx context.Context) ([]string, error) {
	rows, err := r.q.query(ctx, "channel.list", sqlChannels)
	return all(rows, err, column[string])
}

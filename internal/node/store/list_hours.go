package store

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"aleph/message"
)

// anHour is an hour in the unit of times.
const anHour = message.Timestamp(3_600_000_000)

// hourKey names an hour of a list.
type hourKey struct {
	list string
	hour int64
}

// hourOf returns the hour since the epoch in which an instant falls.
func hourOf(t message.Timestamp) int64 {
	hour := int64(t / anHour)
	if t < 0 && t%anHour != 0 {
		hour--
	}
	return hour
}

func (tx *Tx) countHour(list string, at message.Timestamp, delta int64) {
	tx.hours[hourKey{list, hourOf(at)}] += delta
}

const sqlAddHour = `INSERT INTO list_hours (list, hour, total) VALUES ($1, $2, $3)
ON CONFLICT (list, hour) DO UPDATE SET total = list_hours.total + excluded.total`

// writeHours brings what was counted to the database.
func (tx *Tx) writeHours() error {
	keys := slices.SortedFunc(maps.Keys(tx.hours), func(a, b hourKey) int {
		return cmp.Or(cmp.Compare(a.list, b.list), cmp.Compare(a.hour, b.hour))
	})
	for _, k := range keys {
		if delta := tx.hours[k]; delta != 0 {
			if err := tx.exec("hour.add", sqlAddHour, k.list, k.hour, delta); err != nil {
				return err
			}
		}
	}
	return nil
}

const sqlHours = `SELECT COALESCE(SUM(total), 0) FROM list_hours WHERE list = $1 AND hour >= $2 AND hour < $3`

// The members of a list in a part of an hour.
const (
	sqlMessagesWithin = `SELECT COUNT(*) FROM messages WHERE time >= $1 AND time < $2`
	sqlPostsWithin    = `SELECT COUNT(*) FROM posts WHERE amends IS NULL AND last_updated >= $1 AND last_updated < $2`
)

// between returns how many members of a list lie in from ≤ time < until, where
// zero is no bound: the whole hours from their totals, what is left of others by
// the statement within.
func (r Reader) between(ctx context.Context, list, within string, from, until message.Timestamp) (int64, error) {
	const farthest = int64(1) << 40 // hours
	first, last := -farthest, farthest
	if from != 0 {
		first = hourOf(from)
	}
	if until != 0 {
		last = hourOf(until)
	}
	var total int64
	count := func(from, until message.Timestamp) error {
		rows, err := r.q.query(ctx, list+".within", within, int64(from), int64(until))
		n, err := one(rows, err, column[int64])
		total += n
		return err
	}
	if from != 0 && from != message.Timestamp(first)*anHour {
		first++
		end := message.Timestamp(first) * anHour
		if until != 0 {
			end = min(end, until)
		}
		if err := count(from, end); err != nil {
			return 0, err
		}
	}
	if start := message.Timestamp(last) * anHour; until != 0 && first <= last && start != until {
		if err := count(start, until); err != nil {
			return 0, err
		}
	}
	if first >= last {
		return total, nil
	}
	rows, err := r.q.query(ctx, "hour.sum", sqlHours, list, first, last)
	whole, err := one(rows, err, column[int64])
	return total + whole, err
}

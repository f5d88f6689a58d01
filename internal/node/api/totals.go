package api

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"sync"
	"time"
)

const (
	// slowTotal is when counting took so long that the total is kept for a while,
	// which the network's clients expect of large nodes. // spec ccn-http-api 14.1
	slowTotal = 25 * time.Millisecond
	keepTotal = time.Minute
	// largeTotal is a total of rows counted one by one that is kept as long as
	// figures are served, however long that took.
	largeTotal = 10_000
	// mostTotals bounds how many are kept.
	mostTotals = 1000
)

// totals keeps how many rows filters select, where counting them is slow. The zero
// value is ready; it is safe for concurrent use.
type totals struct {
	mu   sync.Mutex
	kept map[string]keptTotal
}

type keptTotal struct {
	total int64
	until time.Time
}

// of returns the total of a filter of a list: kept, or counted.
func (t *totals) of(ctx context.Context, list string, filter any, count func(context.Context) (int64, error)) (int64, error) {
	return t.get(ctx, list, filter, math.MaxInt64, count)
}

// ofRows is of for a list whose rows are counted one by one.
func (t *totals) ofRows(ctx context.Context, list string, filter any, count func(context.Context) (int64, error)) (int64, error) {
	return t.get(ctx, list, filter, largeTotal, count)
}

func (t *totals) get(ctx context.Context, list string, filter any, large int64, count func(context.Context) (int64, error)) (int64, error) {
	text, err := json.Marshal(filter)
	if err != nil {
		return 0, fmt.Errorf("filter of %s: %w", list, err)
	}
	key := list + string(text)
	began := time.Now()
	t.mu.Lock()
	kept, ok := t.kept[key]
	t.mu.Unlock()
	if ok && began.Before(kept.until) {
		return kept.total, nil
	}
	total, err := count(ctx)
	took := time.Since(began)
	switch {
	case err != nil:
	case took >= slowTotal:
		t.keep(key, keptTotal{total, began.Add(took + keepTotal)})
	case total >= large:
		t.keep(key, keptTotal{total, began.Add(took + figuresFor)})
	}
	return total, err
}

func (t *totals) keep(key string, kept keptTotal) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.kept) >= mostTotals {
		now := time.Now()
		for k, old := range t.kept {
			if now.After(old.until) {
				delete(t.kept, k)
			}
		}
	}
	if t.kept == nil || len(t.kept) >= mostTotals {
		t.kept = map[string]keptTotal{}
	}
	t.kept[key] = kept
}

package api

import (
	"context"
	"sync"
	"time"

	"aleph/internal/node/store"
	"aleph/message"
)

// costSums keeps what everything costs for a while, where adding it is slow: such
// sums alone are made of those of all owners. The zero value is ready; it is safe
// for concurrent use.
type costSums struct {
	mu   sync.Mutex
	kept map[message.PaymentType]keptSum
}

type keptSum struct {
	sum   store.CostSum
	until time.Time
}

// of returns the sum of what a filter selects: kept, or added.
func (s *costSums) of(
	ctx context.Context, f store.CostFilter, add func(context.Context, store.CostFilter) (store.CostSum, error),
) (store.CostSum, error) {
	if f.Owner != "" || f.ItemHash != "" {
		return add(ctx, f)
	}
	s.mu.Lock() // one caller adds, the others wait for it
	defer s.mu.Unlock()
	began := time.Now()
	if kept, ok := s.kept[f.Payment]; ok && began.Before(kept.until) {
		return kept.sum, nil
	}
	sum, err := add(ctx, f)
	if took := time.Since(began); err == nil && took >= slowTotal {
		if s.kept == nil {
			s.kept = map[message.PaymentType]keptSum{}
		}
		s.kept[f.Payment] = keptSum{sum, began.Add(took + keepTotal)}
	}
	return sum, err
}

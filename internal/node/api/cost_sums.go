package api

import (
	"context"
	"time"

	"aleph/internal/node/store"
	"aleph/message"
)

// costSums keeps what everything costs, where adding it is slow: such sums alone
// are made of those of all owners.
type costSums struct {
	kept[message.PaymentType, store.CostSum]
}

// of returns the sum of what a filter selects: kept, or added.
func (s *costSums) of(
	ctx context.Context, f store.CostFilter, add func(context.Context, store.CostFilter) (store.CostSum, error),
) (store.CostSum, error) {
	if f.Owner != "" || f.ItemHash != "" {
		return add(ctx, f)
	}
	return s.kept.of(f.Payment, func() (store.CostSum, time.Duration, error) {
		began := time.Now()
		sum, err := add(ctx, f)
		if time.Since(began) < slowTotal {
			return sum, 0, err
		}
		return sum, keepTotal, err
	})
}

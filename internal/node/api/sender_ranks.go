package api

import (
	"context"
	"slices"
	"time"

	"aleph/internal/node/store"
	"aleph/message"
)

// keptRanks is how many of the first places of an order are kept, where there are
// so many: then to sort all senders takes longer than to answer.
const keptRanks = 1000

// ranks keeps the first places of the orders of senders as long as figures are
// served.
type ranks struct {
	kept[rankOrder, []store.RankedSender]
}

// rankOrder is an order of all senders.
type rankOrder struct {
	typ       message.Type
	ascending bool
}

// of returns the first places of an order: kept, or read. Fewer than keptRanks
// are all that there are.
func (r *ranks) of(
	ctx context.Context, order rankOrder, read func(context.Context, store.Senders) ([]store.RankedSender, error),
) ([]store.RankedSender, error) {
	return r.kept.of(order, func() ([]store.RankedSender, time.Duration, error) {
		places, err := read(ctx, store.Senders{Type: order.typ, Ascending: order.ascending, Limit: keptRanks})
		if len(places) < keptRanks {
			return places, 0, err
		}
		return places, figuresFor, err
	})
}

// rankedSenders is [store.Reader.ListSenders], whose first places may be as old as
// figures are.
func (a *API) rankedSenders(ctx context.Context, list store.Senders) ([]store.RankedSender, error) {
	if list.Contains != "" || list.Limit == 0 {
		return a.Store.ListSenders(ctx, list)
	}
	places, err := a.ranks.of(ctx, rankOrder{list.Type, list.Ascending}, a.Store.ListSenders)
	if err != nil {
		return nil, err
	}
	from := list.Offset
	if list.After != nil {
		at := slices.IndexFunc(places, func(s store.RankedSender) bool { return s.Address == list.After.Address })
		if at < 0 {
			return a.Store.ListSenders(ctx, list)
		}
		from = int64(at) + 1
	}
	end := from + list.Limit
	if n := int64(len(places)); end > n {
		if n == keptRanks {
			return a.Store.ListSenders(ctx, list)
		}
		from, end = min(from, n), n
	}
	return slices.Clone(places[from:end]), nil
}

package api

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"aleph/internal/node/store"
)

// The first places of an order are kept for a while when there are many senders,
// and only then.
func TestRanksAreKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var r ranks
		times := 0
		ask := func(order rankOrder, n, want int) {
			t.Helper()
			_, err := r.of(t.Context(), order, func(_ context.Context, l store.Senders) ([]store.RankedSender, error) {
				times++
				if l.Limit != keptRanks || l.Type != order.typ || l.Ascending != order.ascending {
					t.Errorf("%+v is read for %+v", l, order)
				}
				return make([]store.RankedSender, n), nil
			})
			if err != nil || times != want {
				t.Errorf("%+v: read %d times, want %d (%v)", order, times, want, err)
			}
		}
		total, posts := rankOrder{}, rankOrder{typ: "POST", ascending: true}
		ask(total, keptRanks-1, 1)
		ask(total, keptRanks-1, 2)
		ask(total, keptRanks, 3)
		ask(total, keptRanks, 3)
		ask(posts, keptRanks, 4)
		ask(posts, keptRanks, 4)
		time.Sleep(figuresFor + time.Second) //nolint:forbidigo // moves the bubble's clock
		ask(total, keptRanks, 5)
	})
}

package api

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"aleph/internal/node/store"
)

// What everything costs is kept for a while when adding it was slow, and only
// then; what an owner or a message costs never is.
func TestSlowSumsAreKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var sums costSums
		added := int64(0)
		ask := func(f store.CostFilter, took time.Duration, fails error, want int64) {
			t.Helper()
			got, err := sums.of(t.Context(), f, func(context.Context, store.CostFilter) (store.CostSum, error) {
				time.Sleep(took) //nolint:forbidigo // moves the bubble's clock
				added++
				return store.CostSum{Resources: added}, fails
			})
			if !errors.Is(err, fails) || err == nil && got.Resources != want {
				t.Errorf("%+v: %d resources (%v), want %d", f, got.Resources, err, want)
			}
		}
		hold, credit := store.CostFilter{Payment: "hold"}, store.CostFilter{Payment: "credit"}
		ask(hold, time.Millisecond, nil, 1)
		ask(hold, time.Second, nil, 2)
		ask(hold, time.Second, nil, 2)
		ask(credit, time.Second, errors.ErrUnsupported, 0)
		ask(credit, time.Second, nil, 4)
		ask(store.CostFilter{Payment: "hold", Owner: "0xA"}, time.Second, nil, 5)
		ask(store.CostFilter{Payment: "hold", Owner: "0xA"}, time.Second, nil, 6)
		ask(store.CostFilter{Payment: "hold", ItemHash: "h"}, time.Second, nil, 7)
		ask(hold, time.Second, nil, 2)
		time.Sleep(keepTotal + time.Second) //nolint:forbidigo // moves the bubble's clock
		ask(hold, time.Second, nil, 8)
		ask(credit, time.Second, nil, 9)
	})
}

package api

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// A total is kept for a while when counting it was slow, and only then.
func TestSlowTotalsAreKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var kept totals
		counted := 0
		count := func(took time.Duration, err error) func(context.Context) (int64, error) {
			return func(context.Context) (int64, error) {
				time.Sleep(took) //nolint:forbidigo // moves the bubble's clock
				counted++
				return int64(counted), err
			}
		}
		ask := func(filter string, took time.Duration, err error, want int64) {
			t.Helper()
			got, gotErr := kept.of(t.Context(), "messages", filter, count(took, err))
			if !errors.Is(gotErr, err) || err == nil && got != want {
				t.Errorf("total of %s is %d (%v), want %d", filter, got, gotErr, want)
			}
		}
		ask("quick", time.Millisecond, nil, 1)
		ask("quick", time.Millisecond, nil, 2)
		ask("slow", time.Second, nil, 3)
		ask("slow", time.Second, nil, 3)
		ask("another", time.Second, nil, 4)
		ask("broken", time.Second, errors.ErrUnsupported, 0)
		ask("broken", time.Second, nil, 6)
		time.Sleep(keepTotal + time.Second) //nolint:forbidigo // moves the bubble's clock
		ask("slow", time.Second, nil, 7)
		counted = largeTotal - 1
		rows := func(want int64) {
			t.Helper()
			if got, err := kept.ofRows(t.Context(), "aggregates", "large", count(time.Millisecond, nil)); err != nil || got != want {
				t.Errorf("total of rows is %d (%v), want %d", got, err, want)
			}
		}
		rows(largeTotal)
		rows(largeTotal)
		time.Sleep(figuresFor) //nolint:forbidigo // moves the bubble's clock
		rows(largeTotal + 1)
		counted = 7
		for i := range 3 * mostTotals {
			ask(string(rune('a'+i)), time.Second, nil, int64(8+i))
		}
		if len(kept.kept) > mostTotals {
			t.Errorf("%d totals are kept", len(kept.kept))
		}
	})
}

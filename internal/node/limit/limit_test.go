package limit_test

import (
	"strconv"
	"testing"
	"time"

	"aleph/internal/node/limit"
)

// clock is moved by the test.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func memory(t testing.TB, most int) (*limit.Memory, *clock) {
	t.Helper()
	c := &clock{at: time.Unix(1_700_000_000, 0)}
	m, err := limit.NewMemory(most, c.now)
	if err != nil {
		t.Fatal(err)
	}
	return m, c
}

func TestTake(t *testing.T) {
	t.Parallel()
	m, c := memory(t, 1000)
	b := limit.Bucket{Name: "reads", PerSecond: 2, Burst: 3}
	take := func(key string, cost float64, want time.Duration) {
		t.Helper()
		got, err := m.Take(t.Context(), b, key, cost)
		if err != nil || got != want {
			t.Errorf("%s takes %v: got %s %v, want %s", key, cost, got, err, want)
		}
	}
	take("a", 2, 0)
	take("a", 0, 0)
	take("a", 1, 0)
	take("a", 0, 500*time.Millisecond)
	take("a", 1, 500*time.Millisecond)
	take("a", 1, 500*time.Millisecond) // what is refused costs nothing
	take("b", 3, 0)
	b.Name = "other"
	take("a", 100, 0) // as much as there can be
	take("a", 100, 1500*time.Millisecond)
	b.Name = "reads"
	c.at = c.at.Add(500 * time.Millisecond)
	take("a", 1, 0)
	take("a", 1, 500*time.Millisecond)
	c.at = c.at.Add(time.Hour)
	take("a", 3, 0)
	take("a", 1, 500*time.Millisecond)
}

// TestBound lets many keys call: only the latest are remembered.
func TestBound(t *testing.T) {
	t.Parallel()
	m, _ := memory(t, 64)
	b := limit.Bucket{Name: "reads", PerSecond: 1, Burst: 1}
	again := func() (refused int) {
		for i := range 10_000 {
			after, err := m.Take(t.Context(), b, strconv.Itoa(i), 1)
			if err != nil {
				t.Fatal(err)
			}
			if after > 0 {
				refused++
			}
		}
		return refused
	}
	if first := again(); first != 0 {
		t.Errorf("%d of 10000 keys were refused their first request", first)
	}
	if second := again(); second != 0 {
		t.Errorf("%d keys were remembered although 9936 others called since", second)
	}
	if after, err := m.Take(t.Context(), b, "9999", 1); err != nil || after == 0 {
		t.Errorf("the latest key was forgotten: %v", err)
	}
}

// BenchmarkTake counts requests of many addresses, from all cores.
func BenchmarkTake(b *testing.B) {
	m, err := limit.NewMemory(100_000, time.Now)
	if err != nil {
		b.Fatal(err)
	}
	keys := make([]string, 10_000)
	for i := range keys {
		keys[i] = "192.0.2." + strconv.Itoa(i)
	}
	reads := limit.Bucket{Name: "reads", PerSecond: 1e6, Burst: 1_000_000}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			if _, err := m.Take(b.Context(), reads, keys[i%len(keys)], 1); err != nil {
				b.Fatal(err)
			}
		}
	})
}

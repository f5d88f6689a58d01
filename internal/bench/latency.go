package bench

import (
	"slices"
	"time"
)

// Percentiles summarises durations.
type Percentiles struct {
	P50 time.Duration `json:"p50_ns"`
	P90 time.Duration `json:"p90_ns"`
	P99 time.Duration `json:"p99_ns"`
	Max time.Duration `json:"max_ns"`
}

// PercentilesOf sorts took and reads the percentiles by the nearest-rank rule.
// No durations give zero percentiles.
func PercentilesOf(took []time.Duration) Percentiles {
	if len(took) == 0 {
		return Percentiles{}
	}
	sorted := slices.Sorted(slices.Values(took))
	rank := func(percent int) time.Duration {
		return sorted[max((len(sorted)*percent+99)/100, 1)-1]
	}
	return Percentiles{P50: rank(50), P90: rank(90), P99: rank(99), Max: sorted[len(sorted)-1]}
}

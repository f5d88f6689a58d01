package compute

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"aleph/internal/compute/api"
)

// metrics are the host's counters.
type metrics struct {
	starts *prometheus.HistogramVec
	calls  *prometheus.HistogramVec
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		starts: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "aleph_compute_start_seconds", Help: "Time from the decision to start a function to its readiness or failure.",
			Buckets: []float64{.1, .2, .5, 1, 2, 3, 5, 10, 30, 60, 300},
		}, []string{"outcome"}),
		calls: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "aleph_compute_call_seconds", Help: "Time from a call of a function to the start of its answer, a start included.",
			Buckets: prometheus.ExponentialBuckets(.001, 2, 16),
		}, []string{"outcome"}),
	}
	if r != nil {
		r.MustRegister(m.starts, m.calls)
	}
	return m
}

func (m *metrics) started(d time.Duration, err error) {
	outcome := "ok"
	if err != nil {
		outcome = "failed"
	}
	m.starts.WithLabelValues(outcome).Observe(d.Seconds())
}

func (m *metrics) called(d time.Duration, err error) {
	outcome := "ok"
	switch {
	case err == nil:
	case errors.Is(err, api.ErrTimeout):
		outcome = "timeout"
	case errors.Is(err, api.ErrCrashed):
		outcome = "crashed"
	case errors.Is(err, api.ErrFull), errors.Is(err, api.ErrDraining):
		outcome = "refused"
	default:
		outcome = "failed"
	}
	m.calls.WithLabelValues(outcome).Observe(d.Seconds())
}

package ingest

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"aleph/message"
)

type metrics struct {
	outcomes *prometheus.CounterVec
	rejected *prometheus.CounterVec
	batches  prometheus.Histogram
	commit   prometheus.Histogram
	replays  prometheus.Counter
	failures prometheus.Counter
	dropped  *prometheus.CounterVec
}

// Why the record of a rejected message was dropped.
const (
	dropFull     = "full"
	dropOld      = "old"
	dropOperator = "operator"
)

func newMetrics(reg prometheus.Registerer, q *Queue) *metrics {
	m := &metrics{
		outcomes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "aleph_ingest_messages_total", Help: "Messages by outcome of a submission or attempt.",
		}, []string{"type", "outcome"}),
		rejected: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "aleph_ingest_rejected_total", Help: "Rejected messages by protocol error code.",
		}, []string{"code"}),
		batches: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "aleph_ingest_batch_size", Help: "Messages in one transaction.", Buckets: prometheus.ExponentialBuckets(1, 2, 10),
		}),
		commit: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "aleph_ingest_transaction_seconds", Help: "Time of one transaction, commit included.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}),
		replays: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "aleph_ingest_replays_total", Help: "Batches applied again one by one after an unexpected failure.",
		}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "aleph_ingest_failures_total", Help: "Batches that could not be committed.",
		}),
	}
	m.dropped = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "aleph_ingest_records_dropped_total", Help: "Records of rejected messages dropped, by the reason: full, old, operator.",
	}, []string{"reason"})
	for _, reason := range []string{dropFull, dropOld, dropOperator} {
		m.dropped.WithLabelValues(reason) // shown from the start, as 0
	}
	reg.MustRegister(m.dropped, m.outcomes, m.rejected, m.batches, m.commit, m.replays, m.failures,
		gauge("aleph_ingest_queue", "Jobs that wait for the applier.", func() float64 { return float64(len(q.jobs)) }),
		gauge("aleph_ingest_pending", "Messages that wait for content, a file or another message.",
			func() float64 { return float64(q.pending.Load()) }),
		gauge("aleph_ingest_dropped_subscribers", "Subscribers dropped because they lagged.",
			func() float64 { return float64(q.events.dropped()) }),
	)
	return m
}

func gauge(name, help string, value func() float64) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
}

func (m *metrics) observe(jobs int, took time.Duration, err error) {
	m.batches.Observe(float64(jobs))
	m.commit.Observe(took.Seconds())
	if err != nil {
		m.failures.Inc()
	}
}

// outcome counts how a message fared.
func (m *metrics) outcome(j *job) {
	if j.msg == nil || j.err != nil {
		return
	}
	outcome := string(j.result.Status)
	if j.result.Known {
		outcome = "known"
	}
	m.outcomes.WithLabelValues(string(j.msg.Type), outcome).Inc()
	if rej := j.result.Rejection; rej != nil && j.result.Status == message.StatusRejected {
		m.rejected.WithLabelValues(strconv.Itoa(int(rej.Code))).Inc()
	}
}

// State describes what the queue is doing, for status pages.
type State struct {
	Pending int64 // messages that wait
	Queued  int   // jobs that wait for the applier
	Room    int   // how many may wait
	// Writable is false after a commit failed for lack of something (disk
	// space, above all) until one succeeds.
	Writable bool
}

// State returns what the queue is doing.
func (q *Queue) State() State {
	return State{Pending: q.pending.Load(), Queued: len(q.jobs), Room: cap(q.jobs), Writable: !q.ill.Load()}
}

package telemetry

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// NewRegistry returns a registry that already has the metrics of the Go runtime
// and of the process. Each process makes one and hands it to its parts.
func NewRegistry() *prometheus.Registry {
	reg := prometheus.NewRegistry()
	reg.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return reg
}

// MetricsHandler serves the registry in the Prometheus text format.
func MetricsHandler(reg *prometheus.Registry) http.Handler {
	return promhttp.HandlerFor(reg, promhttp.HandlerOpts{Registry: reg})
}

// Term registers metrics that end before the process does: those of a part that
// may start again.
type Term struct {
	reg        prometheus.Registerer
	collectors []prometheus.Collector
}

// NewTerm returns a term whose metrics are exported by reg.
func NewTerm(reg prometheus.Registerer) *Term { return &Term{reg: reg} }

// Register implements [prometheus.Registerer].
func (t *Term) Register(c prometheus.Collector) error {
	err := t.reg.Register(c)
	if err == nil {
		t.collectors = append(t.collectors, c)
	}
	return err
}

// MustRegister implements [prometheus.Registerer].
func (t *Term) MustRegister(list ...prometheus.Collector) {
	for _, c := range list {
		if err := t.Register(c); err != nil {
			panic(err) // two parts of the program use one name
		}
	}
}

// Unregister implements [prometheus.Registerer].
func (t *Term) Unregister(c prometheus.Collector) bool { return t.reg.Unregister(c) }

// End unregisters everything.
func (t *Term) End() {
	for _, c := range t.collectors {
		t.reg.Unregister(c)
	}
	t.collectors = nil
}

// RegisterHealth exports h as the gauge aleph_health{part}: 0 ok, 1 degraded,
// 2 failed.
func RegisterHealth(reg prometheus.Registerer, h *Health) {
	reg.MustRegister(&healthCollector{
		health: h,
		desc:   prometheus.NewDesc("aleph_health", "State of a part: 0 ok, 1 degraded, 2 failed.", []string{"part"}, nil),
	})
}

type healthCollector struct {
	health *Health
	desc   *prometheus.Desc
}

func (c *healthCollector) Describe(ch chan<- *prometheus.Desc) { ch <- c.desc }

func (c *healthCollector) Collect(ch chan<- prometheus.Metric) {
	for _, item := range c.health.Items() {
		ch <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, float64(item.State.rank()), item.Part)
	}
}

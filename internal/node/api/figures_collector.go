package api

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// figuresCollector exports the figures of metrics.json to Prometheus under the
// same names. // spec ccn-http-api 4.6
type figuresCollector struct{ api *API }

// Describe sends nothing: which figures there are is known when they are read.
func (c figuresCollector) Describe(chan<- *prometheus.Desc) {}

// Collect sends the figures that have a value.
func (c figuresCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second) //nolint:forbidigo // a collector is given no context
	defer cancel()
	figures, err := c.api.networkFigures(ctx, true)
	if err != nil {
		c.api.log.WarnContext(ctx, "figures for metrics", "error", err)
		return
	}
	for _, figure := range figures {
		switch value := figure.value.(type) {
		case object:
			labels := prometheus.Labels{}
			for _, m := range value {
				labels[m.name], _ = m.value.(string)
			}
			ch <- gauge(figure.name, labels, 1)
		case int:
			ch <- gauge(figure.name, nil, float64(value))
		case int64:
			ch <- gauge(figure.name, nil, float64(value))
		}
	}
}

func gauge(name string, labels prometheus.Labels, value float64) prometheus.Metric {
	desc := prometheus.NewDesc(name, "Figure of metrics.json, see the specification of the HTTP interface.", nil, labels)
	return prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value)
}

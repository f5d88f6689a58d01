package api

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics counts what the API does. The labels are bounded: a route is one of
// the table, a code one of those that handlers answer with.
type metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
	sockets  prometheus.Gauge
	sent     prometheus.Counter
	refused  prometheus.Counter
	dropped  prometheus.Counter
	uploaded prometheus.Counter
	limited  *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "aleph_api_requests_total", Help: "Requests answered, by route and status code.",
		}, []string{"route", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "aleph_api_request_seconds", Help: "Time from the headers of a request to the end of its answer.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"route"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "aleph_api_requests_in_flight", Help: "Requests being answered, WebSockets among them.",
		}),
		sockets: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "aleph_api_sockets", Help: "Open message WebSockets.",
		}),
		sent: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "aleph_api_socket_messages_total", Help: "Live messages sent to WebSockets.",
		}),
		refused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "aleph_api_sockets_refused_total", Help: "WebSockets refused because too many are open.",
		}),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "aleph_api_sockets_dropped_total", Help: "WebSockets dropped because they did not keep up.",
		}),
		uploaded: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "aleph_api_uploaded_bytes_total", Help: "Bytes of accepted uploads.",
		}),
		limited: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "aleph_api_limited_total", Help: "Requests refused because their caller asked too often, by limit.",
		}, []string{"limit"}),
	}
	reg.MustRegister(m.requests, m.duration, m.inFlight, m.sockets, m.sent, m.refused, m.dropped, m.uploaded, m.limited)
	return m
}

// statusOf is the status of an answer. A handler that took over the connection,
// as WebSockets do, has written none.
func statusOf(written int) int {
	if written == 0 {
		return http.StatusSwitchingProtocols
	}
	return written
}

// observe records one answered request.
func (m *metrics) observe(route string, status int, took time.Duration) {
	m.requests.WithLabelValues(route, strconv.Itoa(statusOf(status))).Inc()
	m.duration.WithLabelValues(route).Observe(took.Seconds())
}

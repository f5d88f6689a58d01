package apply

import (
	"slices"
	"time"

	"aleph/message"
)

// planNodeMetrics decides about a POST of measurements: only those of an
// authority, on its channel, are recorded, for as long as the POST lives and
// [MetricsHorizon] says. Nothing in it is refused. // spec messages 8.3
func (s *Session) planNodeMetrics(m Received, p *message.Post) Effect {
	a := &s.rules.Network.Authorities
	if !slices.Contains(a.Metrics, p.Address) || a.MetricsChannel == "" || m.Channel == nil || *m.Channel != a.MetricsChannel {
		return nil
	}
	metrics := message.ParseNodeMetrics(p.Content)
	return func() error { return s.tx.InsertNodeMetrics(m.ItemHash, metrics) }
}

// metricsMonths is how long measurements are kept: whole months before the
// current one. // spec messages 8.3
const metricsMonths = 12

// MetricsHorizon returns the instant before which measurements are no longer
// kept: the beginning of the month a year ago.
func MetricsHorizon(now message.Timestamp) message.Timestamp {
	t := now.Time()
	return message.TimestampOf(time.Date(t.Year(), t.Month()-metricsMonths, 1, 0, 0, 0, 0, time.UTC))
}

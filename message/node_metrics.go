package message

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// NodeMetricsType is the post type that carries measurements of nodes. It has
// power only on the owners and the channel that the [Network] names.
// // spec messages 8.3
const NodeMetricsType = "aleph-network-metrics"

// NodeMetrics are the usable measurements of a post. // spec messages 8.3
type NodeMetrics struct {
	Core    []CoreMetrics
	Compute []ComputeMetrics
}

// Measured says whom a measurement is about and when it was made.
type Measured struct {
	NodeID     string    `json:"-"`
	MeasuredAt Timestamp `json:"-"`
}

// CoreMetrics is what was measured of a core channel node. Latencies are in
// seconds; nil is what was not measured.
type CoreMetrics struct {
	Measured

	BaseLatency         *float64 `json:"base_latency,omitempty"`
	BaseLatencyIPv4     *float64 `json:"base_latency_ipv4,omitempty"`
	MetricsLatency      *float64 `json:"metrics_latency,omitempty"`
	AggregateLatency    *float64 `json:"aggregate_latency,omitempty"`
	FileDownloadLatency *float64 `json:"file_download_latency,omitempty"`
	PendingMessages     *int64   `json:"pending_messages,omitempty"`
	EthHeightRemaining  *int64   `json:"eth_height_remaining,omitempty"`
}

// ComputeMetrics is what was measured of a compute resource node. Latencies are
// in seconds; nil is what was not measured.
type ComputeMetrics struct {
	Measured

	BaseLatency         *float64 `json:"base_latency,omitempty"`
	BaseLatencyIPv4     *float64 `json:"base_latency_ipv4,omitempty"`
	FullCheckLatency    *float64 `json:"full_check_latency,omitempty"`
	DiagnosticVMLatency *float64 `json:"diagnostic_vm_latency,omitempty"`
}

// ParseNodeMetrics reads the inner content of a post of [NodeMetricsType]. It
// never fails: what cannot be used is left out. // spec messages 8.3
func ParseNodeMetrics(content json.RawMessage) NodeMetrics {
	var m NodeMetrics
	metrics := value(content).member("metrics")
	for _, entry := range metrics.member("ccn").elements {
		of, ok := measured(entry)
		if !ok {
			continue
		}
		m.Core = append(m.Core, CoreMetrics{
			Measured:            of,
			BaseLatency:         looseFloat(entry.member("base_latency")),
			BaseLatencyIPv4:     looseFloat(entry.member("base_latency_ipv4")),
			MetricsLatency:      looseFloat(entry.member("metrics_latency")),
			AggregateLatency:    looseFloat(entry.member("aggregate_latency")),
			FileDownloadLatency: looseFloat(entry.member("file_download_latency")),
			PendingMessages:     looseInt(entry.member("pending_messages")),
			EthHeightRemaining:  looseInt(entry.member("eth_height_remaining")),
		})
	}
	for _, entry := range metrics.member("crn").elements {
		of, ok := measured(entry)
		if !ok {
			continue
		}
		m.Compute = append(m.Compute, ComputeMetrics{
			Measured:            of,
			BaseLatency:         looseFloat(entry.member("base_latency")),
			BaseLatencyIPv4:     looseFloat(entry.member("base_latency_ipv4")),
			FullCheckLatency:    looseFloat(entry.member("full_check_latency")),
			DiagnosticVMLatency: looseFloat(entry.member("diagnostic_vm_latency")),
		})
	}
	return m
}

// measured returns whom an entry is about and when it was made. The node must
// have a name and the instant must lie in the years 1 to 9999.
func measured(entry value) (of Measured, ok bool) {
	id, seconds := entry.member("node_id"), looseFloat(entry.member("measured_at"))
	if id.kind() != kindString || seconds == nil || math.Abs(*seconds) >= 1e12 {
		return of, false
	}
	of.NodeID, of.MeasuredAt = string(id.text()), TimestampFromSeconds(*seconds)
	usable := of.NodeID != "" && strings.IndexByte(of.NodeID, 0) < 0
	return of, usable && of.MeasuredAt >= firstTime && of.MeasuredAt < endOfTime
}

// looseFloat reads a finite number, or a text that is one; nil is anything else.
func looseFloat(v value) *float64 {
	var f float64
	switch v.kind() {
	case kindNumber:
		f = v.float()
	case kindTrue:
		f = 1
	case kindFalse:
	case kindString:
		text := strings.TrimSpace(string(v.text()))
		var err error
		if f, err = strconv.ParseFloat(text, 64); err != nil || strings.ContainsAny(text, "xXpP_") {
			return nil
		}
	default:
		return nil
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil
	}
	return &f
}

// looseInt reads a number without its fraction, or a text that is an integer;
// nil is anything else, and what 32 bits cannot hold.
func looseInt(v value) *int64 {
	var i int64
	switch v.kind() {
	case kindNumber, kindTrue, kindFalse:
		f := math.Trunc(*looseFloat(v))
		if f < math.MinInt32 || f > math.MaxInt32 {
			return nil
		}
		i = int64(f)
	case kindString:
		var err error
		if i, err = strconv.ParseInt(strings.TrimSpace(string(v.text())), 10, 32); err != nil {
			return nil
		}
	default:
		return nil
	}
	return &i
}

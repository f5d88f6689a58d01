package api

import (
	"math"
	"net/http"
	"slices"
	"strings"

	"aleph/internal/node/store"
	"aleph/message"
)

// usualMetrics is how far back measurements go when no start is given, in days.
// // spec ccn-http-api 4.7
const usualMetrics = 14

// figure is one column of measurements.
type figure[T any] struct {
	name string
	of   func(T) any
}

// metricsRange reads which measurements are wanted, and whether the newest come
// first.
func (a *API) metricsRange(r *http.Request) (in store.MetricsRange, descending bool, err error) {
	q := newQuery(r)
	in = store.MetricsRange{NodeID: r.PathValue("node_id"), From: q.date("start_date"), To: q.date("end_date")}
	order := "ASC"
	if value, ok := q.get("sort"); ok {
		order = strings.ToUpper(value)
		if choices := []string{"ASC", "DESC", "ASCENDING", "DESCENDING", "1", "-1"}; !slices.Contains(choices, order) {
			q.check(value, choices, "sort")
		}
	}
	if in.From == 0 {
		end := a.Now()
		if in.To != 0 {
			end = in.To.Time()
		}
		in.From = message.TimestampOf(end.AddDate(0, 0, -usualMetrics))
	}
	if in.To == 0 {
		in.To = math.MaxInt64
	}
	return in, strings.HasPrefix(order, "D") || order == "-1", q.err()
}

// coreMetrics answers GET /api/v0/core/{node_id}/metrics. // spec ccn-http-api 4.7
func (a *API) coreMetrics(w http.ResponseWriter, r *http.Request) error {
	in, descending, err := a.metricsRange(r)
	if err != nil {
		return err
	}
	rows, err := a.Store.CoreMetrics(r.Context(), in)
	if err != nil {
		return err
	}
	type core = message.CoreMetrics
	return writeMetrics(w, rows, descending, []figure[core]{
		{"base_latency", func(m core) any { return known(m.BaseLatency) }},
		{"base_latency_ipv4", func(m core) any { return known(m.BaseLatencyIPv4) }},
		{"metrics_latency", func(m core) any { return known(m.MetricsLatency) }},
		{"aggregate_latency", func(m core) any { return known(m.AggregateLatency) }},
		{"file_download_latency", func(m core) any { return known(m.FileDownloadLatency) }},
		{"pending_messages", func(m core) any { return known(m.PendingMessages) }},
		{"eth_height_remaining", func(m core) any { return known(m.EthHeightRemaining) }},
	})
}

// computeMetrics answers GET /api/v0/compute/{node_id}/metrics. // spec ccn-http-api 4.7
func (a *API) computeMetrics(w http.ResponseWriter, r *http.Request) error {
	in, descending, err := a.metricsRange(r)
	if err != nil {
		return err
	}
	rows, err := a.Store.ComputeMetrics(r.Context(), in)
	if err != nil {
		return err
	}
	type compute = message.ComputeMetrics
	return writeMetrics(w, rows, descending, []figure[compute]{
		{"base_latency", func(m compute) any { return known(m.BaseLatency) }},
		{"base_latency_ipv4", func(m compute) any { return known(m.BaseLatencyIPv4) }},
		{"full_check_latency", func(m compute) any { return known(m.FullCheckLatency) }},
		{"diagnostic_vm_latency", func(m compute) any { return known(m.DiagnosticVMLatency) }},
	})
}

// known returns what was measured, or null.
func known[T any](v *T) any {
	if v == nil {
		return nil
	}
	return *v
}

// writeMetrics answers with one list for each figure.
func writeMetrics[T any](w http.ResponseWriter, rows []store.MetricsRow[T], descending bool, figures []figure[T]) error {
	if len(rows) == 0 {
		return failDefault(http.StatusNotFound)
	}
	if descending {
		slices.Reverse(rows)
	}
	hashes, measured := make([]message.Hash, len(rows)), make([]any, len(rows))
	for i, row := range rows {
		hashes[i], measured[i] = row.ItemHash, row.MeasuredAt
	}
	columns := object{{"item_hash", hashes}, {"measured_at", measured}}
	for _, f := range figures {
		values := make([]any, len(rows))
		for i, row := range rows {
			values[i] = f.of(row.Figures)
		}
		columns = append(columns, member{f.name, values})
	}
	return writeJSON(w, http.StatusOK, spacedJSON, object{{"metrics", columns}})
}

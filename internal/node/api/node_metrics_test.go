package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"aleph/message"
)

// TestNodeMetricsAnswers asks for measurements in both orders and between dates.
// // spec ccn-http-api 4.7
func TestNodeMetricsAnswers(t *testing.T) {
	t.Parallel()
	scoring := key(t, "1")
	n := startNode(t, func(s *settings) {
		s.network.Authorities.Metrics, s.network.Authorities.MetricsChannel = []message.Address{scoring.Address()}, "scores"
	})
	second := func(daysAgo int) float64 { return float64(noon.Add(-time.Duration(daysAgo) * 24 * time.Hour).Unix()) }
	var hashes [3]message.Hash
	for i, daysAgo := range []int{20, 3, 1} {
		m := signed(t, scoring, message.TypePost, "scores", second(daysAgo), fmt.Sprintf(`"type":"aleph-network-metrics","content":{"metrics":{`+
			`"ccn":[{"node_id":"n","measured_at":%[1]f,"base_latency":0.009937286376953125,"pending_messages":%[2]d}],`+
			`"crn":[{"node_id":"n","measured_at":%[1]f,"full_check_latency":1.5e-7}]}}`, second(daysAgo), daysAgo))
		if r := n.publish(t, m); r.StatusCode != http.StatusOK {
			t.Fatalf("publish: %d %s", r.StatusCode, r.body)
		}
		hashes[i] = m.ItemHash
	}
	core := func(hashes, measured, latency, nulls, pending string) string {
		return `{"metrics": {"item_hash": [` + hashes + `], "measured_at": [` + measured + `], "base_latency": [` + latency + `], ` +
			`"base_latency_ipv4": [` + nulls + `], "metrics_latency": [` + nulls + `], "aggregate_latency": [` + nulls + `], ` +
			`"file_download_latency": [` + nulls + `], "pending_messages": [` + pending + `], "eth_height_remaining": [` + nulls + `]}}`
	}
	quoted := func(i int) string { return `"` + string(hashes[i]) + `"` }
	at := func(daysAgo int) string { return fmt.Sprintf("%.1f", second(daysAgo)) }
	const latency = "0.009937286376953125"
	newest := core(quoted(1)+", "+quoted(2), at(3)+", "+at(1), latency+", "+latency, "null, null", "3, 1")
	backward := core(quoted(2)+", "+quoted(1), at(1)+", "+at(3), latency+", "+latency, "null, null", "1, 3")
	oldest := core(quoted(0), at(20), latency, "null", "20")
	for query, want := range map[string]string{
		"":                         newest,
		"?sort=1":                  newest,
		"?sort=desc":               backward,
		"?sort=-1&start_date=0":    backward,
		"?sort=DESCENDING":         backward,
		"?end_date=" + at(19):      oldest,
		"?start_date=" + at(3):     newest,
		"?start_date=1&end_date=2": "404: Not Found",
	} {
		if got := n.get(t, "/api/v0/core/n/metrics"+query).body; got != want {
			t.Errorf("%s\n got %s\nwant %s", query, got, want)
		}
	}
	compute := n.get(t, "/api/v0/compute/n/metrics").body
	if want := `"base_latency_ipv4": [null, null], "full_check_latency": [1.5e-07, 1.5e-07], "diagnostic_vm_latency": [null, null]}}`; !strings.HasSuffix(compute, want) {
		t.Errorf("compute: %s does not end with %s", compute, want)
	}
}

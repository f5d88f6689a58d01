package message_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aleph/message"
)

// What cannot be used is left out, and nothing is refused. // spec messages 8.3
func TestParseNodeMetrics(t *testing.T) {
	t.Parallel()
	const at = message.Timestamp(1701261022881753)
	f := func(f float64) *float64 { return &f }
	i := func(i int64) *int64 { return &i }
	core := func(c message.CoreMetrics) message.NodeMetrics {
		c.Measured = message.Measured{NodeID: "n", MeasuredAt: at}
		return message.NodeMetrics{Core: []message.CoreMetrics{c}}
	}
	compute := func(c message.ComputeMetrics) message.NodeMetrics {
		c.Measured = message.Measured{NodeID: "n", MeasuredAt: at}
		return message.NodeMetrics{Compute: []message.ComputeMetrics{c}}
	}
	const entry = `{"node_id":"n","measured_at":1701261022.881753`
	for content, want := range map[string]message.NodeMetrics{
		`null`: {}, `5`: {}, `[]`: {}, `{}`: {}, `{"metrics":null}`: {}, `{"metrics":[]}`: {}, `{"metrics":{}}`: {},
		`{"metrics":{"crn":null,"ccn":{}}}`:                                        {},
		`{"metrics":{"crn":[null,5,"x",[]],"ccn":[{}]}}`:                           {},
		`{"metrics":{"ccn":[{"node_id":"","measured_at":1}]}}`:                     {},
		`{"metrics":{"ccn":[{"node_id":5,"measured_at":1}]}}`:                      {},
		`{"metrics":{"ccn":[{"node_id":"n"}]}}`:                                    {},
		`{"metrics":{"ccn":[{"node_id":"n","measured_at":null}]}}`:                 {},
		`{"metrics":{"ccn":[{"node_id":"n","measured_at":"yesterday"}]}}`:          {},
		`{"metrics":{"ccn":[{"node_id":"n","measured_at":"nan"}]}}`:                {},
		`{"metrics":{"ccn":[{"node_id":"n","measured_at":1e300}]}}`:                {},
		`{"metrics":{"ccn":[{"node_id":"n","measured_at":253402300800}]}}`:         {},
		`{"metrics":{"ccn":[` + entry + `}]}}`:                                     core(message.CoreMetrics{}),
		`{"metrics":{"ccn":[{"node_id":"n","measured_at":"1701261022.881753"}]}}`:  core(message.CoreMetrics{}),
		`{"metrics":{"crn":[` + entry + `,"version":"1.0","other":1}],"ccn":"x"}}`: compute(message.ComputeMetrics{}),
		`{"metrics":{"crn":[` + entry + `,"base_latency":0.5,"base_latency_ipv4":1,"full_check_latency":"2.5","diagnostic_vm_latency":true}]}}`: compute(
			message.ComputeMetrics{BaseLatency: f(0.5), BaseLatencyIPv4: f(1), FullCheckLatency: f(2.5), DiagnosticVMLatency: f(1)}),
		`{"metrics":{"crn":[` + entry + `,"base_latency":"inf","base_latency_ipv4":null,"full_check_latency":[1],"diagnostic_vm_latency":"0x1"}]}}`: compute(
			message.ComputeMetrics{}),
		`{"metrics":{"ccn":[` + entry + `,"metrics_latency":0.1,"aggregate_latency":0.2,"file_download_latency":0.3,"pending_messages":7,"eth_height_remaining":"8"}]}}`: core(
			message.CoreMetrics{
				MetricsLatency: f(0.1), AggregateLatency: f(0.2), FileDownloadLatency: f(0.3), PendingMessages: i(7), EthHeightRemaining: i(8),
			}),
		`{"metrics":{"ccn":[` + entry + `,"pending_messages":7.9,"eth_height_remaining":"8.5"}]}}`:             core(message.CoreMetrics{PendingMessages: i(7)}),
		`{"metrics":{"ccn":[` + entry + `,"pending_messages":-1,"eth_height_remaining":2147483648}]}}`:         core(message.CoreMetrics{PendingMessages: i(-1)}),
		`{"metrics":{"ccn":[{"node_id":"a"},` + entry + `,"pending_messages":{}},{"measured_at":1}],"crn":0}}`: core(message.CoreMetrics{}),
	} {
		if diff := cmp.Diff(want, message.ParseNodeMetrics(json.RawMessage(content))); diff != "" {
			t.Errorf("%s: %s", content, diff)
		}
	}
}

// Whatever an authority publishes, its measurements can be stored.
func FuzzParseNodeMetrics(f *testing.F) {
	f.Add(`{"metrics":{"crn":[{"node_id":"n","measured_at":1.5,"base_latency":"1e3"}],"ccn":[{"node_id":"n","measured_at":"2","pending_messages":1e9}]}}`)
	f.Add(`{"metrics":{"crn":{"node_id":"n"},"ccn":[[],{"node_id":"\u0001","measured_at":-1e11,"eth_height_remaining":true}]}}`)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := message.ParseContent(message.TypePost, []byte(`{"address":"a","time":1,"type":"t","content":`+text+`}`))
		if err != nil {
			return
		}
		post, ok := c.(*message.Post)
		if !ok {
			t.Fatalf("content is %T", c)
		}
		m := message.ParseNodeMetrics(post.Content)
		for _, e := range m.Core {
			if e.NodeID == "" || e.PendingMessages != nil && int64(int32(*e.PendingMessages)) != *e.PendingMessages {
				t.Errorf("kept %+v", e)
			}
		}
		for _, e := range m.Compute {
			if _, err := json.Marshal(e); err != nil || e.NodeID == "" {
				t.Errorf("kept %+v: %v", e, err)
			}
		}
	})
}

package api_test

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"aleph/internal/compute/api"
	"aleph/message"
)

// offlineHash is a function without a network.
const offlineHash = message.Hash("00000000000000000000000000000000000000000000000000000000000000ff")

// TestExecutionsNetworking holds the lists to what the official clients want:
// every member is there and is a text, or they refuse the whole list.
// // spec crn 1.5
func TestExecutionsNetworking(t *testing.T) {
	t.Parallel()
	url := serve(t, &fakeHost{executions: []api.Execution{
		{Hash: hash, Running: true, Internet: true, Address: netip.MustParsePrefix("172.16.4.2/30")},
		{Hash: offlineHash, Running: true},
	}})
	for path, want := range map[string]map[message.Hash]string{
		"/about/executions/list": {
			hash:        `{"ipv4":"172.16.4.0/30","ipv6":""}`,
			offlineHash: `{"ipv4":"","ipv6":""}`,
		},
		"/v2/about/executions/list": {
			hash: `{"ipv4_network":"172.16.4.0/30","host_ipv4":"","ipv6_network":"","ipv6_ip":"",` +
				`"ipv4_ip":"172.16.4.2","mapped_ports":{}}`,
			offlineHash: `{"ipv4_network":"","host_ipv4":"","ipv6_network":"","ipv6_ip":"","ipv4_ip":"","mapped_ports":{}}`,
		},
	} {
		status, body, _ := do(t, request(t, http.MethodGet, url+path))
		var list map[message.Hash]struct {
			Networking json.RawMessage `json:"networking"`
		}
		if err := json.NewDecoder(strings.NewReader(body)).Decode(&list); err != nil || status != http.StatusOK {
			t.Fatalf("%s: %d %s: %v", path, status, body, err)
		}
		if len(list) != len(want) {
			t.Errorf("%s: %d executions, want %d", path, len(list), len(want))
		}
		for h, networking := range want {
			if got := string(list[h].Networking); got != networking {
				t.Errorf("%s of %s:\n got %s\nwant %s", path, h, got, networking)
			}
		}
	}
}

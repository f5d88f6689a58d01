package api_test

import (
	"strings"
	"testing"

	"aleph/internal/node/api"
	"aleph/internal/node/ingest"
	"aleph/internal/telemetry"
)

// TestHealthOfDiskAndQueue looks at where a part becomes unwell.
func TestHealthOfDiskAndQueue(t *testing.T) {
	t.Parallel()
	for free, want := range map[uint64]telemetry.State{
		3 << 30: telemetry.StateOK, 2 << 30: telemetry.StateOK, 2<<30 - 1: telemetry.StateDegraded,
		128 << 20: telemetry.StateDegraded, 128<<20 - 1: telemetry.StateFailed, 0: telemetry.StateFailed,
	} {
		state, text := api.HealthOfDisk("/folder", free)
		if state != want || (text == "") != (want == telemetry.StateOK) || text != "" && !strings.Contains(text, "/folder") {
			t.Errorf("%d bytes free: got %s %q, want %s", free, state, text, want)
		}
	}
	n := startNode(t)
	for queued, want := range map[int]telemetry.State{0: telemetry.StateOK, 899: telemetry.StateOK, 900: telemetry.StateDegraded, 1000: telemetry.StateDegraded} {
		if got := n.HealthOfQueue(ingest.State{Queued: queued, Room: 1000}); got.State != want || (got.Text == "") != (want == telemetry.StateOK) {
			t.Errorf("%d of 1000 wait: got %+v, want %s", queued, got, want)
		}
	}
}

package telemetry_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"aleph/internal/telemetry"
)

func TestLoggerWritesJSONWithRequestID(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log, err := telemetry.NewLogger(&out, telemetry.DefaultLogConfig())
	if err != nil {
		t.Fatal(err)
	}
	ctx := telemetry.WithRequestID(t.Context(), "abc")
	log.With("part", "api").InfoContext(ctx, "hello")
	log.DebugContext(ctx, "not written")

	var line struct{ Level, Msg, Part, Request string }
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatalf("log is not one JSON line: %v\n%s", err, out.String())
	}
	if line.Msg != "hello" || line.Part != "api" || line.Request != "abc" || line.Level != "INFO" {
		t.Errorf("got %+v", line)
	}
}

func TestLoggerText(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log, err := telemetry.NewLogger(&out, telemetry.LogConfig{Level: "debug", Format: "text"})
	if err != nil {
		t.Fatal(err)
	}
	log.Debug("seen")
	if !strings.Contains(out.String(), "level=DEBUG msg=seen") {
		t.Errorf("got %q", out.String())
	}
}

func TestLoggerRefusesUnknownSettings(t *testing.T) {
	t.Parallel()
	for _, cfg := range []telemetry.LogConfig{{Level: "loud"}, {Level: "info", Format: "xml"}} {
		if _, err := telemetry.NewLogger(&bytes.Buffer{}, cfg); err == nil {
			t.Errorf("%+v was accepted", cfg)
		}
	}
}

func TestHealthKeepsSinceWhileStateHolds(t *testing.T) {
	t.Parallel()
	var h telemetry.Health
	if h.Worst() != telemetry.StateOK || len(h.Items()) != 0 {
		t.Fatal("a health without parts is not ok")
	}
	h.Set("disk", telemetry.StateFailed, "full")
	first := h.Items()[0].Since
	h.Set("disk", telemetry.StateFailed, "still full")
	h.Set("api", telemetry.StateOK, "")
	items := h.Items()
	if len(items) != 2 || items[0].Part != "api" || items[1].Text != "still full" {
		t.Fatalf("got %+v", items)
	}
	if !items[1].Since.Equal(first) {
		t.Error("since changed although the state did not")
	}
	if h.Worst() != telemetry.StateFailed {
		t.Errorf("worst is %s", h.Worst())
	}
}

func TestHealthMetric(t *testing.T) {
	t.Parallel()
	var h telemetry.Health
	reg := telemetry.NewRegistry()
	telemetry.RegisterHealth(reg, &h)
	h.Set("disk", telemetry.StateDegraded, "slow")
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "aleph_health" {
			continue
		}
		m := f.GetMetric()[0]
		if m.GetLabel()[0].GetValue() != "disk" || m.GetGauge().GetValue() != 1 {
			t.Errorf("got %v", m)
		}
		return
	}
	t.Error("aleph_health is not exported")
}

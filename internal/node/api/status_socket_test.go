package api_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"aleph/internal/node/api"
	"aleph/message"
)

func (n *testNode) watchStatus(t *testing.T) *websocket.Conn {
	t.Helper()
	conn, res, err := websocket.Dial(t.Context(), n.URL+"/api/ws0/status", nil)
	if err != nil {
		t.Fatal(err)
	}
	if res.Body != nil {
		_ = res.Body.Close()
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	return conn
}

// TestStatusSocket hears the figures at once and when they change, and is
// refused when too many listen. // spec ccn-http-api 11.2
func TestStatusSocket(t *testing.T) {
	t.Parallel()
	n := startNode(t, func(s *settings) { s.api.MaxStatusSockets, s.api.StatusInterval = 2, time.Millisecond })
	messages := func(conn *websocket.Conn) (count float64, frame map[string]any) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		kind, text, err := conn.Read(ctx)
		if err != nil || kind != websocket.MessageText {
			t.Fatalf("%v %v", kind, err)
		}
		inspectFrame(t, "/api/ws0/status", text)
		if err := json.Unmarshal(text, &frame); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return frame["pyaleph_status_sync_messages_total"].(float64), frame
	}
	first := n.watchStatus(t)
	count, frame := messages(first)
	var whole map[string]any
	if err := json.Unmarshal([]byte(n.get(t, "/metrics.json").body), &whole); err != nil {
		t.Fatal(err)
	}
	if count != 0 || len(frame) != len(whole) {
		t.Errorf("first frame: %v messages and %d members, want 0 and %d", count, len(frame), len(whole))
	}
	if got := whole["pyaleph_ws_status_connections_active"]; got != 1.0 {
		t.Errorf("metrics.json counts %v status sockets, want 1", got)
	}
	for name, value := range frame {
		if strings.HasPrefix(name, "pyaleph_ws_") && value != 0.0 {
			t.Errorf("%s is %v in a frame, want 0", name, value)
		}
	}
	second := n.watchStatus(t)
	messages(second)
	expectClose(t, n.watchStatus(t), websocket.StatusTryAgainLater)
	if r := n.publish(t, signed(t, key(t, "1"), message.TypePost, "A", 1767250000, `"type":"x","content":1`)); r.StatusCode != http.StatusOK {
		t.Fatalf("publish: %d %s", r.StatusCode, r.body)
	}
	api.CountAgain(n.API)
	for _, conn := range []*websocket.Conn{first, second} {
		// The only frame since the first: nothing else has changed.
		if count, _ := messages(conn); count != 1 {
			t.Errorf("next frame: %v messages, want 1", count)
		}
	}
	if r := n.get(t, "/api/ws0/status"); r.StatusCode != http.StatusBadRequest {
		t.Errorf("without an upgrade: %d, want 400", r.StatusCode)
	}
	n.Close()
	expectClose(t, first, websocket.StatusGoingAway)
}

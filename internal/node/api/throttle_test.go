package api_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/prometheus/client_golang/prometheus"

	"aleph/internal/node/api"
	"aleph/internal/node/limit"
	"aleph/message"
)

// throttled starts a node behind a proxy on this machine, which is believed, with
// small limits.
func throttled(t *testing.T, change ...func(*api.Limits)) *testNode {
	t.Helper()
	return startNode(t, func(s *settings) {
		l := &s.api.Limits
		l.Reads, l.Publications = api.Rate{PerSecond: 0.5, Burst: 3}, api.Rate{PerSecond: 0.5, Burst: 4}
		l.TrustedProxies, l.Trusted = []string{"127.0.0.1", "::1", "10.1.0.0/16"}, []string{"198.51.100.7"}
		for _, c := range change {
			c(l)
		}
	})
}

// from are the headers of a request that a proxy hands on.
func from(hops string) []string { return []string{"X-Forwarded-For", hops, "Origin", "https://a.b"} }

// reads asks until the caller is refused, and returns how often it was not.
func (n *testNode) reads(t *testing.T, hops string) int {
	t.Helper()
	for i := range 10 {
		r := n.get(t, "/version", from(hops)...)
		switch r.StatusCode {
		case http.StatusOK:
		case http.StatusTooManyRequests:
			want := "429: too many requests (reads): try again in 2 s"
			if r.body != want || r.Header.Get("Retry-After") != "2" || r.Header.Get("Access-Control-Allow-Origin") != "https://a.b" {
				t.Errorf("%s: got %q %v", hops, r.body, r.Header)
			}
			return i
		default:
			t.Fatalf("%s: %d %s", hops, r.StatusCode, r.body)
		}
	}
	return 10
}

// TestReadsAreLimited counts callers by their addresses.
func TestReadsAreLimited(t *testing.T) {
	t.Parallel()
	n := throttled(t)
	for _, c := range []struct {
		hops string
		want int
	}{
		{"192.0.2.1", 3},
		{"192.0.2.1", 0},
		{"203.0.113.9, 192.0.2.1", 0}, // what a caller says of himself does not count
		{"192.0.2.2, 10.1.2.3", 3},    // behind another proxy that is trusted
		{"2001:db8::1", 3},
		{"2001:db8::ffff:2", 0}, // the same house
		{"2001:db8:0:1::1", 3},  // the next one
		{"::ffff:192.0.2.3", 3}, // IPv4 in the clothes of IPv6
		{"192.0.2.3", 0},
		{"127.0.0.1", 3}, // only the connection itself shows who is on this machine
		{"198.51.100.7", 10},
		{"nonsense", 10}, // then the proxy itself is the caller, and it is on this machine
	} {
		n.later.Store(0)
		if got := n.reads(t, c.hops); got != c.want {
			t.Errorf("%s: %d requests, want %d", c.hops, got, c.want)
		}
	}
	if lines := strings.Count(n.log.String(), "a caller asks too often"); lines != 6 {
		t.Errorf("%d lines for 6 callers:\n%s", lines, n.log.String())
	}
	n.later.Store(int64(2 * time.Second))
	if got := n.reads(t, "192.0.2.1"); got != 1 {
		t.Errorf("after two seconds: %d requests, want 1", got)
	}
	for range 10 {
		if r := n.get(t, "/version"); r.StatusCode != http.StatusOK {
			t.Fatalf("this machine was refused: %d", r.StatusCode)
		}
	}
	if r := n.get(t, "/metrics"); !strings.Contains(r.body, `aleph_api_limited_total{limit="reads"} `) {
		t.Error("refusals are not counted")
	}
}

// TestProxiesAreNotBelievedByDefault lets a caller lie about where he is.
func TestProxiesAreNotBelievedByDefault(t *testing.T) {
	t.Parallel()
	n := throttled(t, func(l *api.Limits) { l.TrustedProxies = nil })
	if got := n.reads(t, "192.0.2.1"); got != 10 {
		t.Errorf("a caller on this machine was refused after %d requests", got)
	}
}

// TestSendersAreLimited counts what an account has signed, whoever brings it.
func TestSendersAreLimited(t *testing.T) {
	t.Parallel()
	n := throttled(t, func(l *api.Limits) { l.Senders, l.Publications.Burst = api.Rate{PerSecond: 1, Burst: 2}, 100 })
	alice, second := key(t, "1"), 1767200000.0
	send := func(hops string, by string, change func(*message.Message)) reply {
		t.Helper()
		second++
		m := signed(t, alice, message.TypePost, "TEST", second, `"type":"t","content":{}`)
		if by != "alice" {
			m = signed(t, key(t, by), message.TypePost, "TEST", second, `"type":"t","content":{}`)
		}
		if change != nil {
			change(m)
		}
		return n.do(t, http.MethodPost, "/api/v0/messages", strings.NewReader(`{"sync":true,"message":`+envelope(t, m)+`}`), from(hops)...)
	}
	forge := func(m *message.Message) { m.Signature = "0x" + strings.Repeat("11", 65) }
	for range 5 {
		// Anybody can write her name; that must not keep her out.
		if r := send("192.0.2.1", "alice", forge); r.StatusCode != http.StatusUnprocessableEntity {
			t.Fatalf("forged: %d %s", r.StatusCode, r.body)
		}
	}
	for i, want := range []int{http.StatusOK, http.StatusOK, http.StatusTooManyRequests} {
		if r := send("192.0.2."+string(rune('2'+i)), "alice", nil); r.StatusCode != want {
			t.Errorf("message %d: got %d %s, want %d", i, r.StatusCode, r.body, want)
		}
	}
	if r := send("192.0.2.1", "2", nil); r.StatusCode != http.StatusOK {
		t.Errorf("another sender: %d %s", r.StatusCode, r.body)
	}
}

// TestAnonymousBytesAreLimited uploads without signed metadata.
func TestAnonymousBytesAreLimited(t *testing.T) {
	t.Parallel()
	n := throttled(t, func(l *api.Limits) { l.AnonymousBytes = 3600 })
	upload := func(hops string, size int) reply {
		t.Helper()
		return n.do(t, http.MethodPost, "/api/v0/storage/add_file", strings.NewReader(strings.Repeat("x", size)), from(hops)...)
	}
	if r := upload("192.0.2.1", 3000); r.StatusCode != http.StatusOK {
		t.Fatalf("first: %d %s", r.StatusCode, r.body)
	}
	before := len(n.stored(t))
	if r := upload("192.0.2.1", 700); r.StatusCode != http.StatusTooManyRequests || r.Header.Get("Retry-After") != "100" {
		t.Errorf("second: %d %s", r.StatusCode, r.body)
	}
	if after := len(n.stored(t)); after != before {
		t.Errorf("what was refused is kept: %d files, %d before", after, before)
	}
	if r := upload("192.0.2.2", 700); r.StatusCode != http.StatusOK {
		t.Errorf("another caller: %d %s", r.StatusCode, r.body)
	}
}

// TestSocketsAreLimited opens WebSockets of one caller.
func TestSocketsAreLimited(t *testing.T) {
	t.Parallel()
	n := throttled(t, func(l *api.Limits) { l.Sockets, l.Reads.Burst = 2, 1_000_000 })
	open := func(path string) (*websocket.Conn, int) {
		t.Helper()
		options := &websocket.DialOptions{HTTPHeader: http.Header{"X-Forwarded-For": {"192.0.2.1"}}}
		conn, r, err := websocket.Dial(t.Context(), n.URL+path, options) //nolint:bodyclose // Dial has closed it
		if err != nil && r == nil {
			t.Fatal(err)
		}
		return conn, r.StatusCode
	}
	first, _ := open("/api/ws0/messages")
	second, _ := open("/api/ws0/status")
	if _, code := open("/api/ws0/messages"); code != http.StatusTooManyRequests {
		t.Errorf("the third got %d", code)
	}
	if err := first.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Fatal(err)
	}
	for { // the place is free when the node has seen the connection end
		if conn, code := open("/api/ws0/messages"); code == http.StatusSwitchingProtocols {
			_ = conn.CloseNow()
			break
		}
	}
	_ = second.CloseNow()
}

// awayCounter is a counter that several processes share and that cannot be reached.
type awayCounter struct{}

func (awayCounter) Take(context.Context, limit.Bucket, string, float64) (time.Duration, error) {
	return 0, errors.New("no route to host")
}

// TestCounterThatIsAway lets everybody in while nobody can be counted.
func TestCounterThatIsAway(t *testing.T) {
	t.Parallel()
	n := startNode(t, func(s *settings) {
		s.api.Limits.TrustedProxies, s.limiter = []string{"127.0.0.1", "::1"}, awayCounter{}
	})
	if got := n.reads(t, "192.0.2.1"); got != 10 {
		t.Errorf("refused after %d requests", got)
	}
	if lines := strings.Count(n.log.String(), "callers are not counted"); lines != 1 {
		t.Errorf("%d lines:\n%s", lines, n.log.String())
	}
}

// TestLimitsAreChecked refuses settings that would keep everybody out.
func TestLimitsAreChecked(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*api.Limits){
		"limits.reads":           func(l *api.Limits) { l.Reads.Burst = 0 },
		"limits.senders":         func(l *api.Limits) { l.Senders.PerSecond = 0 },
		"limits.anonymous_bytes": func(l *api.Limits) { l.AnonymousBytes = 0 },
		"limits.remembered":      func(l *api.Limits) { l.Remembered = -1 },
		"limits.trusted:":        func(l *api.Limits) { l.Trusted = []string{"10.0.0.0/33"} },
		"limits.trusted_proxies": func(l *api.Limits) { l.TrustedProxies = []string{"proxy.example"} },
	} {
		cfg := api.DefaultConfig()
		change(&cfg.Limits)
		n := throttled(t)
		deps := n.Deps
		deps.Registry = prometheus.NewRegistry()
		if _, err := api.New(cfg, deps); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", want, err)
		}
	}
}

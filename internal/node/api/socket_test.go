package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"aleph/message"
)

// listen opens a WebSocket. The query is as in a URL.
func (n *testNode) listen(t testing.TB, query string) *websocket.Conn {
	t.Helper()
	conn, res, err := websocket.Dial(context.Background(), n.URL+"/api/ws0/messages?"+query, nil)
	if err != nil {
		t.Fatalf("dial %s: %v", query, err)
	}
	if res.Body != nil {
		_ = res.Body.Close()
	}
	conn.SetReadLimit(1 << 22)
	t.Cleanup(func() { _ = conn.CloseNow() })
	return conn
}

// heard is a frame.
type heard struct {
	ItemHash message.Hash    `json:"item_hash"`
	Channel  string          `json:"channel"`
	Size     *int64          `json:"size"`
	Content  json.RawMessage `json:"content"`
	text     string
}

func hear(t testing.TB, conn *websocket.Conn) heard {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	kind, text, err := conn.Read(ctx)
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	h := heard{text: string(text)}
	if err := json.Unmarshal(text, &h); err != nil || kind != websocket.MessageText {
		t.Fatalf("frame of kind %v: %v: %s", kind, err, text)
	}
	inspectFrame(t, "/api/ws0/messages", text)
	return h
}

// expectClose waits for the end and compares its code.
func expectClose(t testing.TB, conn *websocket.Conn, want websocket.StatusCode) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for {
		if _, _, err := conn.Read(ctx); err != nil {
			if got := websocket.CloseStatus(err); got != want {
				t.Errorf("closed with %v (%v), want %v", got, err, want)
			}
			return
		}
	}
}

func TestSocketHistoryThenLive(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	alice := key(t, "1")
	var sent []*message.Message
	post := func(channel string) *message.Message {
		t.Helper()
		m := signed(t, alice, message.TypePost, channel, float64(1767250000+len(sent)), fmt.Sprintf(`"type":"test","content":{"n":%d}`, len(sent)))
		sent = append(sent, m)
		if r := n.publish(t, m); r.StatusCode != http.StatusOK {
			t.Fatalf("publish: %d %s", r.StatusCode, r.body)
		}
		return m
	}
	post("A")
	second, other, third := post("A"), post("B"), post("A")
	conn := n.listen(t, "history=2&channels=A")
	for _, want := range []*message.Message{second, third} { // the newest two, the older first
		h := hear(t, conn)
		if h.ItemHash != want.ItemHash || h.Size == nil {
			t.Errorf("history: got %s, want %s", h.text, want.ItemHash)
		}
	}
	post("B")
	live := post("A")
	h := hear(t, conn)
	if h.ItemHash != live.ItemHash || h.Size != nil || !strings.HasPrefix(h.text, `{"sender":"`) {
		t.Errorf("live: got %s, want %s in shape S", h.text, live.ItemHash)
	}
	// Input is ignored, and a message is sent only once.
	if err := conn.Write(t.Context(), websocket.MessageText, []byte("anything")); err != nil {
		t.Fatal(err)
	}
	if err := conn.Write(t.Context(), websocket.MessageBinary, []byte{0}); err != nil {
		t.Fatal(err)
	}
	n.publish(t, live)
	last := post("A")
	if h := hear(t, conn); h.ItemHash != last.ItemHash {
		t.Errorf("live: got %s, want %s", h.text, last.ItemHash)
	}
	_ = other
	if err := conn.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Errorf("close: %v", err)
	}
}

// TestSocketFilters publishes a few messages and looks at which of them reach
// whom. // spec ccn-http-api 11.1
func TestSocketFilters(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	alice, bob := key(t, "1"), key(t, "2")
	m := map[string]*message.Message{
		"post":      signed(t, alice, message.TypePost, "A", 1767250000, `"type":"x","ref":"r","content":{"tags":["t1","t2"]}`),
		"aggregate": signed(t, bob, message.TypeAggregate, "B", 1767250100, `"key":"k","content":{}`),
	}
	// The last is the newest too: who was slow to listen hears them from history,
	// in the order of their times.
	last := signed(t, bob, message.TypePost, "END", 1767250200, `"type":"end","ref":"end","content":{"tags":["end"]}`)
	conns := map[string]*websocket.Conn{}
	cases := map[string]string{ // query → who is heard before "last"
		"msgType=POST":                                "post",
		"msgTypes=POST,STORE":                         "post",
		"message_types=AGGREGATE":                     "aggregate",
		"addresses=" + string(alice.Address()):        "post",
		"owners=" + string(bob.Address()):             "aggregate",
		"channels=A,Z":                                "post",
		"chains=ETH&channels=B":                       "aggregate",
		"refs=r":                                      "post",
		"tags=t2,t9":                                  "post",
		"contentTypes=x":                              "post",
		"contentKeys=k":                               "aggregate",
		"hashes=" + string(m["post"].ItemHash):        "post",
		"startDate=1767250060":                        "aggregate",
		"endDate=1767250010":                          "post",
		"paymentTypes=hold":                           "",
		"contentHashes=" + string(m["post"].ItemHash): "",
		"history=0":                                   "both",
	}
	for query := range cases {
		conns[query] = n.listen(t, query)
	}
	eventually(t, "all listen", func() bool {
		return strings.Contains(n.get(t, "/metrics").body, fmt.Sprintf("aleph_api_sockets %d", len(cases)))
	})
	for _, name := range []string{"post", "aggregate"} {
		if r := n.publish(t, m[name]); r.StatusCode != http.StatusOK {
			t.Fatalf("publish: %d %s", r.StatusCode, r.body)
		}
	}
	if r := n.publish(t, last); r.StatusCode != http.StatusOK {
		t.Fatalf("publish: %d %s", r.StatusCode, r.body)
	}
	for query, who := range cases {
		switch who {
		case "both":
			for _, want := range []*message.Message{m["post"], m["aggregate"], last} {
				if h := hear(t, conns[query]); h.ItemHash != want.ItemHash {
					t.Errorf("%s: heard %s", query, h.text)
				}
			}
		case "":
		default:
			if h := hear(t, conns[query]); h.ItemHash != m[who].ItemHash {
				t.Errorf("%s: heard %s, want %s", query, h.text, who)
			}
		}
	}
	// What is left must be nothing, or the last message where it matches too.
	n.Close()
	for query, conn := range conns {
		for {
			_, text, err := conn.Read(t.Context())
			if err != nil {
				if websocket.CloseStatus(err) != websocket.StatusGoingAway {
					t.Errorf("%s: closed with %v", query, err)
				}
				break
			}
			if !strings.Contains(string(text), string(last.ItemHash)) {
				t.Errorf("%s: heard %s", query, text)
			}
		}
	}
}

func TestSocketContentFormats(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	none, headers := n.listen(t, "excludeContent=1"), n.listen(t, "contentFormat=headers")
	eventually(t, "both listen", func() bool { return strings.Contains(n.get(t, "/metrics").body, "aleph_api_sockets 2") })
	m := signed(t, key(t, "1"), message.TypePost, "A", 1767250000, `"type":"x","content":{}`)
	n.publish(t, m)
	if h := hear(t, none); h.Content != nil {
		t.Errorf("no content: got %s", h.text)
	}
	if h := hear(t, headers); string(h.Content) != `{"address":"`+string(m.Sender)+`","type":"x"}` {
		t.Errorf("headers: got %s", h.text)
	}
}

func TestSocketLimit(t *testing.T) {
	t.Parallel()
	n := startNode(t, func(s *settings) { s.api.MaxSockets = 1 })
	first := n.listen(t, "")
	eventually(t, "the first listens", func() bool { return strings.Contains(n.get(t, "/metrics").body, "aleph_api_sockets 1") })
	expectClose(t, n.listen(t, ""), websocket.StatusTryAgainLater)
	if err := first.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the place is free", func() bool { return strings.Contains(n.get(t, "/metrics").body, "aleph_api_sockets 0") })
	again := n.listen(t, "")
	n.Close()
	expectClose(t, again, websocket.StatusGoingAway)
	expectClose(t, n.listen(t, ""), websocket.StatusGoingAway)
}

// TestSocketSlowReader listens and does not read: the node drops the listener
// and goes on.
func TestSocketSlowReader(t *testing.T) {
	t.Parallel()
	n := startNode(t, func(s *settings) { s.api.SocketQueue = 4 })
	slow := n.raw(t, "/api/ws0/messages?history=0")
	eventually(t, "it listens", func() bool { return strings.Contains(n.get(t, "/metrics").body, "aleph_api_sockets 1") })
	alice := key(t, "1")
	large := strings.Repeat("x", 190_000)
	sent := 0
	eventually(t, "it is dropped", func() bool {
		n.publish(t, signed(t, alice, message.TypePost, "A", float64(1767250000+sent), fmt.Sprintf(`"type":"x","content":"%d%s"`, sent, large)))
		sent++
		return strings.Contains(n.get(t, "/metrics").body, "aleph_api_sockets_dropped_total 1")
	})
	_ = slow.Close()
}

// TestSocketPing listens and does not answer pings.
func TestSocketPing(t *testing.T) {
	t.Parallel()
	n := startNode(t, func(s *settings) { s.api.Heartbeat = 50 * time.Millisecond })
	deaf := n.raw(t, "/api/ws0/messages?history=0")
	if err := deaf.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(deaf)
	if err != nil && !errors.Is(err, net.ErrClosed) {
		t.Fatalf("the node did not close the connection: %v", err)
	}
	if len(all) < 2 || all[0] != 0x89 { // a ping frame
		t.Errorf("got % x, want a ping", all)
	}
}

// raw upgrades a connection by hand and returns what is below the WebSocket.
func (n *testNode) raw(t testing.TB, path string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(n.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_, err = io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	if err != nil {
		t.Fatal(err)
	}
	var head []byte
	one := make([]byte, 1)
	for !strings.HasSuffix(string(head), "\r\n\r\n") {
		if _, err := conn.Read(one); err != nil {
			t.Fatal(err)
		}
		head = append(head, one[0])
	}
	if !strings.HasPrefix(string(head), "HTTP/1.1 101") {
		t.Fatalf("upgrade: %s", head)
	}
	return conn
}

// TestSocketMissesNothing publishes while listeners come: each gets every
// message exactly once, by history or live.
func TestSocketMissesNothing(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	alice := key(t, "1")
	const total = 60
	published := make(chan struct{})
	go func() {
		defer close(published)
		for i := range total {
			m := signed(t, alice, message.TypePost, "A", float64(1767250000+i), fmt.Sprintf(`"type":"x","content":%d`, i))
			if r := n.publish(t, m); r.StatusCode != http.StatusOK {
				t.Errorf("publish: %d %s", r.StatusCode, r.body)
			}
		}
	}()
	for range 5 {
		conn := n.listen(t, "history=199&sortBy=time")
		seen := map[message.Hash]bool{}
		for len(seen) < total {
			h := hear(t, conn)
			if seen[h.ItemHash] {
				t.Errorf("sent twice: %s", h.ItemHash)
			}
			seen[h.ItemHash] = true
		}
	}
	<-published
}

// TestSocketRefused asks for WebSockets that cannot be opened: each caller is
// told why, and none is left with a closed connection.
func TestSocketRefused(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	for name, c := range map[string]struct {
		header []string
		want   int
		body   string
	}{
		"no upgrade":  {nil, 400, "No WebSocket UPGRADE hdr: None\n Can \"Upgrade\" only to \"WebSocket\"."},
		"no key":      {[]string{"Sec-WebSocket-Version", "13"}, 400, "Sec-WebSocket-Key"},
		"old version": {[]string{"Sec-WebSocket-Version", "8", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}, 400, "version"},
		"short key":   {[]string{"Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "x"}, 400, "Sec-WebSocket-Key"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			header := c.header
			if header != nil {
				header = append([]string{"Connection", "Upgrade", "Upgrade", "websocket"}, header...)
			}
			if r := n.do(t, http.MethodGet, "/api/ws0/messages", nil, header...); r.StatusCode != c.want || !strings.Contains(r.body, c.body) {
				t.Errorf("got %d %q, want %d %q", r.StatusCode, r.body, c.want, c.body)
			}
		})
	}
}

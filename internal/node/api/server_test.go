package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"aleph/internal/node/api"
	"aleph/internal/node/store"
	"aleph/message"
)

// TestRoutesAreComplete looks at the table itself.
func TestRoutesAreComplete(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, r := range api.Routes() {
		line := r.Method + " " + r.Path
		if seen[line] {
			t.Errorf("%s stands twice", line)
		}
		seen[line] = true
		if r.Name == "" || r.Doc == "" || strings.ToLower(r.Name) != r.Name {
			t.Errorf("%s: name %q, doc %q", line, r.Name, r.Doc)
		}
	}
}

// TestEveryRouteAnswers asks for each route with values that mean nothing.
func TestEveryRouteAnswers(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	for _, r := range api.Routes() {
		path := strings.NewReplacer("{page}", "1", "{item_hash}", "x", "{file_hash}", "x", "{message_hash}", "x",
			"{hash}", "x", "{address}", "x", "{ref}", "x").Replace(r.Path)
		answer := n.do(t, r.Method, path, strings.NewReader("x"), "Origin", "https://a.b")
		switch {
		case answer.StatusCode >= 500, answer.StatusCode == http.StatusMethodNotAllowed:
			t.Errorf("%s %s: got %d %s", r.Method, path, answer.StatusCode, answer.body)
		case answer.Header.Get("Access-Control-Allow-Origin") != "https://a.b":
			t.Errorf("%s %s: no CORS headers: %v", r.Method, path, answer.Header)
		case answer.Header.Get("Vary") == "" || answer.Header.Get("X-Content-Type-Options") != "nosniff":
			t.Errorf("%s %s: headers are missing: %v", r.Method, path, answer.Header)
		}
		pre := n.do(t, http.MethodOptions, path, http.NoBody, "Origin", "null", "Access-Control-Request-Method", "POST")
		if pre.StatusCode != http.StatusOK || pre.Header.Get("Access-Control-Allow-Origin") != "null" {
			t.Errorf("OPTIONS %s: got %d %s", path, pre.StatusCode, pre.body)
		}
	}
}

func TestMetricsAndHealth(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	n.get(t, "/version")
	n.get(t, "/some/unknown/path")
	text := n.get(t, "/metrics")
	for _, want := range []string{
		`aleph_api_requests_total{code="200",route="version"} 1`,
		`aleph_api_requests_total{code="404",route="none"} 1`,
		`aleph_api_request_seconds_count{route="version"} 1`,
		`pyaleph_build_info{python_version="go`,
		`pyaleph_status_sync_messages_total 0`,
	} {
		if !strings.Contains(text.body, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	var figures map[string]any
	if err := json.Unmarshal([]byte(n.get(t, "/metrics.json").body), &figures); err != nil {
		t.Fatal(err)
	}
	if info, ok := figures["pyaleph_build_info"].(map[string]any); !ok || info["version"] != "v1.2.3" {
		t.Errorf("build info: got %v", figures["pyaleph_build_info"])
	}
	if v, ok := figures["pyaleph_status_chain_eth_height_remaining_total"]; !ok || v != nil {
		t.Errorf("a figure that nobody knows: got %v, want null", v)
	}
	var health struct {
		Status string
		Parts  []struct{ Part, State string }
	}
	r := n.get(t, "/health")
	if err := json.Unmarshal([]byte(r.body), &health); err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("health: %d %s", r.StatusCode, r.body)
	}
	if health.Status != "ok" || len(health.Parts) != 3 {
		t.Errorf("health: got %+v", health)
	}
}

// TestDatabaseFull makes commits fail for lack of space: who publishes is told,
// the node says that it is unwell, reads go on, and it recovers.
func TestDatabaseFull(t *testing.T) {
	t.Parallel()
	var full atomic.Bool
	n := startNode(t, func(s *settings) {
		s.store.Fault = func(name string) error {
			if full.Load() && name == "commit" {
				return fmt.Errorf("%w: %w", store.ErrFull, syscall.ENOSPC)
			}
			return nil
		}
	})
	alice := key(t, "1")
	first := signed(t, alice, message.TypePost, "A", 1767250000, `"type":"x","content":1`)
	second := signed(t, alice, message.TypePost, "A", 1767250001, `"type":"x","content":2`)
	if r := n.publish(t, first); r.StatusCode != http.StatusOK {
		t.Fatalf("publish: %d %s", r.StatusCode, r.body)
	}
	full.Store(true)
	r := n.publish(t, second)
	const failed = `{"publication_status":{"status":"error","failed":["p2p"]},"message_status":null}`
	if r.StatusCode != http.StatusInternalServerError || r.body != failed {
		t.Errorf("publish on a full disk: got %d %s", r.StatusCode, r.body)
	}
	if r := n.post(t, "/api/v0/p2p/pubsub/pub", `{"topic":"ALEPH-TEST","data":`+envelope(t, second)+`}`); r.StatusCode != http.StatusInternalServerError {
		t.Errorf("legacy publish on a full disk: got %d %s", r.StatusCode, r.body)
	}
	if r := n.upload(t, []byte("no place"), ""); r.StatusCode != http.StatusServiceUnavailable || !strings.Contains(r.body, "disk") {
		t.Errorf("upload on a full disk: got %d %s", r.StatusCode, r.body)
	}
	if left := n.stored(t); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if r := n.get(t, "/health"); r.StatusCode != http.StatusServiceUnavailable || !strings.Contains(r.body, `"part": "database", "state": "failed", "text": "`) {
		t.Errorf("health: got %d %s", r.StatusCode, r.body)
	}
	if r := n.get(t, "/api/v0/messages/"+string(first.ItemHash)); r.StatusCode != http.StatusOK {
		t.Errorf("read on a full disk: got %d %s", r.StatusCode, r.body)
	}
	full.Store(false)
	if r := n.publish(t, second); r.StatusCode != http.StatusOK {
		t.Errorf("publish after there is space: got %d %s", r.StatusCode, r.body)
	}
}

func TestUnexpectedErrors(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	api.WithRoute(n.API, "/panic", func(http.ResponseWriter, *http.Request) error { panic("secret inside") })
	api.WithRoute(n.API, "/fail", func(http.ResponseWriter, *http.Request) error { return errors.New("secret inside") })
	api.WithRoute(n.API, "/half", func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "half")
		return errors.New("secret inside")
	})
	for _, path := range []string{"/panic", "/fail"} {
		r := n.get(t, path)
		const begin = "500 Internal Server Error\n\nServer got itself in trouble\n\nError id: "
		id, ok := strings.CutPrefix(r.body, begin)
		if r.StatusCode != http.StatusInternalServerError || !ok || id != r.Header.Get("X-Request-Id") {
			t.Errorf("%s: got %d %q", path, r.StatusCode, r.body)
		}
		if log := n.log.String(); !strings.Contains(log, "secret inside") {
			t.Errorf("%s: nothing in the log:\n%s", path, log)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.URL+"/half", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err == nil {
		_, err = io.ReadAll(res.Body)
		_ = res.Body.Close()
	}
	if err == nil {
		t.Error("half an answer ended as if it were whole")
	}
}

func TestErrorTable(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err    error
		status int
		body   string
	}{
		{message.ErrNotFound, 404, "404: Not Found"},
		{fmt.Errorf("x: %w", message.ErrInvalid), 422, "422: Unprocessable Entity"},
		{message.ErrForbidden, 403, "403: Forbidden"},
		{message.ErrConflict, 409, "409: Conflict"},
		{message.ErrUnavailable, 503, "503: Service Unavailable"},
		{fmt.Errorf("%w: %w", message.ErrUnavailable, syscall.ENOSPC), 503, "503: the disk of this node is full: try again later or use another node"},
		{&http.MaxBytesError{Limit: 7}, 413, "Maximum request body size 7 exceeded."},
		{context.Canceled, 499, ""},
		{errors.New("other"), 500, "500 Internal Server Error\n\nServer got itself in trouble"},
	} {
		if status, body := api.StatusOf(c.err); status != c.status || body != c.body {
			t.Errorf("%v: got %d %q, want %d %q", c.err, status, body, c.status, c.body)
		}
	}
}

// serve runs the interface as a node does and returns its address and a
// function that stops it.
func (n *testNode) serve(t testing.TB) (string, func() error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx, l) }()
	var once atomic.Bool
	stop := func() error {
		cancel()
		if once.CompareAndSwap(false, true) {
			return <-ended
		}
		return nil
	}
	t.Cleanup(func() { _ = stop() })
	return l.Addr().String(), stop
}

// TestRunStops stops a node that has an open WebSocket and a running request.
func TestRunStops(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	running, release := make(chan struct{}), make(chan struct{})
	api.WithRoute(n.API, "/slow", func(w http.ResponseWriter, _ *http.Request) error {
		close(running)
		<-release
		_, err := io.WriteString(w, "done")
		return err
	})
	address, stop := n.serve(t)
	conn, _, err := websocket.Dial(t.Context(), "ws://"+address+"/api/ws0/messages", nil) //nolint:bodyclose // an upgrade has none
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	slow := make(chan string, 1)
	go func() {
		res := fetch(t, "http://"+address+"/slow")
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		slow <- fmt.Sprint(string(text), err)
	}()
	<-running
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	expectClose(t, conn, websocket.StatusGoingAway)
	close(release)
	if got := <-slow; got != "done<nil>" {
		t.Errorf("the running request: got %s", got)
	}
	if err := <-stopped; err != nil {
		t.Errorf("stop: %v", err)
	}
	if c, err := net.DialTimeout("tcp", address, time.Second); err == nil {
		_ = c.Close()
		t.Error("the port is still open")
	}
}

// TestSlowCallers keeps connections open without sending.
func TestSlowCallers(t *testing.T) {
	t.Parallel()
	n := startNode(t, func(s *settings) { s.api.HeaderTimeout, s.api.ReadTimeout = 200*time.Millisecond, 200*time.Millisecond })
	address, _ := n.serve(t)
	for name, c := range map[string]struct{ send, want string }{
		"headers": {"GET /version HTTP/1.1\r\nHost: x\r\n", ""},
		"body":    {"POST /api/v0/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{", "HTTP/1.1 408 "},
		"file":    {"POST /api/v0/storage/add_file HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{", "HTTP/1.1 408 "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := io.WriteString(conn, c.send); err != nil {
				t.Fatal(err)
			}
			if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
				t.Fatal(err)
			}
			line, err := bufio.NewReader(conn).ReadString('\n')
			if (err != nil && !errors.Is(err, io.EOF)) || !strings.HasPrefix(line, c.want) {
				t.Errorf("got %q, %v, want %q and the end", line, err, c.want)
			}
		})
	}
}

// TestTrickle sends a long body so slowly that it never stops making progress.
func TestTrickle(t *testing.T) {
	t.Parallel()
	n := startNode(t, func(s *settings) { s.api.ReadTimeout = 100 * time.Millisecond })
	// Not by an HTTP client: one that is still writing when the answer comes may
	// tell of that instead.
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(n.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "POST /api/v0/messages HTTP/1.1\r\nHost: node\r\nTransfer-Encoding: chunked\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for range tick.C {
			if _, err := io.WriteString(conn, "1\r\n \r\n"); err != nil {
				return
			}
		}
	}()
	r, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.StatusCode != http.StatusRequestTimeout {
		t.Errorf("got %s", r.Status)
	}
	_ = r.Body.Close()
	_ = conn.Close()
	<-stopped
}

// TestLongHeaders sends what clients that ask for hundreds of hashes send. // spec ccn-http-api 1.3
func TestLongHeaders(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	address, _ := n.serve(t)
	get := func(query string) int {
		res := fetch(t, "http://"+address+"/api/v0/messages.json?"+query)
		_ = res.Body.Close()
		return res.StatusCode
	}
	hash := string(message.HashOf(nil))
	if got := get("hashes=" + strings.Repeat(hash+",", 600) + hash); got != http.StatusOK {
		t.Errorf("601 hashes: got %d", got)
	}
	var channels strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&channels, "%c%c,", 'a'+i%26, 'a'+i/26%26)
	}
	if got := get("channels=" + channels.String()); got != http.StatusOK {
		t.Errorf("20000 channels: got %d", got)
	}
	if got := get("x=" + strings.Repeat("x", 200_000)); got != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("200 KB of query: got %d", got)
	}
}

// TestReadDeadlineEndsWithBody lets a handler work longer than the time in
// which a body has to make progress: its caller has not left.
func TestReadDeadlineEndsWithBody(t *testing.T) {
	t.Parallel()
	n := startNode(t, func(s *settings) { s.api.ReadTimeout = 50 * time.Millisecond })
	api.WithRoute(n.API, "/work", func(w http.ResponseWriter, r *http.Request) error {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		select {
		case <-r.Context().Done():
			return r.Context().Err()
		case <-time.After(300 * time.Millisecond):
		}
		_, err = w.Write(body)
		return err
	})
	address, _ := n.serve(t)
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	reader := bufio.NewReader(conn)
	for range 2 { // the connection is used again
		if _, err := io.WriteString(conn, "GET /work HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(res.Body)
		if err != nil || string(text) != "body" {
			t.Errorf("got %d %s, %v", res.StatusCode, text, err)
		}
		_ = res.Body.Close()
	}
}

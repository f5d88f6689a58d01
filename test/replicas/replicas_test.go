package replicas_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"aleph/internal/bench"
	"aleph/message"
)

func posts(t *testing.T, g *bench.Generator, n int) []*message.Message {
	t.Helper()
	list, err := g.Posts(t.Context(), n, 200)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func newGenerator(t *testing.T) *bench.Generator {
	t.Helper()
	g, err := bench.NewGenerator(*seed, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// TestLeaderIsKilled kills the process that takes messages in, twice under load:
// another one goes on, nothing that was acknowledged is lost, and who listens at
// the processes that live hears each message once.
func TestLeaderIsKilled(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3, "")
	g := newGenerator(t)
	l := newLoad(t, c.balancer)
	ears := map[*member]*listener{}
	for _, m := range c.members {
		ears[m] = listen(t, m.API)
	}
	var pauses []time.Duration
	for round := range 2 {
		leader := c.leader()
		killed := make(chan struct{})
		l.after(200, func() {
			defer close(killed)
			began := time.Now()
			c.kill(leader)
			c.leader()
			pauses = append(pauses, time.Since(began))
		})
		for i := range 5 {
			l.upload(fmt.Appendf(nil, "file %d of round %d of %d", i, round, *seed))
		}
		l.publish(posts(t, g, 600))
		<-killed
		ears[c.start()] = nil // a process that comes back takes its place among the others
	}
	lost, deaf, twice := 0, 0, 0
	for _, m := range c.members {
		if !m.alive.Load() {
			continue
		}
		lost += l.check(m.API)
		ear := ears[m]
		if ear == nil {
			continue
		}
		c.await("all messages at a WebSocket", func() bool { return ear.missing(l.acknowledged) == 0 || t.Context().Err() != nil })
		deaf += ear.missing(l.acknowledged)
		twice += ear.twice()
	}
	if twice > 0 {
		t.Errorf("%d messages came twice", twice)
	}
	// Only the requests that the killed process had in its hands may fail.
	if most := 2 * connections; l.failed > most {
		t.Errorf("%d of %d requests failed, more than the %d that the killed processes can have had", l.failed, l.requests, most)
	}
	count := fmt.Sprintf("replicas, seed %d: 3 processes, the leader killed twice: %d requests, %d failed, %d messages and %d files acknowledged, %d lost; "+
		"WebSockets at processes that lived: %d missed, %d twice; a new leader after %s",
		*seed, l.requests, l.failed, len(l.acknowledged), len(l.files), lost, deaf, twice, pauses)
	t.Log(count)
	if file := os.Getenv("ALEPH_REPLICAS_COUNT"); file != "" {
		check(t, os.WriteFile(file, []byte(count+"\n"), 0o644))
	}
}

// TestRedisGoesAway ends the Redis server: reading goes on, messages are taken in
// by whoever is asked, news come a little later, and all is well when it returns.
func TestRedisGoesAway(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 2, "")
	g := newGenerator(t)
	follower := c.follower()
	l := newLoad(t, follower.API)
	ear := listen(t, follower.API)
	l.publish(posts(t, g, 50))
	if l.failed > 0 {
		t.Fatalf("%d of %d publications through a process that does not lead failed", l.failed, l.requests)
	}
	if err := c.redis.Stop(); err != nil {
		t.Fatal(err)
	}
	c.await("a word about Redis in the health", func() bool { return health(t, follower.API)["redis"] == "degraded" })
	l.publish(posts(t, g, 50))
	if l.failed > 0 {
		t.Errorf("%d of %d publications failed while Redis was away", l.failed, l.requests)
	}
	c.await("all messages at a WebSocket", func() bool { return ear.missing(l.acknowledged) == 0 })
	if err := c.redis.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.await("the health of Redis", func() bool { return health(t, follower.API)["redis"] == "ok" })
	l.publish(posts(t, g, 50))
	c.await("all messages at a WebSocket", func() bool { return ear.missing(l.acknowledged) == 0 })
	if l.failed > 0 || l.check(follower.API) > 0 || ear.twice() > 0 {
		t.Errorf("%d requests failed, %d messages came twice", l.failed, ear.twice())
	}
}

// health returns the states of the parts of a process.
func health(t *testing.T, api string) map[string]string {
	t.Helper()
	status, body := get(t, api+"/health")
	if status != http.StatusOK {
		t.Fatalf("/health answers %d: %s", status, body)
	}
	var answer struct {
		Parts []struct{ Part, State string }
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatal(err)
	}
	states := map[string]string{}
	for _, p := range answer.Parts {
		states[p.Part] = p.State
	}
	return states
}

// TestProcessesStop stops the processes one after the other, as for an update:
// no request fails that is sent to the others.
func TestProcessesStop(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 2, "")
	g := newGenerator(t)
	first, second := c.leader(), c.follower()
	l := newLoad(t, second.API)
	l.after(100, func() {
		if err := first.Stop(patience); err != nil {
			t.Error(err)
		}
		first.alive.Store(false)
	})
	l.publish(posts(t, g, 400))
	if l.failed > 0 {
		t.Errorf("%d of %d requests failed", l.failed, l.requests)
	}
	if leader := c.leader(); leader != second {
		t.Error("the other process does not lead")
	}
	l.check(second.API)
	if err := second.Stop(patience); err != nil {
		t.Error(err)
	}
}

// TestLimitsAreCommon asks two processes in turn for one caller behind a proxy:
// together they let as much through as one would, and what is sent on to the
// leader counts once.
func TestLimitsAreCommon(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 2, `node:
  http:
    limits:
      trusted_proxies: [127.0.0.0/8]
      publications: {per_second: 0.001, burst: 10}
`)
	list := posts(t, newGenerator(t), 12)
	members := []*member{c.leader(), c.follower()}
	for i, m := range list {
		body, err := json.Marshal(map[string]any{"sync": true, "message": m})
		if err != nil {
			t.Fatal(err)
		}
		l := newLoad(t, members[i%2].API)
		l.caller = "192.0.2.7"
		want := http.StatusOK
		if i >= 10 {
			want = http.StatusTooManyRequests
		}
		if status, answer := l.post("/api/v0/messages", "application/json", body); status != want {
			t.Errorf("publication %d: got %d %s, want %d", i, status, answer, want)
		}
	}
}

// TestFollowerAnswersAlike sends both kinds of process what is not well, and
// expects the same of both.
func TestFollowerAnswersAlike(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 2, "")
	const begin = "POST /api/v0/messages HTTP/1.1\r\nHost: node\r\nX-Request-Id: mine\r\nContent-Type: application/json\r\n"
	const file = "POST /api/v0/storage/add_file HTTP/1.1\r\nHost: node\r\nX-Request-Id: mine\r\nContent-Type: application/octet-stream\r\n"
	for name, request := range map[string]string{
		"cut":       begin + "Content-Length: 100\r\n\r\n{",
		"too long":  begin + "Content-Length: 2000000\r\n\r\n",
		"malformed": begin + "Content-Length: 2\r\n\r\n{]",
		"empty":     begin + "Content-Length: 0\r\n\r\n",
		"cut file":  file + "Content-Length: 3000000\r\n\r\n0123",
		"cut parts": file + "Transfer-Encoding: chunked\r\n\r\n4\r\n0123\r\n",
	} {
		cut := strings.HasPrefix(name, "cut")
		want, got := answerTo(t, c.leader().API, request, cut), answerTo(t, c.follower().API, request, cut)
		if got != want || strings.HasPrefix(want, "5") || !strings.HasSuffix(want, "mine") {
			t.Errorf("%s: the follower answers %q, the leader %q", name, got, want)
		}
	}
}

// answerTo returns the status, the body and the id of the answer to a request, of
// which nothing more comes when it is cut.
func answerTo(t *testing.T, api, request string, cut bool) string {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(api, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	if cut {
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
	}
	r, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d %s %s", r.StatusCode, body, r.Header.Get("X-Request-Id"))
}

// TestRoleNeeds says what is missing.
func TestRoleNeeds(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"--role", "api"},
		{"--role", "api", "--database", "postgres://a@127.0.0.1:1/a"},
		{"--role", "other"},
		{"--role", "api", "--database", "postgres://a@127.0.0.1:1/a", "--redis", "redis://127.0.0.1:1/0", "--listen", ":0"},
		{"--network", "nowhere.json"},
	} {
		out, err := command(t, append([]string{"node", "--data-dir", t.TempDir()}, args...)...)
		if err == nil || strings.Count(out, "\n") > 3 || !strings.Contains(out, "aleph: ") {
			t.Errorf("%q: %v: %s", args, err, out)
		}
	}
}

package replicas_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"
	"golang.org/x/sync/errgroup"

	"aleph/internal/bench"
	"aleph/message"
)

// connections is how many clients there are at once.
const connections = 8

// load publishes messages and uploads files, and remembers what was promised.
type load struct {
	t   *testing.T
	api string
	// caller is the address that a proxy says, "" when there is no proxy.
	caller string

	mu sync.Mutex
	// acknowledged are the messages that were answered as processed.
	acknowledged map[message.Hash]bool
	// files are the contents that were answered with 200.
	files map[message.Hash][]byte
	// requests counts all, and failed those whose answer was no promise.
	requests, failed int
	// then is called after so many more acknowledged messages.
	left int
	then func()
}

func newLoad(t *testing.T, api string) *load {
	t.Helper()
	return &load{t: t, api: api, acknowledged: map[message.Hash]bool{}, files: map[message.Hash][]byte{}}
}

// after calls do once, when n more messages have been acknowledged.
func (l *load) after(n int, do func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.left, l.then = n, do
}

// publish sends messages, each once, over several connections and waits for their
// outcomes. That connections break is the point: what was answered counts.
func (l *load) publish(messages []*message.Message) {
	l.t.Helper()
	var group errgroup.Group
	group.SetLimit(connections)
	for _, m := range messages {
		group.Go(func() error {
			l.one(m)
			return nil
		})
	}
	_ = group.Wait() // its functions return nil
}

func (l *load) one(m *message.Message) {
	body, err := json.Marshal(map[string]any{"sync": true, "message": m})
	if err != nil {
		l.t.Error(err)
		return
	}
	status, answer := l.post("/api/v0/messages", "application/json", body)
	var said struct {
		Status message.Status `json:"message_status"`
	}
	promised := status == http.StatusOK && json.Unmarshal(answer, &said) == nil && said.Status == message.StatusProcessed
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.requests++; !promised {
		l.failed++
		return
	}
	l.acknowledged[m.ItemHash] = true
	if l.left--; l.left == 0 && l.then != nil {
		go l.then()
	}
}

// upload sends a file.
func (l *load) upload(content []byte) {
	status, answer := l.post("/api/v0/storage/add_file", "application/octet-stream", content)
	hash := message.HashOf(content)
	promised := status == http.StatusOK && strings.Contains(string(answer), string(hash))
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.requests++; !promised {
		l.failed++
		return
	}
	l.files[hash] = content
}

// post returns the status and the answer, 0 when there was none.
func (l *load) post(path, kind string, body []byte) (int, []byte) {
	req, err := http.NewRequestWithContext(l.t.Context(), http.MethodPost, l.api+path, bytes.NewReader(body))
	if err != nil {
		l.t.Error(err)
		return 0, nil
	}
	req.Header.Set("Content-Type", kind)
	if l.caller != "" {
		req.Header.Set("X-Forwarded-For", l.caller)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil
	}
	defer res.Body.Close()
	var answer bytes.Buffer
	if _, err := answer.ReadFrom(res.Body); err != nil {
		return 0, nil
	}
	return res.StatusCode, answer.Bytes()
}

// check asks a process for everything that was promised, and returns how much is lost.
func (l *load) check(api string) (lost int) {
	l.t.Helper()
	var mu sync.Mutex
	var group errgroup.Group
	group.SetLimit(connections)
	for hash := range l.acknowledged {
		group.Go(func() error {
			status, err := bench.StatusOf(l.t.Context(), http.DefaultClient, api, hash)
			if status != message.StatusProcessed {
				mu.Lock()
				defer mu.Unlock()
				lost++
				l.t.Errorf("message %s was acknowledged and is %q: %v", hash, status, err)
			}
			return nil
		})
	}
	_ = group.Wait() // its functions return nil
	for hash, content := range l.files {
		if status, got := get(l.t, api+"/api/v0/storage/raw/"+string(hash)); status != http.StatusOK || !bytes.Equal(got, content) {
			lost++
			l.t.Errorf("file %s was acknowledged and is answered %d", hash, status)
		}
	}
	return lost
}

// listener counts the messages that a WebSocket brings.
type listener struct {
	mu    sync.Mutex
	heard map[message.Hash]int
	// ended is closed when the connection has ended.
	ended chan struct{}
}

// listen opens a WebSocket without history.
func listen(t *testing.T, api string) *listener {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	conn, _, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(api, "http")+"/api/ws0/messages?history=0", nil) //nolint:bodyclose // the connection has it
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	conn.SetReadLimit(1 << 20)
	l := &listener{heard: map[message.Hash]int{}, ended: make(chan struct{})}
	go func() {
		defer close(l.ended)
		for {
			_, text, err := conn.Read(ctx)
			if err != nil {
				return
			}
			var m struct {
				Hash message.Hash `json:"item_hash"`
			}
			if json.Unmarshal(text, &m) != nil {
				return
			}
			l.mu.Lock()
			l.heard[m.Hash]++
			l.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-l.ended
	})
	return l
}

// missing returns how many of the messages were not heard.
func (l *listener) missing(of map[message.Hash]bool) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for hash := range of {
		if l.heard[hash] == 0 {
			n++
		}
	}
	return n
}

// twice returns how many were heard more than once.
func (l *listener) twice() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, count := range l.heard {
		if count > 1 {
			n++
		}
	}
	return n
}

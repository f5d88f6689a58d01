package api_test

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"aleph/message"
)

// remote returns a POST whose content is a file of the storage network.
func remote(t testing.TB, n int) (*message.Message, string) {
	t.Helper()
	alice := key(t, "1")
	m := signed(t, alice, message.TypePost, "TEST", 1767250000, fmt.Sprintf(`"type":"x","content":{"n":%d}`, n))
	content := m.ItemContent
	m.ItemType, m.ItemContent = message.ItemStorage, ""
	return m, content
}

// TestSyncWaitsForContent publishes a message whose content is uploaded while
// its publisher waits. // spec ccn-http-api 5.7
func TestSyncWaitsForContent(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	m, content := remote(t, 1)
	answer := make(chan reply, 1)
	go func() { answer <- n.publish(t, m) }()
	eventually(t, "the message is pending", func() bool {
		return strings.Contains(n.get(t, "/api/v0/messages/"+string(m.ItemHash)+"/status").body, "pending")
	})
	if r := n.upload(t, []byte(content), ""); r.StatusCode != http.StatusOK {
		t.Fatalf("upload: %d %s", r.StatusCode, r.body)
	}
	if r := <-answer; r.StatusCode != http.StatusOK && r.StatusCode != http.StatusAccepted {
		t.Errorf("publish: got %d %s", r.StatusCode, r.body)
	}
	eventually(t, "the message is processed", func() bool {
		return strings.Contains(n.get(t, "/api/v0/messages/"+string(m.ItemHash)+"/status").body, "processed")
	})
	if r := n.get(t, "/api/v0/posts.json"); !strings.Contains(r.body, `"item_content": null, "item_type": "storage"`) || !strings.Contains(r.body, `"content": {"n": 1}`) {
		t.Errorf("post: got %s", r.body)
	}
	if r := n.get(t, "/api/v0/messages.json?contentFormat=headers"); !strings.Contains(r.body, `"content":{"address":"`+string(m.Sender)+`","type":"x"},"item_content":null`) {
		t.Errorf("headers: got %s", r.body)
	}
	if r := n.get(t, "/api/v0/messages.json"); !strings.Contains(r.body, `"content":{"n":1}`) {
		t.Errorf("list: got %s", r.body)
	}
}

// TestSyncGivesUp publishes a message whose content never comes.
func TestSyncGivesUp(t *testing.T) {
	t.Parallel()
	n := startNode(t, func(s *settings) { s.api.SyncTimeout = time.Second })
	m, _ := remote(t, 2)
	for range 2 {
		if r := n.publish(t, m); r.StatusCode != http.StatusAccepted || !strings.Contains(r.body, `"message_status":"pending"`) {
			t.Errorf("publish: got %d %s", r.StatusCode, r.body)
		}
	}
}

// TestLargeJSON uploads JSON at the limit. It runs alone, since it measures the
// memory of the process.
func TestLargeJSON(t *testing.T) { //nolint:paralleltest // measures the memory of the process
	n := startNode(t)
	const limit = 25 << 20
	one := `{"b":"` + strings.Repeat("x", 1000) + `","a":1.50},`
	body := "[" + strings.Repeat(one, (limit-10)/len(one))
	body = body[:len(body)-1] + "]"
	want, ok := strings.CutSuffix("["+strings.Repeat(`{"a":1.5,"b":"`+strings.Repeat("x", 1000)+`"},`, (limit-10)/len(one)), ",")
	if !ok {
		t.Fatal("the test is wrong")
	}
	h := message.HashOf([]byte(want + "]"))
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	var peak atomic.Uint64
	done := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			var now runtime.MemStats
			runtime.ReadMemStats(&now)
			peak.Store(max(peak.Load(), now.HeapInuse))
			select {
			case <-tick.C:
			case <-done:
				return
			}
		}
	}()
	r := n.post(t, "/api/v0/storage/add_json", body)
	close(done)
	<-watched
	if r.StatusCode != http.StatusOK || !strings.Contains(r.body, string(h)) {
		t.Errorf("got %d %s, want %s", r.StatusCode, r.body, h)
	}
	const most = 64 << 20
	if grown := int64(peak.Load()) - int64(before.HeapInuse); grown > most {
		t.Errorf("the heap grew by %d bytes, want at most %d", grown, most)
	}
	long := `"` + strings.Repeat("x", limit) + `"`
	for _, body := range []any{strings.NewReader(long), struct{ *strings.Reader }{strings.NewReader(long)}} {
		r := n.do(t, http.MethodPost, "/api/v0/storage/add_json", body.(interface{ Read([]byte) (int, error) }))
		if r.StatusCode != http.StatusRequestEntityTooLarge || r.body != "Maximum request body size 26214400 exceeded." {
			t.Errorf("over the limit: got %d %s", r.StatusCode, r.body)
		}
	}
	if r := n.post(t, "/api/v0/storage/add_json", strings.Repeat("[", 2<<20)); r.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("nested deeply: got %d %s", r.StatusCode, r.body)
	}
	if left := n.stored(t); len(left) != 1 {
		t.Errorf("on disk: %v", left)
	}
}

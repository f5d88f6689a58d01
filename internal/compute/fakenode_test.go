package compute_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"

	"aleph/message"
)

const owner = "0x1a642f0E3c3aF545E7AcBD38b07251B3990914F1"

// fakeNode is the part of a core channel node that a compute host talks to.
type fakeNode struct {
	url string

	mu         sync.Mutex // guards what follows
	messages   map[string]map[string]any
	order      []string
	files      map[string][]byte
	aggregates map[string]string
	watchers   map[chan []byte]func(message.Type) bool
	watching   chan struct{} // closed by the first watcher; nil in another process
	downloads  map[string]int
}

func newFakeNode(t testing.TB) *fakeNode {
	t.Helper()
	n := &fakeNode{
		messages: map[string]map[string]any{}, files: map[string][]byte{}, aggregates: map[string]string{},
		watchers: map[chan []byte]func(message.Type) bool{}, watching: make(chan struct{}), downloads: map[string]int{},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v0/messages/{hash}", n.one)
	mux.HandleFunc("GET /api/v0/messages.json", n.list)
	mux.HandleFunc("GET /api/v0/storage/raw/{hash}", n.raw)
	mux.HandleFunc("GET /api/v0/aggregates/{address}", n.aggregate)
	mux.HandleFunc("GET /api/ws0/messages", n.watch)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	n.url = server.URL
	return n
}

// publish makes a message of a content and returns its hash.
func (n *fakeNode) publish(kind message.Type, content map[string]any) message.Hash {
	if _, ok := content["address"]; !ok {
		content["address"] = owner
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	content["time"] = 1700000000.0 + float64(len(n.order))
	body, err := json.Marshal(content)
	if err != nil {
		panic(err)
	}
	hash := message.HashOf(body)
	m := map[string]any{
		"sender": owner, "chain": "ETH", "type": kind, "channel": "TEST", "time": content["time"], "item_type": "inline",
		"item_hash": hash, "item_content": string(body), "signature": "0x00", "content": json.RawMessage(body), "size": len(body),
		"confirmations": []any{}, "confirmed": false,
	}
	n.messages[string(hash)] = m
	n.order = append(n.order, string(hash))
	frame, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	for w, wants := range n.watchers {
		if wants(kind) {
			w <- frame
		}
	}
	return hash
}

// store keeps a file and returns the hash of its STORE message.
func (n *fakeNode) store(b []byte, ref message.Hash) message.Hash {
	file := message.HashOf(b)
	n.mu.Lock()
	n.files[string(file)] = b
	n.mu.Unlock()
	content := map[string]any{"item_type": "storage", "item_hash": file}
	if ref != "" {
		content["ref"] = ref
	}
	return n.publish(message.TypeStore, content)
}

func (n *fakeNode) one(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	m, ok := n.messages[r.PathValue("hash")]
	if !ok {
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{
		"status": "processed", "item_hash": r.PathValue("hash"), "reception_time": "2026-01-01T00:00:00+00:00", "message": m,
	})
}

func (n *fakeNode) list(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	list := []any{}
	q := r.URL.Query()
	for _, hash := range slices.Backward(n.order) { // the newest first
		m := n.messages[hash]
		if want := q.Get("hashes"); want != "" && want != hash {
			continue
		}
		if want := q.Get("refs"); want != "" && !strings.Contains(m["item_content"].(string), `"ref":"`+want+`"`) {
			continue
		}
		if want := q.Get("msgTypes"); want != "" && want != string(m["type"].(message.Type)) {
			continue
		}
		list = append(list, m)
	}
	_ = json.NewEncoder(w).Encode(map[string]any{
		"messages": list, "pagination_page": 1, "pagination_per_page": 20, "pagination_total": len(list), "pagination_item": "messages",
	})
}

func (n *fakeNode) raw(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	b, ok := n.files[r.PathValue("hash")]
	n.downloads[r.PathValue("hash")]++
	n.mu.Unlock()
	if !ok {
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	_, _ = w.Write(b)
}

func (n *fakeNode) aggregate(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	text, ok := n.aggregates[strings.TrimSuffix(r.PathValue("address"), ".json")]
	if !ok {
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	_, _ = w.Write([]byte(text))
}

// setAggregate changes what is answered for one key of an address.
func (n *fakeNode) setAggregate(address, key string, value any) {
	text, err := json.Marshal(map[string]any{"address": address, "data": map[string]any{key: value}})
	if err != nil {
		panic(err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.aggregates[address] = string(text)
}

func (n *fakeNode) watch(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer func() { _ = conn.CloseNow() }()
	ch := make(chan []byte, 100)
	types := r.URL.Query().Get("msgTypes")
	wants := func(kind message.Type) bool {
		return types == "" || slices.Contains(strings.Split(types, ","), string(kind))
	}
	n.mu.Lock()
	if len(n.watchers) == 0 {
		close(n.watching)
	}
	n.watchers[ch] = wants
	n.mu.Unlock()
	ctx := conn.CloseRead(context.WithoutCancel(r.Context()))
	for {
		select {
		case <-ctx.Done():
			n.mu.Lock()
			delete(n.watchers, ch)
			n.mu.Unlock()
			return
		case b := <-ch:
			if conn.Write(ctx, websocket.MessageText, b) != nil {
				return
			}
		}
	}
}

// again is the same node for a host that is started again.
func (n *fakeNode) again() *fakeNode {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.watching = make(chan struct{})
	clear(n.watchers)
	return n
}

// forget publishes a FORGET and drops the message.
func (n *fakeNode) forget(hash message.Hash) {
	n.mu.Lock()
	delete(n.messages, string(hash))
	for i, h := range n.order {
		if h == string(hash) {
			n.order = append(n.order[:i], n.order[i+1:]...)
			break
		}
	}
	n.mu.Unlock()
	n.publish(message.TypeForget, map[string]any{"hashes": []message.Hash{hash}, "aggregates": []string{}, "reason": "test"})
}

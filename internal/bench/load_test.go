package bench_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"aleph/account"
	"aleph/internal/bench"
	"aleph/message"
)

func TestGeneratorIsDeterministicAndSigns(t *testing.T) {
	t.Parallel()
	make10 := func(seed uint64) []*message.Message {
		g, err := bench.NewGenerator(seed, time.Unix(1_700_000_000, 0))
		if err != nil {
			t.Fatal(err)
		}
		posts, err := g.Posts(t.Context(), 10, 33)
		if err != nil {
			t.Fatal(err)
		}
		store, err := g.Message(message.TypeStore, map[string]any{"item_type": "storage", "item_hash": message.HashOf(nil)})
		if err != nil {
			t.Fatal(err)
		}
		return append(posts, store)
	}
	first, second, other := make10(1), make10(1), make10(2)
	seen := make(map[message.Hash]bool)
	for i, m := range first {
		if m.ItemHash != second[i].ItemHash || m.Signature != second[i].Signature {
			t.Errorf("message %d differs for the same seed", i)
		}
		if m.ItemHash == other[i].ItemHash || seen[m.ItemHash] {
			t.Errorf("message %d is not unique", i)
		}
		seen[m.ItemHash] = true
		if err := account.Verify(m); err != nil {
			t.Errorf("message %d: %v", i, err)
		}
		raw, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := message.ParseEnvelope(raw); err != nil {
			t.Errorf("message %d does not parse: %v", i, err)
		}
	}
}

// node answers publishes as a node does: every third message is rejected.
func node(t *testing.T, seen *sync.Map) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Sync    bool
			Message struct {
				ItemHash string `json:"item_hash"`
			}
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || r.URL.Path != "/api/v0/messages" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		n, twice := seen.LoadOrStore(body.Message.ItemHash, true)
		if twice || n != true {
			w.WriteHeader(http.StatusConflict)
			return
		}
		if body.Message.ItemHash[0]%3 == 0 {
			w.WriteHeader(http.StatusUnprocessableEntity)
			_, _ = io.WriteString(w, `{"publication_status": {"status": "success"}, "message_status": "rejected"}`)
			return
		}
		_, _ = io.WriteString(w, `{"publication_status":{"status":"success","failed":[]},"message_status":"processed"}`)
	}))
	t.Cleanup(srv.Close)
	return srv
}

func TestPublishSendsEachMessageOnce(t *testing.T) {
	t.Parallel()
	g, err := bench.NewGenerator(7, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	posts, err := g.Posts(t.Context(), 200, 10)
	if err != nil {
		t.Fatal(err)
	}
	var seen, told sync.Map
	p := bench.Publisher{
		API: node(t, &seen).URL, Connections: 8, Sync: true,
		Answered: func(a bench.Answer) { told.Store(string(a.Hash), a.Status) },
	}
	answers, elapsed, err := p.Publish(t.Context(), posts)
	if err != nil || elapsed <= 0 {
		t.Fatal(elapsed, err)
	}
	for i, a := range answers {
		want, code := message.StatusProcessed, 200
		if posts[i].ItemHash[0]%3 == 0 {
			want, code = message.StatusRejected, 422
		}
		if a.Hash != posts[i].ItemHash || a.Status != want || a.HTTP != code || a.Took <= 0 {
			t.Errorf("message %d: got %+v", i, a)
		}
		if status, _ := told.Load(string(a.Hash)); status != want {
			t.Errorf("message %d: the caller was told %v", i, status)
		}
	}
}

func TestPublishTellsWhatWasAnsweredWhenTheServerDies(t *testing.T) {
	t.Parallel()
	g, err := bench.NewGenerator(8, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	posts, err := g.Posts(t.Context(), 50, 10)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	served := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		served++
		n := served
		mu.Unlock()
		if n > 20 {
			panic(http.ErrAbortHandler)
		}
		_, _ = io.WriteString(w, `{"message_status":"processed"}`)
	}))
	defer srv.Close()
	p := bench.Publisher{API: srv.URL, Connections: 1}
	answers, _, err := p.Publish(t.Context(), posts)
	if err == nil {
		t.Fatal("no error")
	}
	answered := 0
	for _, a := range answers {
		if a.HTTP == 200 {
			answered++
		}
	}
	if answered != 20 {
		t.Errorf("%d answers, want 20", answered)
	}
}

package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"aleph/client"
	"aleph/message"
)

// streamNode is a node whose connections follow a script.
type streamNode struct {
	t *testing.T
	// frames are what each connection sends before it breaks; the last one stays
	// open until the client leaves.
	frames [][]string
	// list is what the list of messages answers.
	list []string

	mu     sync.Mutex
	asked  []url.Values // the query of each connection
	listed []url.Values
}

func (n *streamNode) serve() *client.Client {
	return newNode(n.t, routes{
		"GET /api/ws0/messages": n.stream,
		"GET /api/v0/messages.json": func(w http.ResponseWriter, r *http.Request) {
			n.mu.Lock()
			n.listed = append(n.listed, r.URL.Query())
			n.mu.Unlock()
			fmt.Fprintf(w, `{"messages":[%s],"next_cursor":null}`, strings.Join(n.list, ","))
		},
	})
}

func (n *streamNode) stream(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	turn := len(n.asked)
	n.asked = append(n.asked, r.URL.Query())
	n.mu.Unlock()
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		n.t.Error(err)
		return
	}
	defer conn.CloseNow()
	for _, frame := range n.frames[turn] {
		if err := conn.Write(r.Context(), websocket.MessageText, []byte(frame)); err != nil {
			return
		}
	}
	if turn < len(n.frames)-1 {
		_ = conn.Close(websocket.StatusGoingAway, "restart")
		return
	}
	<-conn.CloseRead(r.Context()).Done()
}

// watched collects texts until enough came.
func watched(t *testing.T, c *client.Client, f client.WatchFilter, enough int) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var texts []string
	for m, err := range c.Watch(ctx, f) {
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(m.Content.(*message.Post).Content))
		if len(texts) == enough {
			break
		}
	}
	return texts
}

func TestWatch(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	var raw []string
	for _, text := range []string{"a", "b", "c"} {
		_, r := signedPost(t, key, time.Now(), text)
		raw = append(raw, r)
	}
	n := &streamNode{t: t, frames: [][]string{{raw[0], raw[1], raw[1], raw[2]}}}
	got := watched(t, n.serve(), client.WatchFilter{
		MessageFilter: client.MessageFilter{Types: []message.Type{message.TypePost}, Statuses: []message.Status{message.StatusProcessed}, Ascending: true},
		History:       7,
	}, 3)
	if diff := cmp.Diff([]string{`{"text":"a"}`, `{"text":"b"}`, `{"text":"c"}`}, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(url.Values{"msgTypes": {"POST"}, "history": {"7"}}, n.asked[0]); diff != "" {
		t.Error(diff)
	}
}

// After a lost connection everything comes, and nothing twice.
func TestWatchGoesOn(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	raw := map[string]string{}
	for i, text := range []string{"a", "b", "missed", "c"} {
		_, raw[text] = signedPost(t, key, time.Now().Add(time.Duration(i)*time.Millisecond), text)
	}
	n := &streamNode{t: t, frames: [][]string{{raw["a"], raw["b"]}, {raw["b"], raw["missed"], raw["c"]}}, list: []string{raw["a"], raw["b"], raw["missed"]}}
	interrupted := 0
	got := watched(t, n.serve(), client.WatchFilter{
		History:     5,
		Interrupted: func(error, time.Duration) { interrupted++ },
	}, 4)
	if diff := cmp.Diff([]string{`{"text":"a"}`, `{"text":"b"}`, `{"text":"missed"}`, `{"text":"c"}`}, got); diff != "" {
		t.Error(diff)
	}
	if interrupted != 1 || n.asked[1].Get("history") != "0" {
		t.Errorf("interrupted %d times, second connection asks %v", interrupted, n.asked[1])
	}
	if q := n.listed[0]; !q.Has("startDate") || q.Get("sortOrder") != "1" || !q.Has("cursor") {
		t.Errorf("what was missed is asked for with %v", q)
	}
}

func TestWatchThatCannotBegin(t *testing.T) {
	t.Parallel()
	first := func(c *client.Client, f client.WatchFilter) (err error) {
		for _, err = range c.Watch(t.Context(), f) {
			break
		}
		return err
	}
	refusing := newNode(t, routes{"/": says(http.StatusUnprocessableEntity, `[{"loc":["chains"],"msg":"no such chain"}]`)})
	if err := first(refusing, client.WatchFilter{Patient: true}); !errors.Is(err, message.ErrInvalid) || !strings.Contains(err.Error(), "no such chain") {
		t.Errorf("refused: %v", err)
	}
	if err := first(refusing, client.WatchFilter{History: 200}); !errors.Is(err, message.ErrInvalid) {
		t.Errorf("history 200: %v", err)
	}
	nobody, err := client.New(client.Config{API: "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	defer nobody.Close()
	if err := first(nobody, client.WatchFilter{}); !errors.Is(err, message.ErrUnavailable) {
		t.Errorf("nobody there: %v", err)
	}
	// A patient one ends with its context, without an error.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	tries := 0
	for _, err := range nobody.Watch(ctx, client.WatchFilter{Patient: true, Interrupted: func(error, time.Duration) {
		if tries++; tries == 2 {
			cancel()
		}
	}}) {
		t.Errorf("delivered, %v", err)
	}
	if tries != 2 {
		t.Errorf("%d tries", tries)
	}
}

func TestWatchEndsWithItsContext(t *testing.T) {
	t.Parallel()
	_, raw := signedPost(t, newKey(t), time.Now(), "a")
	c := (&streamNode{t: t, frames: [][]string{{raw}}}).serve()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	for _, err := range c.Watch(ctx, client.WatchFilter{}) {
		if err != nil {
			t.Error(err)
		}
		n++
		cancel()
	}
	if n != 1 {
		t.Errorf("%d messages", n)
	}
}

func TestWatchOfNonsense(t *testing.T) {
	t.Parallel()
	_, raw := signedPost(t, newKey(t), time.Now(), "a")
	n := &streamNode{t: t, frames: [][]string{{"close cmd"}, {raw}}}
	if got := watched(t, n.serve(), client.WatchFilter{Patient: true}, 1); len(got) != 1 {
		t.Errorf("got %v", got)
	}
}

package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"aleph/account"
	"aleph/client"
	"aleph/message"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// routes are the handlers of a node that answers what a test wants.
type routes map[string]http.HandlerFunc

// newNode serves routes and returns a client for them.
func newNode(t *testing.T, r routes) *client.Client {
	t.Helper()
	mux := http.NewServeMux()
	for pattern, handler := range r {
		mux.HandleFunc(pattern, handler)
	}
	server := httptest.NewServer(mux)
	c, err := client.New(client.Config{API: server.URL + "/", Compute: server.URL, Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		server.Close()
	})
	return c
}

// says answers with one status and body.
func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

func newKey(t *testing.T) *account.Key {
	t.Helper()
	key, err := account.NewKey(message.ChainEthereum)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// signedPost returns a message and the JSON that a list shows of it.
func signedPost(t *testing.T, key *account.Key, at time.Time, text string) (*message.Message, string) {
	t.Helper()
	content, err := json.Marshal(client.PostContent{
		Address: key.Address(), Time: message.TimestampOf(at), Type: "test", Content: json.RawMessage(`{"text":"` + text + `"}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	m := &message.Message{
		Type: message.TypePost, ItemType: message.ItemInline, ItemContent: string(content), ItemHash: message.HashOf(content),
		Time: message.TimestampOf(at),
	}
	if err := account.Sign(key, m); err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return m, string(raw)
}

func TestNewChecksAddresses(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"127.0.0.1:4024", "ftp://host", "http://", "http://host?x=1", "http://host#f", "http://ho st", ":"} {
		if _, err := client.New(client.Config{API: bad}); !errors.Is(err, message.ErrInvalid) {
			t.Errorf("New(%q) = %v, want an invalid address", bad, err)
		}
	}
	c, err := client.New(client.Config{API: "https://node.example/base/", Compute: "http://host:4020/"})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.API() + " " + c.Compute(); got != "https://node.example/base http://host:4020" {
		t.Errorf("addresses are %q", got)
	}
	none, err := client.New(client.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := none.Message(t.Context(), message.HashOf(nil)); !errors.Is(err, message.ErrInvalid) {
		t.Errorf("a call without a node: %v", err)
	}
}

func TestStatusBecomesKind(t *testing.T) {
	t.Parallel()
	tests := []struct {
		status int
		want   error
	}{
		{400, message.ErrInvalid},
		{402, message.ErrForbidden},
		{403, message.ErrForbidden},
		{404, message.ErrNotFound},
		{410, message.ErrNotFound},
		{409, message.ErrConflict},
		{413, message.ErrInvalid},
		{422, message.ErrInvalid},
		{503, message.ErrUnavailable},
		{504, message.ErrUnavailable},
	}
	for _, test := range tests {
		t.Run(http.StatusText(test.status), func(t *testing.T) {
			t.Parallel()
			c := newNode(t, routes{"/": func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("X-Request-Id", "req-7")
				w.WriteHeader(test.status)
				fmt.Fprint(w, "the node's own words")
			}})
			_, err := c.Posts(t.Context(), client.PostFilter{})
			if !errors.Is(err, test.want) {
				t.Errorf("status %d is %v, want %v", test.status, err, test.want)
			}
			answer, ok := errors.AsType[*client.Error](err)
			if !ok || answer.Status != test.status || answer.RequestID != "req-7" || answer.Text != "the node's own words" {
				t.Errorf("error is %#v", answer)
			}
		})
	}
}

func TestErrorTexts(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, body, want string }{
		{"text", "404: Not Found\n", "404: Not Found"},
		{"validation", `[{"type":"int_parsing","loc":["pagination"],"msg":"want an integer"},{"loc":[],"msg":"end before start"}]`, "pagination: want an integer; end before start"},
		{"object", `{"error":"out of space"}`, "out of space"},
		{"detail", `{"detail":"no such thing"}`, "no such thing"},
		{"lines", "500 Internal Server Error\n\nServer got itself in trouble", "500 Internal Server Error Server got itself in trouble"},
		{"long", strings.Repeat("x", 9000), strings.Repeat("x", 500) + "…"},
		{"none", "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := newNode(t, routes{"/": says(http.StatusUnprocessableEntity, test.body)})
			_, err := c.Posts(t.Context(), client.PostFilter{})
			answer, ok := errors.AsType[*client.Error](err)
			if !ok || answer.Text != test.want {
				t.Errorf("text is %q, want %q", answer.Text, test.want)
			}
		})
	}
}

func TestReadsAreRepeated(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	c := newNode(t, routes{"/": func(w http.ResponseWriter, _ *http.Request) {
		switch calls.Add(1) {
		case 1:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 2:
			panic(http.ErrAbortHandler) // the connection breaks
		default:
			fmt.Fprint(w, `{"posts":[]}`)
		}
	}})
	if _, err := c.Posts(t.Context(), client.PostFilter{}); err != nil {
		t.Errorf("the third attempt answers, but: %v", err)
	}
	if n := calls.Load(); n != 3 {
		t.Errorf("%d requests, want 3", n)
	}
}

func TestWhatIsNotRepeated(t *testing.T) {
	t.Parallel()
	for _, status := range []int{404, 422, 500} {
		var calls atomic.Int32
		c := newNode(t, routes{"/": func(w http.ResponseWriter, _ *http.Request) {
			calls.Add(1)
			w.WriteHeader(status)
		}})
		if _, err := c.Posts(t.Context(), client.PostFilter{}); err == nil || calls.Load() != 1 {
			t.Errorf("status %d: %d requests, error %v", status, calls.Load(), err)
		}
	}
	var calls atomic.Int32
	c := newNode(t, routes{"/": func(http.ResponseWriter, *http.Request) {
		calls.Add(1)
		panic(http.ErrAbortHandler)
	}})
	m, _ := signedPost(t, newKey(t), time.Now(), "once")
	if _, err := c.Send(t.Context(), m, false); !errors.Is(err, message.ErrUnavailable) || calls.Load() != 1 {
		t.Errorf("a publication: %d requests, error %v", calls.Load(), err)
	}
}

func TestNobodyAnswers(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(nil)
	server.Close()
	c, err := client.New(client.Config{API: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Posts(t.Context(), client.PostFilter{})
	unreachable, ok := errors.AsType[*client.UnreachableError](err)
	if !ok || !errors.Is(err, message.ErrUnavailable) || !strings.HasPrefix(unreachable.URL, server.URL) {
		t.Errorf("error is %v", err)
	}
}

func TestDeadlines(t *testing.T) {
	t.Parallel()
	stop := make(chan struct{})
	c := newNode(t, routes{"/": func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-stop:
		case <-r.Context().Done():
		}
	}})
	defer close(stop)
	short, err := client.New(client.Config{API: c.API(), Timeout: 30 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer short.Close()
	if _, err := short.Posts(t.Context(), client.PostFilter{}); !errors.Is(err, message.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the client's own time-out: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := c.Posts(ctx, client.PostFilter{}); !errors.Is(err, message.ErrUnavailable) {
		t.Errorf("the caller's time-out: %v", err)
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	if _, err := c.Posts(gone, client.PostFilter{}); !errors.Is(err, context.Canceled) || errors.Is(err, message.ErrUnavailable) {
		t.Errorf("a caller that left: %v", err)
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "<html>", `[]`, `{"messages":[{"item_hash":"short"}]}`, `{"messages":[7]}`} {
		c := newNode(t, routes{"/": says(http.StatusOK, body)})
		if page, err := c.Messages(t.Context(), client.MessageFilter{}); err == nil {
			t.Errorf("body %q gives %v", body, page)
		}
	}
}

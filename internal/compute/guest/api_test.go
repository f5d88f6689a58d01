package guest_test

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"aleph/internal/compute/guest"
)

func request(t *testing.T, h http.Handler, method, target, body string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body)))
	return w.Code, strings.TrimSpace(w.Body.String())
}

func TestAPI(t *testing.T) {
	t.Parallel()
	var published json.RawMessage
	api := &guest.API{
		VM: "vm1", Cache: guest.NewCache(time.Now), Log: slog.New(slog.DiscardHandler),
		Fetch: func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == "/down" {
				return nil, errors.New("connection refused")
			}
			return &http.Response{
				StatusCode: http.StatusPartialContent, Header: http.Header{"Content-Type": {"text/x"}, "Set-Cookie": {"secret"}},
				Body: io.NopCloser(strings.NewReader(r.Method + " " + r.URL.RequestURI())),
			}, nil
		},
		Publish: func(_ *http.Request, path string, body json.RawMessage) (json.RawMessage, error) {
			published = body
			return json.RawMessage(`"` + path + `"`), nil
		},
	}
	h := api.Handler()
	long := strings.Repeat("x", 2<<20)
	for _, test := range []struct {
		method, target, body string
		status               int
		want                 string
	}{
		{"GET", "/cache/a", "", 404, "No such key in cache"},
		{"PUT", "/cache/a", "42", 200, "true"},
		{"GET", "/cache/a", "", 200, "42"},
		{"PUT", "/cache/ab", "43", 200, "true"},
		{"GET", "/cache/", "", 200, `["a","ab"]`},
		{"GET", "/cache/?pattern=?", "", 200, `["a"]`},
		{"GET", "/cache/?pattern=a*", "", 200, `["a","ab"]`},
		{"GET", "/cache/?pattern=a/b", "", 400, `{"error":"Invalid key"}`},
		{"GET", "/cache/?pattern=", "", 400, `{"error":"Invalid key"}`},
		{"PUT", "/cache/a-b", "", 400, `{"error":"Invalid key"}`},
		{"GET", "/cache/a%2Fb", "", 400, `{"error":"Invalid key"}`},
		{"PUT", "/cache/big", long, 413, `{"error":"a value has at most 1048576 bytes"}`},
		{"DELETE", "/cache/a", "", 200, "1"},
		{"DELETE", "/cache/a", "", 200, "0"},
		{"GET", "/properties", "", 503, `{"error":"this host has no signing connector configured"}`},
		{"POST", "/sign", "{}", 503, `{"error":"this host has no signing connector configured"}`},
		{"GET", "/api/v0/messages.json?a=b%20c", "", 206, "GET /api/v0/messages.json?a=b%20c"},
		{"OPTIONS", "/x", "", 206, "OPTIONS /x"},
		{"HEAD", "/x", "", 206, ""},
		{"GET", "/down", "", 502, `{"error":"the node did not answer"}`},
		{"POST", "/api/v0/messages", "{}", 405, "Method Not Allowed"},
		{"POST", "/api/v0/p2p/pubsub/pub", "[", 400, `{"error":"the body is not a JSON object with topic and data"}`},
		{"POST", "/api/v0/p2p/pubsub/pub", `{"topic":"T","data":{}}`, 400, `{"error":"data.item_content is not a JSON object as text"}`},
		{"POST", "/api/v0/ipfs/pubsub/pub", `{"topic":"T","data":"{\"item_content\":\"{\\\"address\\\":\\\"0x1\\\",\\\"n\\\":1}\",\"k\":2}"}`, 200, `"/api/v0/ipfs/pubsub/pub"`},
	} {
		status, body := request(t, h, test.method, test.target, test.body)
		if status != test.status || body != test.want {
			t.Errorf("%s %s: %d %s; want %d %s", test.method, test.target, status, body, test.status, test.want)
		}
	}
	want := `{"data":"{\"item_content\":\"{\\\"address\\\":\\\"VM on executor\\\",\\\"n\\\":1}\",\"k\":2}","topic":"T"}`
	if string(published) != want {
		t.Errorf("published %s\nwant      %s", published, want)
	}
	api.Publish = nil
	if status, body := request(t, h, "POST", "/api/v0/p2p/pubsub/pub", "{}"); status != 503 {
		t.Errorf("without an account: %d %s", status, body)
	}
}

func TestCacheBounds(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	c := guest.NewCache(func() time.Time { return now })
	value := make([]byte, 1<<20)
	c.Set("other", "kept", []byte("x"))
	for key := range strings.SplitSeq("abcdefghijkl", "") {
		if !c.Set("vm", key, value) {
			t.Fatalf("refused %s", key)
		}
	}
	if keys := c.Keys("vm", "*"); len(keys) != 7 || keys[len(keys)-1] != "l" {
		t.Errorf("keys of a VM with too much: %v", keys)
	}
	if _, ok := c.Get("other", "kept"); !ok {
		t.Error("a VM pushed out the value of another")
	}
	for vm := range 100 {
		for key := range 7 {
			c.Set(string(rune('A'+vm)), string(rune('a'+key)), value)
		}
	}
	total := 0
	for vm := range 100 {
		total += len(c.Keys(string(rune('A'+vm)), "*"))
	}
	if total != 63 {
		t.Errorf("%d values of 1 MiB in all", total)
	}
	c.Set("vm", "a", []byte("x"))
	now = now.Add(604801 * time.Second)
	if _, ok := c.Get("vm", "a"); ok || len(c.Keys("vm", "*")) != 0 {
		t.Error("a value outlives its week")
	}
	c.Set("vm", "a", []byte("x"))
	c.Drop("vm")
	if _, ok := c.Get("vm", "a"); ok {
		t.Error("a value outlives its VM")
	}
}

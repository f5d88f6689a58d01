package api_test

import (
	"net/http"
	"strings"
	"testing"

	"aleph/internal/node/api"
)

// TestAliases asks each alias for what its original answers. // spec ccn-http-api 1.2
func TestAliases(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, c := range [][2]string{
		{"/version", "/api/v0/version"},
		{"/api/v0/messages.json?page=2&pagination=3", "/api/v0/messages/page/2.json?pagination=3&page=7"},
		{"/api/v0/posts.json?page=2&pagination=1", "/api/v0/posts/page/2.json?pagination=1"},
		{"/api/v1/posts.json?page=2&pagination=1", "/api/v1/posts/page/2.json?pagination=1"},
		{"/api/v0/messages.json?cursor=&pagination=3", "/api/v0/messages/page/2.json?cursor=&pagination=3"},
		{"/api/v0/posts.json?cursor=&pagination=1", "/api/v0/posts/page/1.json?cursor=&pagination=1"},
		{"/api/v1/posts.json?cursor=&pagination=1", "/api/v1/posts/page/3.json?cursor=&pagination=1"},
		{"/api/v0/messages.json?msgStatuses=forgotten", "/api/v0/messages/page/1.json?msgStatuses=forgotten"},
		{"/api/v0/posts.json?hashes=x", "/api/v0/posts/page/1.json?hashes=x"},
		{"/api/v1/posts.json?cursor=e30", "/api/v1/posts/page/1.json?cursor=e30"},
		{"/api/v0/aggregates?pagination=1", "/api/v0/aggregates.json?pagination=1"},
		{"/api/v0/aggregates?cursor=&pagination=1", "/api/v0/aggregates.json?cursor=&pagination=1"},
		{"/api/v0/aggregates?pagination=0", "/api/v0/aggregates.json?pagination=0"},
		{"/api/v0/storage/by-ref/$s1", "/api/v0/storage/by-ref/$alice/$s1"},
	} {
		want, got := w.get(t, w.expand(t, c[0])), w.get(t, w.expand(t, c[1]))
		if got.StatusCode != want.StatusCode || got.body != want.body || got.Header.Get("Content-Type") != want.Header.Get("Content-Type") {
			t.Errorf("%s: %d %s\n%s: %d %s", c[0], want.StatusCode, want.body, c[1], got.StatusCode, got.body)
		}
	}
	for _, version := range []string{"v0", "v1"} {
		if r := w.get(t, "/api/"+version+"/posts/page/abc.json"); r.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: a page that is no number: %d %s", version, r.StatusCode, r.body)
		}
	}
}

// TestPathsThatAreNoText puts what no database holds in each place of each path.
func TestPathsThatAreNoText(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	for _, r := range api.Routes() {
		for _, bytes := range []string{"%00", "a%ffb"} {
			path := r.Path
			for _, p := range r.Parameters() {
				if p.In == api.InPath {
					path = strings.Replace(path, "{"+p.Name+"}", bytes, 1)
				}
			}
			if path == r.Path {
				continue
			}
			if answer := n.do(t, r.Method, path, http.NoBody); answer.StatusCode != http.StatusNotFound || answer.body != "404: Not Found" {
				t.Errorf("%s %s: %d %s", r.Method, path, answer.StatusCode, answer.body)
			}
		}
	}
}

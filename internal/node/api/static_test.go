package api_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"aleph/message"
)

// TestStaticFiles asks for the files of the status page. // spec ccn-http-api 4.2
func TestStaticFiles(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	for name, kind := range map[string]string{
		"helpers.js": "text/javascript; charset=utf-8", "aleph-logo.svg": "image/svg+xml",
		"aleph-cloud-v1.svg": "image/svg+xml", "aleph-cloud-v2.svg": "image/svg+xml",
	} {
		whole := n.get(t, "/static/"+name)
		if whole.StatusCode != http.StatusOK || whole.Header.Get("Content-Type") != kind || whole.body == "" {
			t.Fatalf("%s: %d %s", name, whole.StatusCode, whole.Header.Get("Content-Type"))
		}
		for header, want := range map[[2]string]struct {
			code int
			body string
		}{
			{"If-None-Match", whole.Header.Get("Etag")}:              {http.StatusNotModified, ""},
			{"If-None-Match", `"other"`}:                             {http.StatusOK, whole.body},
			{"If-Modified-Since", whole.Header.Get("Last-Modified")}: {http.StatusNotModified, ""},
			{"Range", "bytes=2-5"}:                                   {http.StatusPartialContent, whole.body[2:6]},
			{"Range", "bytes=999999-"}:                               {http.StatusRequestedRangeNotSatisfiable, "invalid range: failed to overlap\n"},
		} {
			r := n.get(t, "/static/"+name, header[0], header[1])
			if header[1] == "" || r.StatusCode != want.code || r.body != want.body {
				t.Errorf("%s with %s: got %d %q", name, header, r.StatusCode, r.body)
			}
		}
	}
	if script := n.get(t, "/static/helpers.js").body; !strings.Contains(script, "function isLatestRelease(") {
		t.Errorf("helpers.js has another function:\n%s", script)
	}
	for path, want := range map[string]int{
		"/static/": http.StatusForbidden, "/static": http.StatusNotFound, "/static/none.js": http.StatusNotFound,
		"/static/home.html": http.StatusNotFound, "/static/IBM_Plex_Mono/IBMPlexMono-Bold.ttf": http.StatusNotFound,
		"/static/../home.go": http.StatusNotFound,
	} {
		if r := n.get(t, path); r.StatusCode != want {
			t.Errorf("%s: got %d, want %d", path, r.StatusCode, want)
		}
	}
}

// TestHomePage looks at what the status page shows and loads, and at what it may
// load. // spec ccn-http-api 4.1
func TestHomePage(t *testing.T) {
	t.Parallel()
	n := startNode(t, func(s *settings) { s.api.Repository = "owner/name" })
	if r := n.publish(t, signed(t, key(t, "1"), message.TypePost, "TEST", 1767200000, `"type":"t","content":{}`)); r.StatusCode != http.StatusOK {
		t.Fatalf("publish: %d %s", r.StatusCode, r.body)
	}
	r := n.get(t, "/")
	if r.StatusCode != http.StatusOK || r.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("%d %s", r.StatusCode, r.Header.Get("Content-Type"))
	}
	for _, want := range []string{
		`<dd data-key="pyaleph_status_sync_messages_total">1</dd>`,
		`<dd data-key="pyaleph_status_sync_pending_messages_total">0</dd>`,
		`<dd data-key="pyaleph_status_sync_pending_txs_total">0</dd>`,
		`<dd data-key="pyaleph_status_chain_eth_last_committed_height">unknown</dd>`,
		`<div><dt>database</dt><dd class="ok">ok</dd></div>`,
		`href="https://github.com/owner/name"`, `data-repository="owner/name" hidden`,
	} {
		if !strings.Contains(r.body, want) {
			t.Errorf("the page lacks %s:\n%s", want, r.body)
		}
	}
	policy := r.Header.Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'none'; script-src 'self'; style-src 'self'; ") || strings.Contains(policy, "unsafe") ||
		!strings.HasSuffix(policy, "; connect-src 'self' https://api.github.com") {
		t.Errorf("policy: %s", policy)
	}
	// Everything that the page loads is served, and it has no script of its own,
	// which the policy would refuse.
	loads := regexp.MustCompile(`(?:src|srcset|rel="(?:icon|stylesheet)" href)="([^"]+)"`).FindAllStringSubmatch(r.body, -1)
	for _, load := range loads {
		if file := n.get(t, load[1]); file.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", load[1], file.StatusCode)
		}
	}
	if len(loads) != 5 || strings.Count(r.body, "<script") != 1 || strings.Contains(r.body, "<style") {
		t.Errorf("the page loads %v:\n%s", loads, r.body)
	}
	plain := startNode(t).get(t, "/")
	if strings.Contains(plain.body, "github") || strings.Contains(plain.Header.Get("Content-Security-Policy"), "github") {
		t.Errorf("without a repository:\n%s", plain.body)
	}
}

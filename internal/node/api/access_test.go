package api_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"aleph/message"
)

// TestRequestIDs follows a request by its id.
func TestRequestIDs(t *testing.T) {
	t.Parallel()
	n := startNode(t, func(s *settings) { s.logLevel = "debug" })
	made := regexp.MustCompile(`^[0-9a-f]{12}$`)
	for given, kept := range map[string]bool{
		"": false, "a-B_9.:": true, strings.Repeat("x", 64): true, strings.Repeat("x", 65): false,
		"two words": false, "quote\"": false, "ü": false, "a\tb": false,
	} {
		for _, path := range []string{"/version", "/none", "/api/v0/messages/x"} {
			r := n.get(t, path, "X-Request-Id", given, "Origin", "https://a.b")
			id := r.Header.Get("X-Request-Id")
			if kept && id != given || !kept && !made.MatchString(id) {
				t.Errorf("%s with %q: got %q", path, given, id)
			}
			exposed := r.Header.Get("Access-Control-Expose-Headers")
			if path != "/none" && !strings.Contains(exposed, "X-Request-Id") {
				t.Errorf("%s: scripts may read %q", path, exposed)
			}
		}
	}
	m := signed(t, key(t, "1"), message.TypePost, "TEST", 1767200000, `"type":"t","content":{}`)
	body := `{"sync":true,"message":` + envelope(t, m) + `}`
	r := n.do(t, http.MethodPost, "/api/v0/messages", strings.NewReader(body), "X-Request-Id", "follow-me")
	if r.StatusCode != http.StatusOK {
		t.Fatalf("publish: %d %s", r.StatusCode, r.body)
	}
	line := regexp.MustCompile(`level=DEBUG msg="request answered" method=POST route=publish status=200 ms=[0-9.e-]+ bytes=` +
		`[1-9][0-9]* ip=127.0.0.1 request=follow-me\n`)
	if !line.MatchString(n.log.String()) {
		t.Errorf("the request is not in the log:\n%s", n.log.String())
	}
}

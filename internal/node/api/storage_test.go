package api_test

import (
	"encoding/json"
	"net/http"
	"testing"
)

// TestRanges asks for parts of a file, also for parts that there are not.
func TestRanges(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	var stored struct {
		Hash string `json:"hash"`
	}
	if r := n.upload(t, []byte("12345678"), ""); json.Unmarshal([]byte(r.body), &stored) != nil || stored.Hash == "" {
		t.Fatalf("upload: %d %s", r.StatusCode, r.body)
	}
	for ranges, c := range map[string]struct {
		want int
		body string // of a success
		said string // Content-Range
	}{
		"":           {http.StatusOK, "12345678", ""},
		"bytes=2-3":  {http.StatusPartialContent, "34", "bytes 2-3/8"},
		"bytes=-1":   {http.StatusPartialContent, "8", "bytes 7-7/8"},
		"bytes=-0":   {http.StatusRequestedRangeNotSatisfiable, "", "bytes */8"},
		"bytes=8-":   {http.StatusRequestedRangeNotSatisfiable, "", "bytes */8"},
		"lines=1-2":  {http.StatusOK, "12345678", ""}, // RFC 9110 14.2: an unknown unit is ignored
		"bytes=0-99": {http.StatusPartialContent, "12345678", "bytes 0-7/8"},
	} {
		r := n.get(t, "/api/v0/storage/raw/"+stored.Hash, "Range", ranges)
		if r.StatusCode != c.want || (r.StatusCode < 300 && r.body != c.body) || r.Header.Get("Content-Range") != c.said {
			t.Errorf("%q: got %d %q %q, want %d %q %q", ranges, r.StatusCode, r.body, r.Header.Get("Content-Range"), c.want, c.body, c.said)
		}
	}
}

package compute_test

import (
	"strings"
	"testing"
	"time"
)

func TestCall(t *testing.T) {
	c := start(t, nil)
	hash := c.program(nil)
	for range 3 {
		begun := time.Now()
		status, body := c.get(hash, "/some/path?x=1")
		t.Log(status, body, time.Since(begun))
		if status != 200 || !strings.HasPrefix(body, "GET /some/path?x=1") {
			t.Fatal()
		}
	}
}

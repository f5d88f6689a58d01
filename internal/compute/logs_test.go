package compute_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestOldLogs starts a host that has too many logs: the oldest go, rotated
// parts included.
func TestOldLogs(t *testing.T) {
	t.Parallel()
	const kept, old = 2000, 3
	data := t.TempDir()
	logs := filepath.Join(data, "logs")
	if err := os.MkdirAll(logs, 0o700); err != nil {
		t.Fatal(err)
	}
	for i := range kept + old {
		path := filepath.Join(logs, fmt.Sprintf("%064x.jsonl", i))
		for _, p := range []string{path, path + ".1"} {
			if err := os.WriteFile(p, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		at := time.Unix(1_700_000_000+int64(i), 0)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	startIn(t, newFakeNode(t), data, nil)
	for i := range kept + old {
		path := filepath.Join(logs, fmt.Sprintf("%064x.jsonl", i))
		for _, p := range []string{path, path + ".1"} {
			if _, err := os.Stat(p); (err == nil) != (i >= old) {
				t.Errorf("log %d of %d, the oldest first: %v", i, kept+old, err)
			}
		}
	}
}

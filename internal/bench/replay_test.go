package bench_test

import (
	"errors"
	"path/filepath"
	"testing"

	"aleph/internal/bench"
	"aleph/internal/bench/corpus"
	"aleph/internal/node/store"
	"aleph/message"
)

// A corpus ends as its header says, through the queue and through the HTTP
// interface, in the same state.
func TestReplay(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "corpus.ndjson")
	mix, err := corpus.ParseMix("reject=60,late=40,copy=40,revoke=60,blocked=20,cascade=20,forgetkey=20,transfer=20,expense=20")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := corpus.Generate(t.Context(), path, corpus.Options{Messages: 1000, Seed: 2, Mix: mix}); err != nil {
		t.Fatal(err)
	}
	var hash string
	for name, r := range map[string]bench.Replay{"queue": {}, "http": {HTTP: true}} {
		r.Corpus, r.Workers, r.Database, r.Folder = path, 32, store.DefaultConfig(), t.TempDir()
		r.Progress = func(done, total int) {
			if total != 1000 {
				t.Errorf("%s: progress %d of %d", name, done, total)
			}
		}
		report, err := r.Run(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !report.AsExpected || report.Messages != 1000 {
			t.Errorf("%s: %+v\n%v", name, report.Outcomes, report.Contradictions)
		}
		if report.Via != name || report.MessagesPerSecond <= 0 || report.Memory.Peak < report.Memory.End/2 || report.Latency.P99 < report.Latency.P50 ||
			report.SignatureShare <= 0 || report.SignatureShare >= 1 || report.Database.Engine != "sqlite" || report.Database.SizeBytes < 1<<16 {
			t.Errorf("%s: %+v", name, report)
		}
		if hash == "" {
			hash = report.StateHash
		} else if hash != report.StateHash {
			t.Errorf("states %s and %s differ", hash, report.StateHash)
		}
		// The database is not empty any more.
		if _, err := r.Run(t.Context()); !errors.Is(err, message.ErrConflict) {
			t.Errorf("%s again: %v", name, err)
		}
		r.Resume = true
		again, err := r.Run(t.Context())
		if err != nil || again.StateHash != hash {
			t.Errorf("%s resumed: %v %+v, want state %s", name, err, again, hash)
		}
	}
}

package state_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aleph/internal/bench"
	"aleph/internal/bench/corpus"
	"aleph/internal/node/store"
)

// orders is how many random orders are tried: `go test ./test/state -run
// TestOrder -args -orders 200` is the long run.
var orders = flag.Int("orders", 20, "random orders that TestOrderDoesNotMatter tries")

// ordersPerCorpus is how many orders of one corpus are tried before the next.
const ordersPerCorpus = 10

// lively is a mix in which messages refer to each other more than usual.
const lively = "post=120,amend=110,aggregate=110,store=80,revision=60,program=35,instance=20,vprogram=10,forget=110," +
	"delegated=40,storage=40,late=60,copy=70,reject=50"

// TestOrderDoesNotMatter replays corpora in random orders: with copies, content
// after the messages that need it, and FORGETs before their targets. Every order
// must end in the same state, and every message as the corpus expects.
func TestOrderDoesNotMatter(t *testing.T) {
	t.Parallel()
	for seed := range (*orders + ordersPerCorpus - 1) / ordersPerCorpus {
		t.Run(fmt.Sprint("corpus ", seed), func(t *testing.T) {
			t.Parallel()
			path := generate(t, corpus.Options{Messages: 400, Seed: uint64(seed), OrderFree: true}, lively)
			want := replay(t, bench.Replay{Corpus: path})
			for order := range min(*orders-seed*ordersPerCorpus, ordersPerCorpus) {
				shuffled := shuffle(t, path, rand.New(rand.NewPCG(uint64(seed), uint64(order))))
				same(t, fmt.Sprintf("corpus %d in order %d", seed, order), want, replay(t, bench.Replay{Corpus: shuffled}))
			}
		})
	}
}

// generate makes a corpus of the given mix.
func generate(t *testing.T, opts corpus.Options, mix string) string {
	t.Helper()
	var err error
	if opts.Mix, err = corpus.ParseMix(mix); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "corpus.ndjson")
	if _, err := corpus.Generate(t.Context(), path, opts); err != nil {
		t.Fatal(err)
	}
	return path
}

// replay feeds a corpus to a fresh node and checks that every message ends as
// expected.
func replay(t *testing.T, r bench.Replay) *bench.ReplayReport {
	t.Helper()
	if r.Database.URL == "" && r.Database.Path == "" {
		r.Database = store.DefaultConfig()
	}
	r.Folder, r.Workers = t.TempDir(), 64
	report, err := r.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !report.AsExpected {
		t.Errorf("%s: outcomes %+v\n%s", r.Corpus, report.Outcomes, strings.Join(report.Contradictions, "\n"))
	}
	return report
}

// same compares two states, table by table.
func same(t *testing.T, what string, want, got *bench.ReplayReport) {
	t.Helper()
	if want.StateHash == got.StateHash {
		return
	}
	for i, table := range want.Tables {
		if got.Tables[i] != table {
			t.Errorf("%s: table %s differs: %d rows %s, want %d rows %s", what, table.Name,
				got.Tables[i].Rows, got.Tables[i].Digest, table.Rows, table.Digest)
		}
	}
}

// shuffle writes a corpus whose lines after the last barrier stand in a random
// order.
func shuffle(t *testing.T, path string, r *rand.Rand) string {
	t.Helper()
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	in, err := corpus.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	var lines [][]byte
	first := 0 // after the last barrier
	for {
		raw, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if lines = append(lines, raw); corpus.IsBarrier(raw) {
			first = len(lines)
		}
	}
	header := whole[:len(whole)-len(bytes.Join(lines, nil))]
	free := lines[first:]
	r.Shuffle(len(free), func(i, j int) { free[i], free[j] = free[j], free[i] })
	out := filepath.Join(t.TempDir(), "shuffled.ndjson")
	if err := os.WriteFile(out, append(bytes.Clone(header), bytes.Join(lines, nil)...), 0o600); err != nil {
		t.Fatal(err)
	}
	return out
}

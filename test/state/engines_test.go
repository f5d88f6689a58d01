package state_test

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aleph/internal/bench"
	"aleph/internal/bench/corpus"
	"aleph/internal/node/store"
	"aleph/test/postgres"
)

// rounds is how many corpora are replayed on both engines.
var rounds = flag.Int("rounds", 3, "corpora that TestEnginesAgree replays on both engines")

// databases are those of PostgreSQL. TestMain starts and ends their server.
var databases = postgres.NewDatabases(postgres.Options{Volatile: true}, nil)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	flag.Parse()
	if err := databases.Start(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := databases.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// everything is a mix with every kind, those whose outcome depends on order too:
// a replay keeps to the order where it matters.
const everything = "post=150,amend=100,aggregate=120,store=80,revision=40,program=40,instance=25,vprogram=15,forget=80,delegated=40," +
	"storage=40,late=50,copy=50,reject=60,revoke=80,blocked=30,cascade=40,forgetkey=30,balances=15,grant=15,expense=20,transfer=20"

// TestEnginesAgree replays random corpora on SQLite and on PostgreSQL. Both must
// end in the same state and answer random queries alike.
func TestEnginesAgree(t *testing.T) {
	t.Parallel()
	for round := range *rounds {
		t.Run(fmt.Sprint("corpus ", round), func(t *testing.T) {
			t.Parallel()
			path := generate(t, corpus.Options{Messages: 700, Seed: uint64(1000 + round)}, everything)
			lite, postgres := store.DefaultConfig(), store.DefaultConfig()
			lite.Path = filepath.Join(t.TempDir(), "node.db")
			postgres.URL = databases.New(t)
			want := replay(t, bench.Replay{Corpus: path, Database: lite})
			got := replay(t, bench.Replay{Corpus: path, Database: postgres})
			if want.Database.Engine != "sqlite" || got.Database.Engine != "postgresql" {
				t.Errorf("replayed on %s and %s", want.Database.Engine, got.Database.Engine)
			}
			same(t, "PostgreSQL", want, got)
			compareAnswers(t, uint64(round), opened(t, lite), opened(t, postgres))
		})
	}
}

func opened(t *testing.T, cfg store.Config) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// questions is how many random queries are asked.
const questions = 400

// compareAnswers asks both databases the same random questions.
func compareAnswers(t *testing.T, seed uint64, one, other *store.DB) {
	t.Helper()
	vocabulary := wordsOf(t, one)
	if diff := cmp.Diff(vocabulary, wordsOf(t, other)); diff != "" {
		t.Fatalf("the messages differ:\n%s", diff)
	}
	answered := map[string]int{}
	for i := range uint64(questions) {
		ask := newQuestion(rand.New(rand.NewPCG(seed, i)), vocabulary)
		want, err := ask.of(t.Context(), one)
		if err != nil {
			t.Fatalf("%s: %v", ask.name, err)
		}
		got, err := ask.of(t.Context(), other)
		if err != nil {
			t.Fatalf("%s: %v", ask.name, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: the answers differ:\n%s", ask.name, diff)
		}
		if len(want) > 1 {
			answered[ask.kind]++
		}
	}
	for _, kind := range questionKinds() {
		if answered[kind] == 0 {
			t.Errorf("no question about %s had an answer", kind)
		}
	}
}

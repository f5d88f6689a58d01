package script_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// writeFixture is set once for each issue that changes the schema, when it is
// finished:
//
//	go test ./test/script -run TestFixtures -fixture issue-3
var writeFixture = flag.String("fixture", "", "write the databases of the present schema under this name; needs sqlite3 and pg_dump")

const fixtures = "../../internal/node/store/testdata/fixtures/"

// fixtureCorpus is what the nodes that leave fixtures behind are told.
var fixtureCorpus = []string{
	"--messages", "100", "--seed", "3",
	"--mix", "post=100,amend=60,aggregate=60,store=100,revision=60,program=60,instance=60,vprogram=40,forget=80,delegated=40,storage=40,reject=60,balances=20,grant=20,expense=20,transfer=20",
}

// TestFixtures opens the databases that nodes of finished issues have made of a
// corpus, brings them forward, and compares with what a node of today makes of it.
func TestFixtures(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("aleph")
	if err != nil {
		t.Fatal(err)
	}
	all := engines(t)
	if *writeFixture != "" {
		for _, engine := range all {
			dumpFixture(t, program, engine, fixtures+*writeFixture)
		}
	}
	corpora, err := filepath.Glob(fixtures + "*.corpus")
	if err != nil || len(corpora) == 0 {
		t.Fatalf("no corpora: %v", err)
	}
	for _, corpus := range corpora {
		for _, engine := range all {
			name := engine.New(t)
			loadFixture(t, engine, strings.TrimSuffix(corpus, ".corpus"), name)
			run(t, program, nil, "db", "migrate", "--database", name)
			run(t, program, nil, "db", "check", "--database", name)
			replayed := hashIn(t, run(t, program, nil, "bench", "ingest", "--corpus", corpus, "--database", engine.New(t), "--json"))
			migrated := hashIn(t, run(t, program, nil, "db", "stats", "--hash", "--database", name, "--json"))
			if migrated != replayed {
				t.Errorf("%s on %s: migrated %s, replayed %s", corpus, engine.name, migrated, replayed)
			}
		}
	}
}

func hashIn(t *testing.T, out []byte) string {
	t.Helper()
	var value struct {
		StateHash string `json:"state_hash"`
	}
	if err := json.Unmarshal(out, &value); err != nil || value.StateHash == "" {
		t.Fatalf("no state hash in %s: %v", out, err)
	}
	return value.StateHash
}

// dumpFixture writes the corpus, and the database that a node makes of it, as
// text.
func dumpFixture(t *testing.T, program string, engine engineOf, path string) {
	t.Helper()
	corpus := path + ".corpus"
	run(t, program, nil, append([]string{"bench", "generate", "--out", corpus}, fixtureCorpus...)...)
	name := engine.New(t)
	run(t, program, nil, "bench", "ingest", "--corpus", corpus, "--database", name)
	dump := exec.CommandContext(t.Context(), "sqlite3", name, ".dump")
	if engine.name == "postgres" {
		dump = exec.CommandContext(t.Context(), "pg_dump", "--inserts", "--no-owner", "--no-privileges", name)
	}
	text, err := dump.Output()
	if err != nil {
		t.Fatalf("%s: %v", dump, err)
	}
	var kept bytes.Buffer
	for line := range strings.Lines(string(text)) {
		// Commands of psql, and statistics.
		if !strings.HasPrefix(line, `\`) && !strings.HasPrefix(line, "-- Dumped") && !strings.HasPrefix(line, "INSERT INTO sqlite_stat1") {
			kept.WriteString(line)
		}
	}
	if err := os.WriteFile(path+"."+engine.name+".sql", kept.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// loadFixture fills a database from a dump.
func loadFixture(t *testing.T, engine engineOf, path, name string) {
	t.Helper()
	text, err := os.ReadFile(path + "." + engine.name + ".sql")
	if err != nil {
		t.Fatal(err)
	}
	if err := engine.exec(t, name, string(text)); err != nil {
		t.Fatal(err)
	}
}

package store

import (
	"database/sql"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aleph/message"
)

// TestSchemasOfFinishedIssues opens the databases that finished issues left
// behind and looks for what they held.
func TestSchemasOfFinishedIssues(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/fixtures/*.sqlite.sql")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".sqlite.sql"), func(t *testing.T) {
			t.Parallel()
			cfg := DefaultConfig()
			cfg.Path = filepath.Join(t.TempDir(), "node.db")
			before := loadDump(t, path, cfg.Path)
			db, err := Open(t.Context(), cfg, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = db.Close() })
			if found, err := db.Inconsistencies(t.Context()); err != nil || len(found) > 0 {
				t.Errorf("after the migration: %v %v", found, err)
			}
			after := map[string]int64{}
			for name := range before {
				if after[name], err = db.countRows(t.Context(), &table{name: name}); err != nil {
					t.Fatal(err)
				}
			}
			for name, n := range migrated()[strings.TrimSuffix(filepath.Base(path), ".sqlite.sql")] {
				before[name] += n
			}
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("rows before and after (-before +after):\n%s", diff)
			}
		})
	}
}

// migrated counts, by fixture and table, the rows that migrations add, and with
// a minus those that they remove because the program that wrote them should have.
func migrated() map[string]map[string]int64 {
	return map[string]map[string]int64{
		"issue-2": {"rejected_messages": -1}, // of a message that was processed afterwards
		"issue-3": {"list_counts": 74},       // what each sender used
	}
}

// TestStateOfIssue2 reads what a node of issue 2 wrote.
func TestStateOfIssue2(t *testing.T) {
	t.Parallel()
	cfg := DefaultConfig()
	cfg.Path = filepath.Join(t.TempDir(), "node.db")
	loadDump(t, "testdata/fixtures/issue-2.sqlite.sql", cfg.Path)
	db, err := Open(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	const alice = "0x8fa7De588b149EFa9F1FdBe307921842F27B37C7"
	for filter, want := range map[CountFilter]int64{
		{Status: message.StatusProcessed}:                                               28,
		{Status: message.StatusProcessed, Type: message.TypePost}:                       9,
		{Status: message.StatusProcessed, Type: message.TypeProgram}:                    2,
		{Status: message.StatusProcessed, Sender: alice, Type: message.TypeVProgram}:    1,
		{Status: message.StatusProcessed, Owner: alice}:                                 17,
		{Status: message.StatusProcessed, Sender: alice, Type: message.TypeAggregate}:   4,
		{Status: message.StatusProcessed, Sender: "0xNobody", Type: message.TypeForget}: 0,
	} {
		if got, err := db.Count(t.Context(), filter); err != nil || got != want {
			t.Errorf("%+v: got %d %v, want %d", filter, got, err, want)
		}
	}
	content, err := db.AggregateContent(t.Context(), AggregateKey{Owner: alice, Key: "profile"})
	const profile = `{"":"empty name","bio":"third","extra":[1,{"a":null}],"helper":"dave","n":12345678901234567000,"name":"Alice"}`
	if err != nil || string(content) != profile {
		t.Errorf("aggregate: %s %v", content, err)
	}
	if n, err := db.CountPending(t.Context()); err != nil || n != 5 {
		t.Errorf("%d messages wait: %v", n, err)
	}
}

// loadDump makes a SQLite database of a dump and counts the rows of its tables.
func loadDump(t *testing.T, dump, path string) map[string]int64 {
	t.Helper()
	text, err := os.ReadFile(dump)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := sql.Open(driverName, path)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	raw.SetMaxOpenConns(1)
	if _, err := raw.ExecContext(t.Context(), string(text)); err != nil {
		t.Fatalf("%s: %v", dump, err)
	}
	e := &sqlite{cfg: Config{Path: path}}
	reader := Reader{q: &pool{engine: e, db: raw}}
	list, err := tables(t.Context(), e, reader.q)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int64{}
	for i := range list {
		if counts[list[i].name], err = reader.countRows(t.Context(), &list[i]); err != nil {
			t.Fatal(err)
		}
	}
	return counts
}

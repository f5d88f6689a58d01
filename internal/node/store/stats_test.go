package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aleph/message"
)

func unreported(int64, int64) {}

// imported returns a database that holds what a node of issue 2 wrote.
func imported(t *testing.T, cfg Config) {
	t.Helper()
	if _, err := Import(t.Context(), cfg, bytes.NewReader(issue2(t)), quiet, nil); err != nil {
		t.Fatal(err)
	}
}

func TestStats(t *testing.T) {
	t.Parallel()
	cfg := TestConfig(t)
	imported(t, cfg)
	s, err := ReadStats(t.Context(), cfg, unreported)
	if err != nil {
		t.Fatal(err)
	}
	byType := map[message.Type]int64{"POST": 9, "AGGREGATE": 6, "STORE": 5, "PROGRAM": 2, "INSTANCE": 1, "V-PROGRAM": 1, "FORGET": 4}
	if diff := cmp.Diff(byType, s.Messages.ByType); diff != "" {
		t.Errorf("by type:\n%s", diff)
	}
	byChain := map[message.Chain]int64{"ETH": 26, "SOL": 1, "TEZOS": 1}
	if diff := cmp.Diff(byChain, s.Messages.ByChain); diff != "" || s.Messages.ByStatus[message.StatusProcessed] != 28 {
		t.Errorf("by status %v, by chain:\n%s", s.Messages.ByStatus, diff)
	}
	if s.Files != (FileStats{6, 259}) {
		t.Errorf("files: %+v", s.Files)
	}
	var letters int64
	for _, l := range s.Letters {
		letters += l.Total
	}
	if letters != 16 {
		t.Errorf("letters: %+v", s.Letters)
	}
	var sum int64
	for _, table := range s.Tables {
		sum += table.Bytes
		if table.Name == "messages" && (table.Rows != 28 || table.Bytes < 8192 || len(table.Indexes) < 10) {
			t.Errorf("got %+v", table)
		}
		for _, index := range table.Indexes {
			sum += index.Bytes
		}
	}
	if sum > s.Bytes || s.Schema < 3 || s.Database == "" || strings.Contains(s.Database, "secret") {
		t.Errorf("%d bytes in tables, got %+v", sum, s)
	}
}

// TestPagesAddUp compares the pages of all trees with those of the file.
func TestPagesAddUp(t *testing.T) {
	t.Parallel()
	cfg := DefaultConfig()
	cfg.Path = filepath.Join(t.TempDir(), "node.db")
	imported(t, cfg)
	db := openDB(t, cfg)
	err := db.Update(t.Context(), func(tx *Tx) error {
		for i := range 3000 {
			if err := tx.InsertMessage(row(fmt.Sprint(i), strings.Repeat("y", i*7))); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{`PRAGMA wal_checkpoint(TRUNCATE)`, `VACUUM`, `PRAGMA wal_checkpoint(TRUNCATE)`} {
		if _, err := db.writer.session.(*sqliteSession).conn.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	var pages, size int64
	for text, into := range map[string]*int64{`PRAGMA page_count`: &pages, `PRAGMA page_size`: &size} {
		if err := db.pool.db.QueryRowContext(t.Context(), text).Scan(into); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	e := &sqlite{cfg: cfg}
	list, bytes, err := e.sizes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	sum := size // of the tree of the schema, at least
	for _, s := range list {
		sum += s.bytes
	}
	// The schema has a few pages more; nothing else is in the file.
	if info, err := os.Stat(cfg.Path); err != nil || bytes < info.Size() || sum > pages*size || sum < (pages-12)*size {
		t.Errorf("the trees have %d bytes, the file %d pages of %d: %v", sum, pages, size, err)
	}
}

func TestExamine(t *testing.T) {
	t.Parallel()
	cfg := TestConfig(t)
	imported(t, cfg)
	if found, err := Examine(t.Context(), cfg, unreported); err != nil || len(found) != 1 || !strings.HasPrefix(found[0], "tag that points elsewhere") {
		t.Fatalf("got %q %v", found, err)
	}
}

// TestReadersChangeNothing looks at databases that are not there, or hold
// nothing.
func TestReadersChangeNothing(t *testing.T) {
	t.Parallel()
	file := DefaultConfig()
	file.Path = filepath.Join(t.TempDir(), "none", "node.db")
	empty := DefaultConfig()
	empty.Path = filepath.Join(t.TempDir(), "empty.db")
	if err := os.WriteFile(empty.Path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, cfg := range []Config{file, empty} {
		for what, do := range map[string]func() error{
			"stats":   func() error { _, err := ReadStats(t.Context(), cfg, unreported); return err },
			"examine": func() error { _, err := Examine(t.Context(), cfg, unreported); return err },
			"read":    func() error { return Reading(t.Context(), cfg, func(*DB, Reader) error { return nil }) },
		} {
			if err := do(); !errors.Is(err, message.ErrNotFound) {
				t.Errorf("%s of %s: %v", what, cfg.Path, err)
			}
		}
	}
	if s, err := ReadSchema(t.Context(), empty); err != nil || s.Version != 0 || len(s.Due) < 3 {
		t.Errorf("schema: %+v %v", s, err)
	}
	if _, err := ReadSchema(t.Context(), file); !errors.Is(err, message.ErrNotFound) {
		t.Errorf("schema: %v", err)
	}
	if _, err := os.Stat(filepath.Dir(file.Path)); !errors.Is(err, os.ErrNotExist) {
		t.Error("a folder was made")
	}
}

func TestCopy(t *testing.T) {
	t.Parallel()
	from := DefaultConfig()
	from.Path = filepath.Join(t.TempDir(), "node.db")
	imported(t, from)
	to := TestConfig(t)
	source := openDB(t, from) // as a node that runs
	copied, err := source.Copy(t.Context(), to, quiet, unreported)
	if err != nil {
		t.Fatal(err)
	}
	digest, err := source.StateHash(t.Context())
	if err != nil || digest.Hash != copied.StateHash || copied.Tables["messages"] != 28 {
		t.Errorf("copied %+v, want %s %v", copied, digest.Hash, err)
	}
	if _, err := source.Copy(t.Context(), to, quiet, nil); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("copied twice: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := source.Copy(ctx, TestConfig(t), quiet, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

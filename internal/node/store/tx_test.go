package store

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aleph/message"
)

func openTest(t *testing.T, fault func(string) error) *DB {
	t.Helper()
	cfg := TestConfig(t)
	cfg.Fault = fault
	return openConfig(t, cfg)
}

func openConfig(t *testing.T, cfg Config) *DB {
	t.Helper()
	db, err := Open(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for range 2 { // Close may be called twice
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	return db
}

func row(name, text string) *MessageRow {
	return &MessageRow{
		Message: message.Message{
			ItemHash: message.HashOf([]byte(name)), Type: message.TypePost, Chain: message.ChainEthereum, Sender: "0xA",
			ItemType: message.ItemInline, ItemContent: text, Signature: "0x1",
		},
		Status: message.StatusProcessed, Owner: "0xA", Size: int64(len(text)), Tags: []string{"x", "y"},
	}
}

// count returns the kept and the real number of messages.
func count(t *testing.T, db *DB) (kept, real int64) {
	t.Helper()
	kept, err := db.Count(t.Context(), CountFilter{Status: message.StatusProcessed})
	if err != nil {
		t.Fatal(err)
	}
	rows, err := db.q.query(t.Context(), "", `SELECT COUNT(*) FROM messages`)
	real, err = one(rows, err, column[int64])
	if err != nil {
		t.Fatal(err)
	}
	return kept, real
}

func TestReadersSeeWhatIsCommitted(t *testing.T) {
	t.Parallel()
	db := openTest(t, nil)
	m := row("one", "{}")
	err := db.Update(t.Context(), func(tx *Tx) error {
		if err := tx.InsertMessage(m); err != nil {
			return err
		}
		if _, err := tx.Message(t.Context(), m.Message.ItemHash); err != nil {
			t.Errorf("inside: %v", err)
		}
		if _, err := db.Message(t.Context(), m.Message.ItemHash); !errors.Is(err, message.ErrNotFound) {
			t.Errorf("outside, before the commit: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := db.Message(t.Context(), m.Message.ItemHash)
	if err != nil || len(got.Tags) != 2 || string(got.Content()) != "{}" || got.Message.Channel != nil {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestFailureTakesEverythingBack(t *testing.T) {
	t.Parallel()
	var broken string
	db := openTest(t, func(name string) error {
		if name == broken {
			return errors.New("injected")
		}
		return nil
	})
	for _, broken = range []string{"message.insert", "message.tag", "count.add", "commit", "begin"} {
		err := db.Update(t.Context(), func(tx *Tx) error { return tx.InsertMessage(row("one", "{}")) })
		if err == nil || !strings.HasPrefix(err.Error(), broken+": ") {
			t.Errorf("%s: got %v", broken, err)
		}
		if kept, real := count(t, db); kept != 0 || real != 0 {
			t.Errorf("%s: %d messages are left, %d counted", broken, real, kept)
		}
	}
	broken = ""
	if err := db.Update(t.Context(), func(tx *Tx) error { return tx.InsertMessage(row("one", "{}")) }); err != nil {
		t.Error(err)
	}
}

func TestNestedTakesBackItselfOnly(t *testing.T) {
	t.Parallel()
	db := openTest(t, nil)
	refused := errors.New("refused")
	err := db.Update(t.Context(), func(tx *Tx) error {
		for i, name := range []string{"a", "b", "c"} {
			err := tx.Nested(func() error {
				if err := tx.InsertMessage(row(name, "{}")); err != nil {
					return err
				}
				if i == 1 {
					return refused
				}
				return nil
			})
			if (i == 1) != errors.Is(err, refused) {
				t.Errorf("message %s: %v", name, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if kept, real := count(t, db); kept != 2 || real != 2 {
		t.Errorf("%d messages, %d counted", real, kept)
	}
}

// TestCommitAfterAnyNumber commits as many statements as travel together, and a
// few fewer and more: begin and commit are among them.
func TestCommitAfterAnyNumber(t *testing.T) {
	t.Parallel()
	db := openTest(t, nil)
	for n := parcel - 3; n <= parcel+2; n++ {
		err := db.Update(t.Context(), func(tx *Tx) error {
			for i := range n {
				if err := tx.exec("check", sqlCheck, int64(i)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Errorf("%d statements: %v", n, err)
		}
	}
}

// TestFullDisk lets SQLite itself run out of pages.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	cfg := DefaultConfig()
	cfg.Path = filepath.Join(t.TempDir(), "node.db")
	db := openConfig(t, cfg)
	limit := func(pages string) {
		if _, err := db.writer.session.(*sqliteSession).conn.ExecContext(t.Context(), "PRAGMA max_page_count = "+pages); err != nil {
			t.Fatal(err)
		}
	}
	limit("1")
	big := row("big", `{"x":"`+strings.Repeat("y", 1<<20)+`"}`)
	insert := func(tx *Tx) error { return tx.InsertMessage(big) }
	err := db.Update(t.Context(), insert)
	if !errors.Is(err, ErrFull) || !errors.Is(err, message.ErrUnavailable) {
		t.Fatalf("got %v, want a full disk", err)
	}
	limit("1000000")
	if err := db.Update(t.Context(), insert); err != nil {
		t.Errorf("with space again: %v", err)
	}
}

func TestUpdateIsRefusedWhenOver(t *testing.T) {
	t.Parallel()
	db := openTest(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := db.Check(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := db.Check(t.Context()); err == nil {
		t.Error("a closed database is written")
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	log := slog.New(slog.DiscardHandler)
	cfg := DefaultConfig()
	if _, err := Open(t.Context(), cfg, log); err == nil {
		t.Error("no path is accepted")
	}
	cfg.Path = t.TempDir() // a folder
	if _, err := Open(t.Context(), cfg, log); err == nil || !strings.Contains(err.Error(), cfg.Path) {
		t.Errorf("a folder: %v", err)
	}
	if db, err := Open(t.Context(), cfg, log); errors.Is(err, ErrDamaged) {
		t.Errorf("a folder is called damaged: %v, %v", db, err)
	}
	cfg.Path = filepath.Join(t.TempDir(), "odd name?#%20;", "x.db")
	db, err := Open(t.Context(), cfg, log)
	if err != nil {
		t.Fatalf("an odd path: %v", err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	if matches, err := filepath.Glob(filepath.Join(filepath.Dir(cfg.Path), "x.db")); err != nil || len(matches) != 1 {
		t.Errorf("the database is elsewhere: %v %v", matches, err)
	}
}

// TestOpenDamaged opens files that are no longer databases.
func TestOpenDamaged(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(t *testing.T, path string, content []byte){
		"no database": func(t *testing.T, path string, _ []byte) {
			t.Helper()
			overwrite(t, path, []byte(strings.Repeat("x", 5000)))
		},
		"cut": func(t *testing.T, path string, content []byte) { t.Helper(); overwrite(t, path, content[:8192]) },
		"schema": func(t *testing.T, path string, content []byte) {
			t.Helper()
			for i := 4096; i < 40960; i++ {
				content[i] = byte(i * 31)
			}
			overwrite(t, path, content)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := DefaultConfig()
			cfg.Path = filepath.Join(t.TempDir(), "node.db")
			db, err := Open(t.Context(), cfg, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			content, err := os.ReadFile(cfg.Path)
			if err != nil {
				t.Fatal(err)
			}
			damage(t, cfg.Path, content)
			if _, err := Open(t.Context(), cfg, slog.New(slog.DiscardHandler)); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), cfg.Path) {
				t.Errorf("opened a damaged file: %v", err)
			}
		})
	}
}

func overwrite(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

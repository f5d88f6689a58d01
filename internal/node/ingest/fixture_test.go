package ingest_test

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"aleph/internal/node/ingest"
	"aleph/internal/node/store"
	"aleph/message"
)

// fixtureEvent is a line of what a node was told that left a fixture behind; the
// README beside the fixtures describes it.
type fixtureEvent struct {
	Name    string          `json:"name"`
	Message json.RawMessage `json:"message"`
	Status  message.Status  `json:"status"`
	File    *string         `json:"file"`
	Upload  *string         `json:"upload"`
	Sleep   string          `json:"sleep"`
	Expire  bool            `json:"expire"`
}

const fixtures = "../store/testdata/fixtures/"

// TestMigratedStateIsThatOfAReplay tells a node of today what a node of an
// earlier issue was told, and compares with what migrations make of the database
// of that time.
func TestMigratedStateIsThatOfAReplay(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"issue-2"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			events := readEvents(t, fixtures+name+".ndjson")
			migrated := migratedState(t, fixtures+name+".sqlite.sql")
			var replayed *store.StateDigest
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(time.Unix(epoch+100, 0)))
				n := start(t, onFile(filepath.Join(t.TempDir(), "node.db")))
				replay(t, n, events)
				replayed = digest(t, n.db)
				n.stop()
			})
			if diff := cmp.Diff(migrated, replayed); diff != "" {
				t.Errorf("(-migrated +replayed):\n%s", diff)
			}
		})
	}
}

// onFile makes a node use a SQLite file, whichever engine the suite runs on.
func onFile(path string) option {
	return func(_ *ingest.Config, cfg *store.Config, _ *ingest.Deps) { cfg.Path, cfg.URL = path, "" }
}

func digest(t *testing.T, db *store.DB) *store.StateDigest {
	t.Helper()
	d, err := db.StateHash(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func readEvents(t *testing.T, path string) (events []fixtureEvent) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e fixtureEvent
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return events
}

// migratedState loads a dump into a file and opens it.
func migratedState(t *testing.T, dump string) *store.StateDigest {
	t.Helper()
	text, err := os.ReadFile(dump)
	if err != nil {
		t.Fatal(err)
	}
	cfg := store.DefaultConfig()
	cfg.Path = filepath.Join(t.TempDir(), "node.db")
	driver := slices.IndexFunc(sql.Drivers(), func(name string) bool { return strings.HasPrefix(name, "sqlite") })
	raw, err := sql.Open(sql.Drivers()[driver], cfg.Path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := raw.ExecContext(t.Context(), string(text)); err != nil {
		t.Fatal(err)
	}
	if err := raw.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return digest(t, db)
}

func replay(t *testing.T, n *testNode, events []fixtureEvent) {
	t.Helper()
	ctx := context.Background()
	for _, e := range events {
		switch {
		case e.Message != nil:
			m, err := message.ParseEnvelope(e.Message)
			if err != nil {
				t.Fatalf("%s: %v", e.Name, err)
			}
			if res := n.put(t, m); res.Status != e.Status {
				t.Errorf("%s was %s and is %s: %v", e.Name, e.Status, res.Status, res.Rejection)
			}
		case e.File != nil:
			if err := n.Wake(ctx, n.file(t, *e.File)); err != nil {
				t.Fatal(err)
			}
		case e.Upload != nil:
			if err := n.Upload(ctx, n.file(t, *e.Upload), int64(len(*e.Upload))); err != nil {
				t.Fatal(err)
			}
		case e.Sleep != "":
			d, err := time.ParseDuration(e.Sleep)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(d)
		case e.Expire:
			err := n.db.Update(ctx, func(tx *store.Tx) error {
				_, err := tx.ExpireGrace(message.TimestampOf(time.Now().Add(25*time.Hour)), 100)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		default:
			t.Fatalf("an event that does nothing: %+v", e)
		}
		synctest.Wait()
	}
}

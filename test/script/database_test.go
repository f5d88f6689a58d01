package script_test

import (
	"bytes"
	"database/sql"
	"errors"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"aleph/internal/node/store"
	"aleph/test/postgres"
)

var quiet = slog.New(slog.DiscardHandler)

// engineOf makes databases of one engine. What New returns is given to
// --database; nothing is there yet.
type engineOf struct {
	name string
	New  func(t testing.TB) string
	// exec runs statements in a database.
	exec func(t testing.TB, name, statements string) error
}

// engines starts what the engines need.
func engines(t *testing.T) []engineOf {
	t.Helper()
	databases := postgres.NewDatabases(postgres.Options{Volatile: true}, nil)
	t.Cleanup(func() {
		if err := databases.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := databases.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	file := func(t testing.TB) string {
		t.Helper()
		path := filepath.Join(t.TempDir(), "node.db")
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return []engineOf{{"sqlite", file, execFile}, {"postgres", databases.New, func(t testing.TB, name, statements string) error {
		t.Helper()
		u, err := url.Parse(name)
		if err != nil {
			return err
		}
		return databases.Server().Exec(t.Context(), strings.TrimPrefix(u.Path, "/"), statements)
	}}}
}

// execFile runs statements in a SQLite file. Which driver is linked depends on
// how the program is built.
func execFile(t testing.TB, path, statements string) error {
	t.Helper()
	driver := slices.IndexFunc(sql.Drivers(), func(name string) bool { return strings.HasPrefix(name, "sqlite") })
	db, err := sql.Open(sql.Drivers()[driver], path)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(t.Context(), statements)
	return errors.Join(err, db.Close())
}

// configOf returns the settings of a database by its name.
func configOf(name string) store.Config {
	cfg := store.DefaultConfig()
	if cfg.Path = name; strings.HasPrefix(name, "postgres://") {
		cfg.Path, cfg.URL = "", name
	}
	return cfg
}

// issue2 fills a database with what a node of issue 2 wrote, brought forward.
func issue2(t testing.TB, name string) {
	t.Helper()
	text, err := os.ReadFile("../../internal/node/store/testdata/fixtures/issue-2.sqlite.sql")
	if err != nil {
		t.Fatal(err)
	}
	old := configOf(filepath.Join(t.TempDir(), "old.db"))
	if err := execFile(t, old.Path, string(text)); err != nil {
		t.Fatal(err)
	}
	var export bytes.Buffer
	db := openStore(t, old)
	_, err = db.Export(t.Context(), &export, nil)
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Import(t.Context(), configOf(name), &export, quiet, nil); err != nil {
		t.Fatal(err)
	}
}

func openStore(t testing.TB, cfg store.Config) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), cfg, quiet)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// TestDatabase runs the scripts about databases once for each engine, with
// databases of their own.
func TestDatabase(t *testing.T) {
	t.Parallel()
	for _, engine := range engines(t) {
		t.Run(engine.name, func(t *testing.T) {
			for _, script := range []string{"look", "move"} {
				full, busy := engine.New(t), engine.New(t)
				issue2(t, full)
				issue2(t, busy)
				db := openStore(t, configOf(busy))
				p := params("", "FULL="+full, "BUSY="+busy, "EMPTY="+engine.New(t), "OTHER="+engine.New(t))
				p.Dir, p.Files = "", []string{filepath.Join("database", script+".txtar")}
				testscript.Run(t, p)
				t.Cleanup(func() {
					if err := db.Close(); err != nil {
						t.Error(err)
					}
				})
			}
		})
	}
}

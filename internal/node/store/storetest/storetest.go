// Package storetest runs the tests of a package on every database that a store
// can lie in.
//
// A package whose tests open stores runs them through [Main]; each test takes
// the configuration of a fresh database from [Config].
package storetest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"aleph/internal/node/store"
	"aleph/test/postgres"
)

// Engine is a kind of database.
type Engine string

// The engines.
const (
	SQLite     Engine = "sqlite"
	PostgreSQL Engine = "postgres"
)

// engines are the engines that a suite runs on, in this order.
func engines() []Engine { return []Engine{SQLite, PostgreSQL} }

// suite is what the running test program works with. [Main] sets it before any
// test runs.
var suite struct {
	engine    Engine
	databases *postgres.Databases
}

// Main runs the tests of a package once on each engine, then the checks, and
// returns the exit code. With the flag -engine they run on one only.
//
//	func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }
func Main(m *testing.M, checks ...func() error) int {
	only := flag.String("engine", "", "run the tests on this database only: sqlite or postgres")
	flag.Parse()
	suite.databases = postgres.NewDatabases(postgres.Options{Volatile: true}, migrate)
	code := 0
	for _, suite.engine = range engines() {
		if *only != "" && *only != string(suite.engine) {
			continue
		}
		fmt.Fprintf(os.Stderr, "on %s:\n", suite.engine)
		if suite.engine == PostgreSQL && !once() {
			// Here, because a server that a test in a synctest bubble starts would
			// have to end with the bubble.
			if err := suite.databases.Start(context.Background()); err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
		}
		code = max(code, m.Run())
		if once() {
			break
		}
	}
	for _, check := range append([]func() error{suite.databases.Close}, checks...) {
		if err := check(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	return code
}

// once reports whether the program was asked for something that has nothing to
// do with the engine: a list of tests, or fuzzing.
func once() bool {
	for _, name := range []string{"test.list", "test.fuzz"} {
		if f := flag.Lookup(name); f != nil && f.Value.String() != "" {
			return true
		}
	}
	return false
}

// migrate makes the schema in the database that the others are copies of.
func migrate(ctx context.Context, url string) error {
	cfg := store.DefaultConfig()
	cfg.URL = url
	db, err := store.Open(ctx, cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	return db.Close()
}

// On returns the engine that the tests run on.
func On() Engine {
	if suite.engine == "" {
		panic(errors.New("storetest: the package has no TestMain that calls storetest.Main"))
	}
	return suite.engine
}

// Config returns the configuration of a fresh database of the engine.
func Config(t testing.TB) store.Config {
	t.Helper()
	cfg := store.DefaultConfig()
	switch On() {
	case PostgreSQL:
		cfg.URL = suite.databases.New(t)
	case SQLite:
		cfg.Path = filepath.Join(t.TempDir(), "node.db")
	}
	return cfg
}

// ConfigIn returns the configuration of the database that belongs to a folder,
// a fresh one the first time.
func ConfigIn(t testing.TB, dir string) store.Config {
	t.Helper()
	cfg := store.DefaultConfig()
	if On() == SQLite {
		cfg.Path = filepath.Join(dir, "node.db")
		return cfg
	}
	path := filepath.Join(dir, "database.url")
	url, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		url = []byte(suite.databases.New(t))
		err = os.WriteFile(path, url, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	cfg.URL = string(url)
	return cfg
}

// Server returns the PostgreSQL server of the suite, nil on another engine.
func Server() *postgres.Server { return suite.databases.Server() }

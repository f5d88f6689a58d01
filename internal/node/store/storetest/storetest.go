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

// Main runs the tests of a package once on each engine and returns the exit
// code. With the flag -engine they run on one only.
//
//	func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }
func Main(m *testing.M) int {
	only := flag.String("engine", "", "run the tests on this database only: sqlite or postgres")
	flag.Parse()
	suite.databases = postgres.NewDatabases(postgres.Options{Volatile: true}, migrate)
	code := 0
	for _, suite.engine = range engines() {
		if *only != "" && *only != string(suite.engine) {
			continue
		}
		fmt.Fprintf(os.Stderr, "on %s:\n", suite.engine)
		code = max(code, m.Run())
		if once() {
			break
		}
	}
	if err := suite.databases.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
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

// Server returns the PostgreSQL server of the suite.
func Server(t testing.TB) *postgres.Server {
	t.Helper()
	return suite.databases.Server(t)
}

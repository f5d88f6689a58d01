package store_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"time"

	"aleph/internal/node/store"
	"aleph/internal/node/store/storetest"
	"aleph/message"
)

// onPostgres returns the configuration of a fresh database when the tests run on
// PostgreSQL.
func onPostgres(t *testing.T) (store.Config, bool) {
	t.Helper()
	if storetest.On() != storetest.PostgreSQL {
		return store.Config{}, false
	}
	return storetest.Config(t), true
}

func openConfig(t *testing.T, cfg store.Config) *store.DB {
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

// databaseOf returns the name of the database of a URL.
func databaseOf(t *testing.T, cfg store.Config) string {
	t.Helper()
	u, err := url.Parse(cfg.URL)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(u.Path, "/")
}

// killAll ends the connections to a database.
func killAll(t *testing.T, cfg store.Config) {
	t.Helper()
	err := storetest.Server().Exec(t.Context(), "postgres",
		"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '"+databaseOf(t, cfg)+"'")
	if err != nil {
		t.Fatal(err)
	}
}

// awaitNone waits until the server has no connection to a database, which takes
// longer than a busy writer pauses.
func awaitNone(t *testing.T, cfg store.Config) {
	t.Helper()
	for range time.Tick(20 * time.Millisecond) {
		err := storetest.Server().Exec(t.Context(), "postgres", "DO $$ BEGIN IF EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = '"+
			databaseOf(t, cfg)+"') THEN RAISE 'not yet'; END IF; END $$")
		if err == nil {
			return
		}
		if t.Context().Err() != nil {
			t.Fatal(err)
		}
	}
}

func file(name string) store.FileRow {
	return store.FileRow{Hash: message.HashOf([]byte(name)), Size: 1, Type: store.FileRegular}
}

// TestLostConnection ends the writer's connection between transactions, which
// nobody notices, and inside one, which fails and leaves nothing.
func TestLostConnection(t *testing.T) {
	t.Parallel()
	cfg, ok := onPostgres(t)
	if !ok {
		return
	}
	db := openConfig(t, cfg)
	for i := range 5 {
		name := fmt.Sprint("between ", i)
		killAll(t, cfg)
		awaitNone(t, cfg)
		if err := db.Update(t.Context(), func(tx *store.Tx) error { return tx.SetFile(file(name)) }); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, moment := range []string{"begun", "read", "written", "saved"} {
		err := db.Update(t.Context(), func(tx *store.Tx) error {
			kill := func() error { killAll(t, cfg); return tx.SetFile(file("after " + moment)) }
			if moment == "begun" {
				return kill()
			}
			if _, err := tx.File(t.Context(), "none"); !errors.Is(err, message.ErrNotFound) {
				return err
			}
			if moment == "read" {
				return kill()
			}
			if err := tx.SetFile(file("before " + moment)); err != nil || moment == "written" {
				return errors.Join(err, kill())
			}
			return tx.Nested(kill)
		})
		if !errors.Is(err, message.ErrUnavailable) {
			t.Errorf("%s: got %v, want unavailable", moment, err)
		}
		for _, name := range []string{"before ", "after "} {
			if _, err := db.File(t.Context(), file(name+moment).Hash); !errors.Is(err, message.ErrNotFound) {
				t.Errorf("%s: a part is there: %v", moment, err)
			}
		}
		if err := db.Update(t.Context(), func(tx *store.Tx) error { return tx.SetFile(file(moment)) }); err != nil {
			t.Errorf("%s: the next transaction: %v", moment, err)
		}
	}
}

// TestAnswerOfCommitIsLost cuts the connection after the server has got the
// commit: the caller is told that it failed, and may do the same again.
func TestAnswerOfCommitIsLost(t *testing.T) {
	t.Parallel()
	cfg, ok := onPostgres(t)
	if !ok {
		return
	}
	proxy, err := storetest.Server().Proxy(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := proxy.Close(); err != nil {
			t.Error(err)
		}
	})
	if cfg.URL, err = proxy.URL(databaseOf(t, cfg)); err != nil {
		t.Fatal(err)
	}
	muted := false
	cfg.Timeout = 3 * time.Second // of the silent server
	cfg.Fault = func(name string) error {
		if name == "commit" && muted {
			proxy.Mute(true)
		}
		return nil
	}
	db := openConfig(t, cfg)
	set := func(tx *store.Tx) error { return tx.SetFile(file("a")) }
	muted = true
	if err := db.Update(t.Context(), set); !errors.Is(err, message.ErrUnavailable) {
		t.Fatalf("got %v, want unavailable", err)
	}
	muted = false
	proxy.Mute(false)
	proxy.Cut()
	if err := db.Update(t.Context(), set); err != nil {
		t.Errorf("again: %v", err)
	}
	if _, err := db.File(t.Context(), file("a").Hash); err != nil {
		t.Error(err)
	}
}

// TestQueuedStatementsAreNamed lets statements fail on the server that are sent
// later than they are given.
func TestQueuedStatementsAreNamed(t *testing.T) {
	t.Parallel()
	db := open(t)
	bad := store.TagRow{Tag: "t", Owner: "o", FileHash: "f", ItemHash: "i"}
	m := &store.MessageRow{Message: message.Message{ItemHash: "m", Type: message.TypePost, ItemType: message.ItemInline}, Status: message.StatusProcessed}
	for name, do := range map[string]func(tx *store.Tx) error{
		"at the commit": func(*store.Tx) error { return nil },
		"at a read": func(tx *store.Tx) error {
			if _, err := tx.File(t.Context(), "none"); !errors.Is(err, message.ErrNotFound) {
				return err
			}
			return errors.New("the read succeeded")
		},
		"at a count": func(tx *store.Tx) error { _, err := tx.WakePending("x", 1); return err },
		"at a savepoint": func(tx *store.Tx) error {
			return tx.Nested(func() error { return errors.New("the savepoint succeeded") })
		},
	} {
		err := db.Update(t.Context(), func(tx *store.Tx) error {
			err := tx.SetTag(bad)
			for range 2 { // the second is a duplicate
				err = errors.Join(err, tx.InsertMessage(m))
			}
			if err != nil {
				return err // SQLite says so at once
			}
			return do(tx)
		})
		if err == nil || !strings.HasPrefix(err.Error(), "message.insert: ") || store.Temporary(err) {
			t.Errorf("%s: got %v", name, err)
		}
		if _, err := db.Tag(t.Context(), "t"); !errors.Is(err, message.ErrNotFound) {
			t.Errorf("%s: a part is there: %v", name, err)
		}
	}
}

// TestSwallowedError commits after an error that nobody looked at.
func TestSwallowedError(t *testing.T) {
	t.Parallel()
	cfg, ok := onPostgres(t)
	if !ok {
		return
	}
	db := openConfig(t, cfg)
	m := &store.MessageRow{Message: message.Message{ItemHash: "m", Type: message.TypePost, ItemType: message.ItemInline}, Status: message.StatusProcessed}
	err := db.Update(t.Context(), func(tx *store.Tx) error {
		for range 2 {
			_ = tx.InsertMessage(m)
		}
		_, _ = tx.File(t.Context(), "x")
		return nil
	})
	if err == nil {
		t.Error("a transaction that the server rolled back counts as committed")
	}
	if err := db.Check(t.Context()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// TestOneWriter opens a database twice.
func TestOneWriter(t *testing.T) {
	t.Parallel()
	cfg := storetest.Config(t)
	cfg.BusyTimeout = 100
	db := openConfig(t, cfg)
	if other, err := store.Open(t.Context(), cfg, slog.New(slog.DiscardHandler)); !errors.Is(err, store.ErrInUse) || !errors.Is(err, message.ErrConflict) {
		t.Errorf("got %v %v", other, err)
	}
	if err := db.Update(t.Context(), func(tx *store.Tx) error { return tx.SetFile(file("a")) }); err != nil {
		t.Errorf("the first one: %v", err)
	}
	read := cfg
	read.ReadOnly = true
	reader := openConfig(t, read)
	if _, err := reader.File(t.Context(), file("a").Hash); err != nil {
		t.Errorf("a reader beside the writer: %v", err)
	}
	if err := reader.Check(t.Context()); err == nil {
		t.Error("a reader writes")
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	openConfig(t, cfg)
}

// TestTextIsComparedByBytes looks at every column of text, because the server's
// language orders otherwise.
func TestTextIsComparedByBytes(t *testing.T) {
	t.Parallel()
	cfg, ok := onPostgres(t)
	if !ok {
		return
	}
	openConfig(t, cfg)
	err := storetest.Server().Exec(t.Context(), databaseOf(t, cfg), `DO $$
DECLARE found TEXT;
BEGIN
  SELECT string_agg(c.relname || '.' || a.attname, ', ') INTO found FROM pg_attribute a
  JOIN pg_class c ON c.oid = a.attrelid AND c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
  JOIN pg_collation l ON l.oid = a.attcollation WHERE a.attnum > 0 AND l.collname <> 'C';
  IF found IS NOT NULL THEN RAISE EXCEPTION 'columns in another order: %', found; END IF;
END $$`)
	if err != nil {
		t.Error(err)
	}
}

// TestWrongServers opens databases that do not fit, and looks for passwords in
// what is said about them.
func TestWrongServers(t *testing.T) {
	t.Parallel()
	cfg, ok := onPostgres(t)
	if !ok {
		return
	}
	name := databaseOf(t, cfg) + "_latin"
	server := storetest.Server()
	if err := server.Exec(t.Context(), "postgres", "CREATE DATABASE "+name+" ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0"); err != nil {
		t.Fatal(err)
	}
	const secret = "s3cr%t/pass"
	for what, c := range map[string]struct{ url, want string }{
		"encoding":        {server.URL(name), "encoding LATIN1"},
		"nobody":          {"postgres://u:" + url.QueryEscape(secret) + "@127.0.0.1:1/x", "connection refused"},
		"wrong password":  {strings.Replace(server.URL("postgres"), server.Password(), url.QueryEscape(secret), 1), "password authentication failed"},
		"no database":     {server.SocketURL("none"), "does not exist"},
		"not escaped":     {"postgres://u:" + secret + "@127.0.0.1/x", "%XX"},
		"another product": {"mysql://u:" + url.QueryEscape(secret) + "@127.0.0.1/x", "postgres://"},
		"bad port":        {"postgres://u:" + url.QueryEscape(secret) + "@127.0.0.1:99999999/x", "url"},
		"bad option":      {"postgres://u:" + url.QueryEscape(secret) + "@127.0.0.1/x?sslmode=perhaps", "option"},
	} {
		cfg := store.DefaultConfig()
		cfg.URL = c.url
		_, err := store.Open(t.Context(), cfg, slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", what, err, c.want)
			continue
		}
		for _, hidden := range []string{secret, url.QueryEscape(secret), "s3cr", server.Password()} {
			if strings.Contains(err.Error(), hidden) {
				t.Errorf("%s: the password is shown: %v", what, err)
			}
		}
	}
}

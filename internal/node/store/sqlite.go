package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"

	"aleph/internal/lock"
	"aleph/message"
)

// SQLite's primary result codes that matter here. // https://sqlite.org/rescode.html
const (
	codeBusy    = 5
	codeIOErr   = 10
	codeCorrupt = 11
	codeFull    = 13
	codeNotADB  = 26
)

// sqlite is the engine of a database in a file.
type sqlite struct {
	cfg  Config
	lock *lock.File // held by the process that writes
}

func newSQLite(cfg Config) (*sqlite, error) {
	if cfg.CacheMiB < 1 {
		return nil, fmt.Errorf("open database %s: cache_mib must be at least 1", cfg.Path)
	}
	return &sqlite{cfg: cfg}, nil
}

func (e *sqlite) String() string { return e.cfg.Path }

func (e *sqlite) connect(ctx context.Context) (session, error) {
	if err := os.MkdirAll(filepath.Dir(e.cfg.Path), 0o700); err != nil {
		return nil, err
	}
	// A file of its own: SQLite's locks vanish when anybody closes its file.
	l, err := lock.Take(e.cfg.Path + "-lock")
	if held, ok := errors.AsType[*lock.HeldError](err); ok {
		return nil, fmt.Errorf("%w (pid %s): stop it, or configure another database", ErrInUse, held.PID)
	}
	if err != nil {
		return nil, err
	}
	e.lock = l
	db, err := e.open(false)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return newSQLiteSession(e, db, conn), nil
}

func (e *sqlite) open(readOnly bool) (*sql.DB, error) {
	switch info, err := os.Stat(e.cfg.Path); {
	case e.cfg.ReadOnly && errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("%w: there is no such file", message.ErrNotFound)
	case err == nil && info.IsDir():
		return nil, fmt.Errorf("%w: it is a folder: name the file in it", message.ErrInvalid)
	}
	c, err := newConnector(e.cfg, readOnly)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(c), nil
}

func (e *sqlite) dialect() goose.Dialect { return goose.DialectSQLite3 }

func (e *sqlite) rewrite(migration string) string { return migration }

// rebind turns $n into ?n: SQLite numbers $n by first appearance, ?n by n.
func (e *sqlite) rebind(text string) string { return strings.ReplaceAll(text, "$", "?") }

func (e *sqlite) wrap(name string, err error) error {
	if err == nil {
		return nil
	}
	return named(name, sqliteCause(err), err)
}

func sqliteCause(err error) cause {
	switch resultCode(err) & 0xff {
	case codeFull:
		return causeFull
	case codeBusy, codeIOErr:
		return causeUnavailable
	}
	return causeOther
}

// damaged reports whether the database could not be opened because its file is
// not what SQLite once wrote. Damage can show as any other error, so the file is
// asked too.
func (e *sqlite) damaged(ctx context.Context, cause error) bool {
	if isDamage(cause) {
		return true
	}
	if info, err := os.Stat(e.cfg.Path); Temporary(cause) || err != nil || !info.Mode().IsRegular() {
		return false
	}
	db, err := e.open(true)
	if err != nil {
		return false
	}
	defer db.Close()
	var verdict string
	err = db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict)
	return isDamage(err) || err == nil && verdict != "ok"
}

// isDamage reports whether SQLite calls a file damaged.
func isDamage(err error) bool {
	code := resultCode(err) & 0xff
	return code == codeCorrupt || code == codeNotADB
}

func (e *sqlite) close() error {
	if e.lock == nil {
		return nil
	}
	return e.lock.Close()
}

// pragmas lists the settings of a connection. synchronous=FULL makes a commit
// durable before it returns; what is acknowledged is on the disk.
func pragmas(cfg Config, readOnly bool) []string {
	list := []string{
		"PRAGMA busy_timeout = " + strconv.Itoa(cfg.BusyTimeout),
		"PRAGMA journal_mode = WAL",
		"PRAGMA synchronous = FULL",
		"PRAGMA temp_store = MEMORY",
	}
	if readOnly {
		return append(list, "PRAGMA cache_size = -4096", "PRAGMA query_only = ON")
	}
	return append(list,
		"PRAGMA cache_size = "+strconv.Itoa(-cfg.CacheMiB*1024),
		// 64 MiB between checkpoints: a page that many transactions change reaches
		// the database file once.
		"PRAGMA wal_autocheckpoint = 16384",
		"PRAGMA journal_size_limit = 67108864",
		// The statistics that closing may gather look at so many rows of an index.
		"PRAGMA analysis_limit = 1000",
	)
}

// connector opens connections of the linked driver with their settings. It
// implements [driver.Connector].
type connector struct {
	driver  driver.Driver
	uri     string
	pragmas []string
}

func newConnector(cfg Config, readOnly bool) (*connector, error) {
	db, err := sql.Open(driverName, "")
	if err != nil {
		return nil, err
	}
	defer db.Close()
	options := driverOptions
	if cfg.ReadOnly {
		options = strings.Trim(options+"&mode=rw", "&") // never creates the file
	}
	uri := "file:" + (&url.URL{Path: cfg.Path}).EscapedPath() + "?" + options
	return &connector{driver: db.Driver(), uri: uri, pragmas: pragmas(cfg, readOnly)}, nil
}

func (c *connector) Driver() driver.Driver { return c.driver }

func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.driver.Open(c.uri)
	if err != nil {
		return nil, err
	}
	execer, ok := conn.(driver.ExecerContext)
	if !ok {
		return nil, errors.Join(fmt.Errorf("driver %s cannot run a statement directly", driverName), conn.Close())
	}
	for _, text := range c.pragmas {
		if _, err := execer.ExecContext(ctx, text, nil); err != nil {
			return nil, errors.Join(named(text, sqliteCause(err), err), conn.Close())
		}
	}
	return conn, nil
}

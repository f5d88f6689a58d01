package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"aleph/message"
)

// ErrFull marks a failure for lack of space on the disk. It wraps
// [message.ErrUnavailable]: nothing was lost, and the same call works again
// once there is space.
var ErrFull = fmt.Errorf("disk full: %w", message.ErrUnavailable)

// ErrDamaged marks a file that is not a database, or no longer a sound one.
var ErrDamaged = errors.New("the file is damaged")

// SQLite's primary result codes that matter here. // https://sqlite.org/rescode.html
const (
	codeBusy    = 5
	codeIOErr   = 10
	codeCorrupt = 11
	codeFull    = 13
	codeNotADB  = 26
)

// isDamage reports whether SQLite calls a file damaged.
func isDamage(err error) bool {
	code := resultCode(err) & 0xff
	return code == codeCorrupt || code == codeNotADB
}

// wrap names the statement in an error and marks what is temporary.
func wrap(name string, err error) error {
	if err == nil {
		return nil
	}
	switch resultCode(err) & 0xff {
	case codeFull:
		return fmt.Errorf("%s: %w: %w", name, ErrFull, err)
	case codeBusy, codeIOErr:
		return fmt.Errorf("%s: %w: %w", name, message.ErrUnavailable, err)
	}
	return fmt.Errorf("%s: %w", name, err)
}

// Temporary reports whether err comes from the state of the machine (no space,
// a failing disk, a lock) and not from what was asked.
func Temporary(err error) bool { return errors.Is(err, message.ErrUnavailable) }

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
		// 16 MiB between checkpoints: fewer, longer writes of the database file.
		"PRAGMA wal_autocheckpoint = 4096",
		"PRAGMA journal_size_limit = 67108864",
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
	uri := "file:" + (&url.URL{Path: cfg.Path}).EscapedPath() + "?" + driverOptions
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
			return nil, errors.Join(wrap(text, err), conn.Close())
		}
	}
	return conn, nil
}

// rebind turns $n into ?n: SQLite numbers $n by first appearance, ?n by n.
func rebind(text string) string { return strings.ReplaceAll(text, "$", "?") }

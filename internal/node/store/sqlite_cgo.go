//go:build cgo

package store

import (
	"errors"

	"github.com/mattn/go-sqlite3" // the C library, two to three times faster than the translated one
)

// Engine names the database library that is linked.
const Engine = "SQLite (cgo)"

const (
	driverName = "sqlite3"
	// driverOptions: database/sql never shares a connection between goroutines,
	// so the library's own mutexes are not needed. A connection keeps the lists that
	// were asked for last: to compile one is a seventh of the time of its page.
	driverOptions = "_mutex=no&_stmt_cache_size=32"
)

// resultCode returns SQLite's result code of err, or 0.
func resultCode(err error) int {
	if e, ok := errors.AsType[sqlite3.Error](err); ok {
		return int(e.Code)
	}
	return 0
}

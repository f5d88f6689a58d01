//go:build !cgo

package store

import (
	"errors"

	modernc "modernc.org/sqlite" // the library translated to Go, for builds without a C compiler
)

// Engine names the database library that is linked.
const Engine = "SQLite (pure Go)"

const (
	driverName    = "sqlite"
	driverOptions = ""
)

// resultCode returns SQLite's result code of err, or 0.
func resultCode(err error) int {
	if e, ok := errors.AsType[*modernc.Error](err); ok {
		return e.Code()
	}
	return 0
}

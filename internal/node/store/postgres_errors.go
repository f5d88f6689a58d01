package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// PostgreSQL's error codes that matter here.
// https://www.postgresql.org/docs/current/errcodes-appendix.html
const (
	stateDiskFull      = "53100"
	stateReadOnly      = "25006" // the server is a standby now
	stateLockTimeout   = "55P03"
	stateSerialization = "40001"
	stateDeadlock      = "40P01"
	stateCanceled      = "57014"
	stateInputOutput   = "58030"
	stateShutdown      = "57P01" // also: ended by an operator
	stateCrash         = "57P02"
)

// Classes of codes that say that the server is away, or short of something.
var unavailableClasses = [...]string{
	"08",   // connection
	"53",   // memory, connections, disk
	"57P0", // shutting down, crashed, starting
}

// wrap names the statement in an error and marks what is temporary. What the
// caller's own context has ended stays as it is.
func (e *postgres) wrap(name string, err error) error {
	if err == nil {
		return nil
	}
	return named(name, postgresCause(err), err)
}

func postgresCause(err error) cause {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return stateCause(pg.Code)
	}
	if errors.Is(err, context.Canceled) {
		return causeOther
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return causeUnavailable // also when its own time was over
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return causeOther
	}
	if isLost(err) {
		return causeUnavailable
	}
	return causeOther
}

func stateCause(state string) cause {
	switch state {
	case stateDiskFull:
		return causeFull
	case stateReadOnly, stateLockTimeout, stateSerialization, stateDeadlock, stateCanceled, stateInputOutput:
		return causeUnavailable
	}
	for _, class := range unavailableClasses {
		if strings.HasPrefix(state, class) {
			return causeUnavailable
		}
	}
	return causeOther
}

// isCut reports whether a connection that was there has ended, not for something
// that was asked on it. What only read can be asked again on another one.
func isCut(err error) bool {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code == stateShutdown || pg.Code == stateCrash
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	return isLost(err)
}

// isLost reports whether the server could not be reached, or no longer.
func isLost(err error) bool {
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	for _, lost := range []error{driver.ErrBadConn, sql.ErrConnDone, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed} {
		if errors.Is(err, lost) {
			return true
		}
	}
	return pgconn.SafeToRetry(err)
}

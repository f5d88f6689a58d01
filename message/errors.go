package message

import "errors"

// The kinds of failure that cross a boundary of the program. Everything else
// is internal: logged with an id, and only the id is shown.
var (
	ErrNotFound    = errors.New("not found")
	ErrInvalid     = errors.New("invalid")
	ErrForbidden   = errors.New("forbidden")
	ErrConflict    = errors.New("conflict")
	ErrUnavailable = errors.New("unavailable")
)

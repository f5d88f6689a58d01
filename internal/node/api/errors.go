package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"syscall"

	"aleph/internal/node/blob"
	"aleph/internal/node/store"
	"aleph/message"
)

const (
	typeText = "text/plain; charset=utf-8"
	typeJSON = "application/json; charset=utf-8"
)

// failure is an answer that is not a success. Handlers return it as an error;
// its body is what the specification says, byte for byte.
type failure struct {
	status      int
	body        string
	contentType string
	// header holds what the answer needs besides its body; it may be nil.
	header http.Header
	// cause is for the log and never leaves the node.
	cause error
}

func (f *failure) Error() string {
	if f.cause != nil {
		return fmt.Sprintf("%d %s: %v", f.status, f.body, f.cause)
	}
	return fmt.Sprintf("%d %s", f.status, f.body)
}

func (f *failure) Unwrap() error { return f.cause }

// failText is shape E-text: exactly this body. // spec ccn-http-api 2.2
func failText(status int, format string, args ...any) *failure {
	body := format
	if len(args) > 0 {
		body = fmt.Sprintf(format, args...)
	}
	return &failure{status: status, body: body, contentType: typeText}
}

// failReason is shape E-reason: the status and a reason. // spec ccn-http-api 2.2
func failReason(status int, format string, args ...any) *failure {
	f := failText(status, format, args...)
	f.body = strconv.Itoa(status) + ": " + f.body
	return f
}

// failDefault is shape E-default: the status and its phrase. // spec ccn-http-api 2.2
func failDefault(status int) *failure { return failReason(status, "%s", http.StatusText(status)) }

// failTooLarge says that a body or a file is over a limit. // spec ccn-http-api 2.2
func failTooLarge(limit int64) *failure {
	return failText(http.StatusRequestEntityTooLarge, "Maximum request body size %d exceeded.", limit)
}

// failInvalidMessage is how a malformed envelope is refused: the word that
// clients know, then what is wrong. // spec ccn-http-api 5.7
func failInvalidMessage(err error) *failure {
	const word = "InvalidMessageFormat"
	if rejection, ok := errors.AsType[*message.Rejection](err); ok && len(rejection.Errors) > 0 {
		return failText(http.StatusUnprocessableEntity, "%s: %s", word, detailText(rejection.Errors[0]))
	}
	return failText(http.StatusUnprocessableEntity, word)
}

// failureOf turns any error of a handler into an answer. It is the only table
// from errors to HTTP. The second result says that the error was unexpected.
func failureOf(err error) (*failure, bool) {
	if f, ok := errors.AsType[*failure](err); ok {
		return f, false
	}
	if invalid, ok := errors.AsType[*queryError](err); ok {
		return invalid.failure(), false
	}
	if large, ok := errors.AsType[*blob.TooLargeError](err); ok {
		return failTooLarge(large.Limit), false
	}
	if large, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return failTooLarge(large.Limit), false
	}
	switch {
	case errors.Is(err, message.ErrNotFound):
		return failDefault(http.StatusNotFound), false
	case errors.Is(err, message.ErrInvalid):
		return failDefault(http.StatusUnprocessableEntity), false
	case errors.Is(err, message.ErrForbidden):
		return failDefault(http.StatusForbidden), false
	case errors.Is(err, message.ErrConflict):
		return failDefault(http.StatusConflict), false
	case errors.Is(err, message.ErrUnavailable):
		f := failDefault(http.StatusServiceUnavailable)
		if errors.Is(err, store.ErrFull) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
			f = failReason(http.StatusServiceUnavailable, "the disk of this node is full: try again later or use another node")
		}
		f.cause = err
		f.header = http.Header{"Retry-After": {"10"}}
		return f, true
	case errors.Is(err, context.Canceled):
		// The caller is gone and reads no answer; 499 is what proxies log.
		return &failure{status: statusClientGone, contentType: typeText, cause: err}, false
	case errors.Is(err, errSlowBody):
		return failDefault(http.StatusRequestTimeout), false
	}
	return &failure{
		status: http.StatusInternalServerError, contentType: typeText, cause: err,
		body: "500 Internal Server Error\n\nServer got itself in trouble",
	}, true
}

// statusClientGone stands in metrics for requests whose caller left.
const statusClientGone = 499

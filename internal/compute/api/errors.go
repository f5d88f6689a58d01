package api

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"

	"aleph/internal/compute/disk"
	"aleph/internal/compute/guest"
	"aleph/internal/compute/vm"
	"aleph/message"
)

// failure is an answer that reports a failure in the host's own words.
type failure struct {
	status int
	text   string
	plain  bool // as text/plain, not in the envelope
}

func (f *failure) Error() string { return f.text }

// failf returns a failure in the envelope {"error": …}. // spec crn 1.1.1
func failf(status int, format string, args ...any) error {
	return &failure{status: status, text: fmt.Sprintf(format, args...)}
}

// plainf returns a failure as plain text.
func plainf(status int, format string, args ...any) error {
	return &failure{status: status, text: fmt.Sprintf(format, args...), plain: true}
}

// outcome is the table of the answers to calls that did not succeed. // spec crn 1.13
func outcome(err error) (status int, text string) {
	switch {
	case errors.Is(err, ErrTimeout):
		return http.StatusGatewayTimeout, "Program did not respond within `resource.seconds`"
	case errors.Is(err, ErrDraining):
		return http.StatusServiceUnavailable, "Server is draining, try another node"
	case errors.Is(err, ErrFull), errors.Is(err, vm.ErrUnusable):
		return http.StatusServiceUnavailable, "This CRN cannot host the requested workload at this time."
	case errors.Is(err, ErrNotProgram):
		return http.StatusBadRequest, "400: Message is not a program"
	case errors.Is(err, ErrCodeTooLarge):
		return http.StatusInternalServerError, "500: Program file too large to pass as an inline zip"
	case errors.Is(err, ErrContent):
		return http.StatusBadRequest, "400: Code, runtime or data not available"
	case errors.Is(err, vm.ErrInit):
		return http.StatusInternalServerError, "500: Error during runtime initialisation"
	}
	if _, ok := errors.AsType[*guest.SetupError](err); ok {
		return http.StatusInternalServerError, "500: Error during vm initialisation"
	}
	if errors.Is(err, guest.ErrMalformed) {
		return http.StatusBadGateway, "The program's answer cannot be understood"
	}
	return http.StatusInternalServerError, "500: Unhandled error during initialisation"
}

// fail writes the answer to a request that did not succeed.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, http.ErrAbortHandler) {
		panic(http.ErrAbortHandler) // the answer had begun: break the connection off
	}
	if r.Context().Err() != nil && errors.Is(err, context.Canceled) {
		return // nobody is there to read an answer
	}
	if f, ok := errors.AsType[*failure](err); ok {
		if f.plain {
			writeText(w, f.status, f.text)
		} else {
			writeJSON(w, f.status, map[string]string{"error": f.text})
		}
		return
	}
	if program, ok := errors.AsType[*guest.ProgramError](err); ok {
		text := program.Traceback
		if text == "" {
			text = program.Message
		}
		writeText(w, http.StatusInternalServerError, text)
		return
	}
	again := ""
	if retry, ok := errors.AsType[*RetryError](err); ok {
		seconds := max(1, int(math.Ceil(retry.After.Seconds())))
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
		again = fmt.Sprintf("\nthe host remembers this failure: try again in %d s", seconds)
	}
	if errors.Is(err, ErrCrashed) {
		text := "VM did not respond and was shut down"
		if reason := crashReason(err); reason != "" {
			text += "\n" + reason
		}
		writeText(w, http.StatusBadGateway, text+again)
		return
	}
	status, text := outcome(err)
	body := map[string]string{"error": text}
	if reason := s.details(r, err) + again; reason != "" {
		body["details"] = reason
	}
	writeJSON(w, status, body)
}

// details says what is behind an answer, as far as it is meant for callers:
// the rest is logged under an id.
func (s *Server) details(r *http.Request, err error) string {
	if setup, ok := errors.AsType[*guest.SetupError](err); ok {
		if setup.Traceback != "" {
			return setup.Message + "\n" + setup.Traceback
		}
		return setup.Message
	}
	for _, told := range []error{
		ErrTimeout, ErrDraining, ErrFull, ErrNotProgram, ErrCodeTooLarge, vm.ErrInit, vm.ErrEnded, vm.ErrUnusable, disk.ErrRefused, guest.ErrMalformed,
		guest.ErrTooLarge, message.ErrNotFound, message.ErrInvalid, message.ErrUnavailable, message.ErrForbidden,
	} {
		if errors.Is(err, told) {
			return err.Error()
		}
	}
	var random [6]byte
	rand.Read(random[:]) // never fails
	id := hex.EncodeToString(random[:])
	s.log.ErrorContext(r.Context(), "a call failed", "id", id, "path", r.URL.Path, "error", err)
	return "internal error " + id
}

// crashReason is the part of a crash that its caller is told: how the machine
// ended.
func crashReason(err error) string {
	for _, part := range flatten(err) {
		if errors.Is(part, vm.ErrEnded) && !errors.Is(part, ErrCrashed) {
			return part.Error()
		}
	}
	return ""
}

// flatten lists an error and everything it wraps.
func flatten(err error) []error {
	all := []error{err}
	switch e := err.(type) { //nolint:errorlint // it walks the tree itself
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			all = append(all, flatten(inner)...)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			all = append(all, flatten(inner)...)
		}
	}
	return all
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		status, b = http.StatusInternalServerError, []byte(`{"error":"internal error"}`)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b) // a broken connection has nobody to tell
}

func writeText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text)) //nolint:gosec // plain text is not interpreted; a broken connection has nobody to tell
}

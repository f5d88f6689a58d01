package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"aleph/message"
)

// The exit codes. They are documented: change none, add at the end.
const (
	exitOK          = 0
	exitInternal    = 1
	exitUsage       = 2
	exitNotFound    = 3
	exitRejected    = 4
	exitForbidden   = 5
	exitUnavailable = 6
	exitConflict    = 7
	exitFunction    = 8
	exitInterrupted = 130
)

// exitMeaning is one row of the table of exit codes.
type exitMeaning struct {
	code    int
	name    string
	meaning string
}

// exitTable is the documentation of the exit codes.
func exitTable() []exitMeaning {
	return []exitMeaning{
		{exitOK, "ok", "done"},
		{exitInternal, "internal", "something unexpected broke, here or in the node"},
		{exitUsage, "usage", "wrong command, flag, argument or input"},
		{exitNotFound, "not-found", "what was asked for does not exist"},
		{exitRejected, "rejected", "the network refused the message; its code is in the error"},
		{exitForbidden, "forbidden", "signature, permission, payment or passphrase is not right"},
		{exitUnavailable, "unavailable", "no answer, or none in time"},
		{exitConflict, "conflict", "it exists already, or something else is in the way"},
		{exitFunction, "function", "a function does not start, or answered with an error"},
		{exitInterrupted, "interrupted", "ended by a signal"},
	}
}

// exitCode is the one place where an error becomes an exit code.
func exitCode(err error) int {
	rejection, rejected := errors.AsType[*message.Rejection](err)
	_, usage := errors.AsType[usageError](err)
	_, function := errors.AsType[*functionError](err)
	switch {
	case err == nil:
		return exitOK
	case usage:
		return exitUsage
	case function:
		return exitFunction
	case rejected && (rejection.Code == message.CodeInvalidSignature || rejection.Code == message.CodePermissionDenied):
		return exitForbidden
	case rejected:
		return exitRejected
	case errors.Is(err, message.ErrForbidden):
		return exitForbidden
	case errors.Is(err, message.ErrNotFound):
		return exitNotFound
	case errors.Is(err, message.ErrConflict):
		return exitConflict
	case errors.Is(err, message.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		return exitUnavailable
	case errors.Is(err, message.ErrInvalid):
		return exitUsage
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	default:
		return exitInternal
	}
}

// exitName returns the word for an exit code.
func exitName(code int) string {
	for _, row := range exitTable() {
		if row.code == code {
			return row.name
		}
	}
	return "internal"
}

// newExitCodesTopic returns the text of `aleph help exit-codes`.
func newExitCodesTopic() *cobra.Command {
	var text strings.Builder
	text.WriteString("Every command ends with one of these codes:\n\n")
	for _, row := range exitTable() {
		fmt.Fprintf(&text, "  %3d  %-12s  %s\n", row.code, row.name, row.meaning)
	}
	text.WriteString("\nWith --json a failure is printed as\n" +
		`  {"error": {"exit_code": 3, "kind": "not-found", "message": "…", "hint": "…"}}` +
		"\non standard output, unless the command has printed its value already; a message that\n" +
		"the network refused adds \"rejection\": {\"code\", \"name\", \"details\"}.\n")
	return &cobra.Command{Use: "exit-codes", Short: "What the exit codes mean", Long: text.String()}
}

func isNotFound(err error) bool { return errors.Is(err, message.ErrNotFound) }

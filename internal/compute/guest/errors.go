package guest

import (
	"errors"
	"fmt"
)

// What can go wrong with a call. [ProgramError], [SetupError] and [CrashError]
// carry the details.
var (
	// ErrNoReply means that the guest closed the connection without an answer:
	// the VM crashed.
	ErrNoReply = errors.New("the program did not answer")
	// ErrMalformed means that what the other end sent cannot be understood.
	ErrMalformed = errors.New("malformed message from the guest")
	// ErrTooLarge means that a message passes the bound of the protocol.
	ErrTooLarge = errors.New("message too large")
)

// ProgramError is an exception raised by the program while it handled a call.
type ProgramError struct {
	Message   string
	Traceback string
}

func (e *ProgramError) Error() string { return "the program raised: " + e.Message }

// SetupError is why the guest could not make the program ready.
type SetupError struct {
	Message   string
	Traceback string
}

func (e *SetupError) Error() string { return "the program could not be set up: " + e.Message }

// CrashError is the end of the program's process during a call. It matches
// [ErrNoReply].
type CrashError struct{ Reason string }

func (e *CrashError) Error() string { return fmt.Sprintf("%v: %s", ErrNoReply, e.Reason) }

// Unwrap returns [ErrNoReply].
func (e *CrashError) Unwrap() error { return ErrNoReply }

package vm

import (
	"errors"
	"fmt"
)

// The kinds of failure that callers of this package tell apart.
var (
	// ErrNotAttachable means that a recorded machine cannot be taken over.
	ErrNotAttachable = errors.New("machine cannot be attached")
	// ErrUnusable means that the driver cannot run on this host.
	ErrUnusable = errors.New("this host cannot run functions")
	// ErrInit means that the guest never called back. // spec crn 1.13
	ErrInit = errors.New("the guest did not start")
	// ErrEnded means that the machine has ended.
	ErrEnded = errors.New("the machine has ended")
)

// StartError says which step of a start failed.
type StartError struct {
	Step string
	Err  error
}

// Error names the step.
func (e *StartError) Error() string { return fmt.Sprintf("%s: %v", e.Step, e.Err) }

// Unwrap returns the cause.
func (e *StartError) Unwrap() error { return e.Err }

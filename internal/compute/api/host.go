package api

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"aleph/internal/compute/guest"
	"aleph/internal/compute/vm"
	"aleph/message"
)

// Host is what the API needs of a compute host.
type Host interface {
	// Call runs a function for one request, starting it if needed. The errors
	// are those below, those of packages vm and guest, or a kind of package
	// message. The caller closes the answer's body.
	Call(ctx context.Context, hash message.Hash, r *guest.Request) (*Answer, error)

	// Executions lists the functions that have a machine.
	Executions() []Execution

	// Owner returns content.address of the message of a function that this
	// host knows or can look up.
	Owner(ctx context.Context, hash message.Hash) (message.Address, error)

	// MayOperate reports whether caller may operate what owner owns, as its
	// owner or by delegation. // spec crn 1.3
	MayOperate(ctx context.Context, owner, caller message.Address) bool

	// Stop ends the machine of a function. It reports whether there was one.
	Stop(ctx context.Context, hash message.Hash) bool

	// Erase ends the machine of a function and deletes what it kept on this
	// host.
	Erase(ctx context.Context, hash message.Hash) error

	// Expire ends the machine of a function after d. It reports whether there
	// is one.
	Expire(hash message.Hash, d time.Duration) bool

	// Log returns what is kept of a function's log, oldest first; ok is false
	// when this host has none.
	Log(hash message.Hash) (entries []vm.Entry, ok bool)

	// FollowLog is Log and what comes after. next is nil when the function has
	// no machine. The caller calls cancel.
	FollowLog(hash message.Hash) (past []vm.Entry, next <-chan vm.Entry, cancel func(), ok bool)

	// Runtimes says which runtimes there are and how their building goes.
	Runtimes() any

	// Probe says what the sandbox can do here. It answers what is known and
	// starts nothing.
	Probe() (p vm.Probe, known bool)

	// Capacity says how much memory functions may use and how much they do.
	Capacity() Capacity
}

// Answer is a program's response and where it came from.
type Answer struct {
	*guest.Response
	// CodeRef is the STORE message of the code that answered.
	CodeRef message.Hash
}

// Execution is one function on this host.
type Execution struct {
	Hash     message.Hash
	Times    vm.Times
	Running  bool
	Internet bool
	// Address of the guest in the host's network of this machine; not valid
	// when it has none.
	Address netip.Prefix
	// Persistent is on.persistent of the message.
	Persistent bool
}

// Capacity is how much of the host functions use.
type Capacity struct {
	MemoryMiB, UsedMiB    int
	Machines, MaxMachines int
}

// RetryError is the failure of an earlier start, with which calls are answered
// until the host starts the function again.
type RetryError struct {
	Err error
	// After is when that will be, from now.
	After time.Duration
}

// Error is the text of the failure.
func (e *RetryError) Error() string { return e.Err.Error() }

// Unwrap returns the failure.
func (e *RetryError) Unwrap() error { return e.Err }

// What a host answers a call with, beside the errors of the machine.
var (
	// ErrDraining means that the host is stopping.
	ErrDraining = errors.New("the host is draining")
	// ErrFull means that the host has no room for the function.
	ErrFull = errors.New("the host has no room for this function")
	// ErrNotProgram means that the message is not a program.
	ErrNotProgram = errors.New("not a program")
	// ErrCodeTooLarge means that code or data exceeds what a guest takes inline.
	ErrCodeTooLarge = errors.New("the code or data archive is too large")
	// ErrTimeout means that the program did not answer in its time.
	ErrTimeout = errors.New("the program did not respond in its time")
	// ErrContent means that code, runtime or data could not be had.
	ErrContent = errors.New("code, runtime or data not available")
	// ErrCrashed means that the machine ended during the call.
	ErrCrashed = errors.New("the machine ended during the call")
)

package vm

import (
	"context"
	"time"

	"aleph/internal/compute/guest"
	"aleph/internal/compute/network"
)

// Driver starts machines with one isolation technique. Implementations are
// safe for concurrent use and start nothing when made.
type Driver interface {
	// Name is the driver's name in records and in what people read.
	Name() string

	// Probe says whether this host can run the driver and what it can limit.
	// It runs a real machine at least once per version of the tool and may
	// take as long as its context allows; later calls answer from a cache.
	// A host that cannot run the driver is not an error: see Probe.Usable.
	Probe(ctx context.Context) (Probe, error)

	// Start launches the machine of l and returns when the machine exists,
	// not when the guest is ready. When it fails nothing of the machine
	// remains. ctx bounds the launch only, never the life of the machine.
	Start(ctx context.Context, l Launch) (Instance, error)

	// Attach finds the running machine of a record after a restart of the
	// host. It returns [ErrNotAttachable] when the machine has gone or when
	// the driver cannot take one over; the caller then calls Clean.
	Attach(ctx context.Context, r *Record) (Instance, error)

	// Clean ends and removes whatever exists under the machine id of r:
	// processes, control groups, files outside the machine's folder. It
	// assumes nothing, may be called twice and for ids that never existed.
	Clean(ctx context.Context, r *Record) error
}

// Instance is a launched machine. All methods are safe for concurrent use.
type Instance interface {
	// Transport is the byte channel to the guest. It fails once the machine
	// has ended. The instance closes it.
	Transport() guest.Transport

	// Stop asks the guest to end and kills it when it has not ended before
	// ctx does. It returns when the machine has ended. Stopping an ended
	// machine does nothing.
	Stop(ctx context.Context) error

	// Kill ends the machine at once, without waiting for it.
	Kill() error

	// Wait returns when the machine has ended or ctx has. It may be called
	// any number of times; the exit is the same each time.
	Wait(ctx context.Context) (Exit, error)

	// Stats measures the machine. It fails when the machine has ended.
	Stats() (Stats, error)
}

// Launch is what a driver needs to start a machine.
type Launch struct {
	Spec *Spec
	// Dir is the machine's own folder, empty, removed after the machine.
	Dir string
	// Network is the namespace to join; nil means loopback only.
	Network *network.Namespace
	// Log takes what the guest prints.
	Log *Log
	// Listen is called once with the transport before the guest runs, so that
	// nothing the guest says first is missed. Nil when not wanted.
	Listen func(guest.Transport) error
}

// Exit says how a machine ended.
type Exit struct {
	Code int
	// OutOfMemory is set when the memory limit ended the machine.
	OutOfMemory bool
	At          time.Time
}

// Stats is a measurement of a running machine.
type Stats struct {
	MemoryBytes int64
	CPU         time.Duration
}

// Probe is what a driver can do on this host.
type Probe struct {
	Usable bool `json:"usable"`
	// Reason says in one line why the driver is not usable and what to do.
	Reason string `json:"reason,omitempty"`
	// Version of the tool that the driver runs.
	Version string `json:"version,omitempty"`
	// Platform is the driver's own choice of technique, such as ptrace.
	Platform string `json:"platform,omitempty"`
	// Limits lists every promise to a function or its owner and whether it
	// holds here.
	Limits []Limit `json:"limits"`
}

// Limit is one promise of the sandbox.
type Limit struct {
	Name     string `json:"name"`
	Enforced bool   `json:"enforced"`
	// Detail says how it is enforced, or why it is not and what to do.
	Detail string `json:"detail"`
}

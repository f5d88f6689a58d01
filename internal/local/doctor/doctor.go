// Package doctor finds out what this machine can run of the Aleph cloud, what is
// missing, and what to do about it. Nothing is guessed from a version number or
// a device file where it can be tried: the sandbox boots, the folder is written.
package doctor

import (
	"context"
	"fmt"
	"runtime"

	"aleph/internal/compute/vm"
	"aleph/internal/node/store"
)

// Result is how a check ended.
type Result string

// The results of a check.
const (
	// OK is a thing that works.
	OK Result = "ok"
	// Warn is a thing that limits what works.
	Warn Result = "warn"
	// Fail is a thing without which a part of the cloud cannot run.
	Fail Result = "fail"
)

// Check is one line of the doctor's report.
type Check struct {
	Name   string `json:"name"`
	Result Result `json:"result"`
	// Detail is what was found.
	Detail string `json:"detail"`
	// Fix is what to do; empty when there is nothing to do.
	Fix string `json:"fix,omitempty"`
}

// Options is what the doctor looks at.
type Options struct {
	// DataDir is the data folder of the local cloud.
	DataDir string
	// Ports are the ports it would listen on, by what they are for.
	Ports []Port
	// Driver isolates functions.
	Driver vm.Driver
	// Limits are those that the host of the sandbox adds.
	Limits []vm.Limit
	// Runtimes are the runtimes of functions and whether they are built.
	Runtimes []Runtime
	// Database is the database of the node, and Files the folder of its files;
	// nil leaves them out.
	Database *store.Config
	Files    string
	// Linked names libraries that were chosen when the program was built.
	Linked []Linked
}

// Port is a port that the cloud listens on by default.
type Port struct {
	For    string
	Number int
	// OwnPID is the local cloud of this user that runs now, 0 when none does.
	OwnPID int
}

// Runtime is a runtime of functions.
type Runtime struct {
	Name  string
	Built bool
	// Where is the folder of a built runtime.
	Where string
}

// Linked is a library that the build chose.
type Linked struct {
	// For says what it does, as "signatures".
	For string
	// Name of the library.
	Name string
	// Slow is set for the portable choice where there is a faster one.
	Slow bool
}

// Examine runs every check. It fails only when ctx ends: what a check finds is
// in the report.
func Examine(ctx context.Context, opts Options) ([]Check, error) {
	checks := []Check{system(), root()}
	checks = append(checks, sandbox(ctx, opts.Driver, opts.Limits)...)
	checks = append(checks, tools()...)
	checks = append(checks, runtimes(opts.Runtimes)...)
	checks = append(checks, dataFolder(opts.DataDir), diskSpace(opts.DataDir), openFiles())
	for _, p := range opts.Ports {
		checks = append(checks, port(p))
	}
	checks = append(checks, database(ctx, opts.Database, opts.Files)...)
	checks = append(checks, linked(opts.Linked)...)
	return checks, ctx.Err()
}

// Worst returns the worst result of the checks.
func Worst(checks []Check) Result {
	worst := OK
	for _, c := range checks {
		if c.Result == Fail {
			return Fail
		}
		if c.Result == Warn {
			worst = Warn
		}
	}
	return worst
}

func system() Check {
	c := Check{Name: "system", Result: OK, Detail: fmt.Sprintf("%s/%s, %d cores", runtime.GOOS, runtime.GOARCH, runtime.NumCPU())}
	if runtime.GOOS != "linux" {
		c.Result, c.Fix = Fail, "run on Linux: functions need its namespaces"
	}
	return c
}

func linked(list []Linked) []Check {
	var checks []Check
	for _, l := range list {
		c := Check{Name: l.For, Result: OK, Detail: l.Name}
		if l.Slow {
			c.Result, c.Fix = Warn, "build with a C compiler (apt-get install gcc libc6-dev; CGO_ENABLED=1) for the faster one"
		}
		checks = append(checks, c)
	}
	return checks
}

package bench

import (
	"context"
	"fmt"
	"io"
	"time"

	"aleph/internal/local"
	"aleph/internal/local/spawn"
)

// Suite says what is measured and how hard.
type Suite struct {
	// Binary is the aleph program to start.
	Binary string
	// API is the node to load; empty starts a fresh local cloud for each measurement.
	API string
	// Seed makes the generated load repeatable.
	Seed uint64
	// Connections and Messages of the publish measurement.
	Connections int
	Messages    int
	// Samples of the measurements that look at single requests.
	Samples int
	// ExamplesDir holds the example functions of the repository.
	ExamplesDir string
	// Progress is told what is going on; never nil.
	Progress func(format string, args ...any)
	// Stderr receives the log of started processes; nil throws it away.
	Stderr io.Writer
}

// Measurement is one named part of the suite.
type Measurement struct {
	Name string
	// Text says what is measured, in one line.
	Text string
	// NeedsProcess is set when the measurement looks at the process of the
	// cloud and cannot be run against a given URL.
	NeedsProcess bool
	Run          func(context.Context, *Suite) ([]Row, error)
}

// Command is what a user types to run the measurement alone.
func (m Measurement) Command() string { return "aleph bench " + m.Name }

// Measurements lists every part of the suite in the order of a whole run.
func Measurements() []Measurement {
	return []Measurement{
		{"help", "time of `aleph --help`", true, measureHelp},
		{"start", "time from process start to ready, new and again", true, measureStart},
		{"idle", "memory of an idle local cloud", true, measureIdle},
		{"publish", "signed messages per second over many connections", false, measurePublish},
		{"sync", "latency of a publish that waits for its outcome, one client", false, measureSync},
		{"upload", "memory that uploads at the size limit add", true, measureUpload},
		{"car", "memory that an archive of 2 GiB adds, up and down", true, measureCAR},
		{"functions", "cold and warm calls of functions", true, measureFunctions},
	}
}

// cloud is the system under load: a process that the suite started, or a URL.
type cloud struct {
	api     string
	process *spawn.Cloud // nil for a given URL
}

// start returns a cloud to measure. A started one is on a fresh data folder and
// ends with stop.
func (s *Suite) start(ctx context.Context, env ...string) (*cloud, error) {
	if s.API != "" {
		return &cloud{api: s.API}, nil
	}
	process, err := s.spawn(ctx, []string{"--ephemeral"}, env...)
	if err != nil {
		return nil, err
	}
	return &cloud{api: process.API, process: process}, nil
}

// fund lets the first account of a generator pay for files and functions. On a
// given URL that is up to who runs it.
func (c *cloud) fund(ctx context.Context, g *Generator) error {
	if c.process == nil {
		return nil
	}
	tokens := int64(1_000_000)
	return local.Fund(ctx, c.process.Endpoints, local.Funds{Tokens: &tokens}, g.Key().Address())
}

func (s *Suite) spawn(ctx context.Context, args []string, env ...string) (*spawn.Cloud, error) {
	return spawn.Start(ctx, spawn.Options{Binary: s.Binary, Args: args, Env: env, Stderr: s.Stderr})
}

// stopTimeout is how long a cloud may take to finish what it does.
const stopTimeout = 30 * time.Second

func (c *cloud) stop() error {
	if c.process == nil {
		return nil
	}
	return c.process.Stop(stopTimeout)
}

// settle waits until the process neither works nor grows by itself, so that what
// is measured next starts from a quiet process.
func settle(ctx context.Context, pid int) (Memory, error) {
	const (
		every = 500 * time.Millisecond
		most  = 40
		same  = 1 << 20               // bytes of change that count as none
		quiet = 20 * time.Millisecond // processor time that counts as none
	)
	last, err := memoryOf(pid)
	before, cpuErr := cpuOf(pid)
	err = first(err, cpuErr)
	for range most {
		if err != nil {
			return last, err
		}
		select {
		case <-ctx.Done():
			return last, ctx.Err()
		case <-time.After(every):
		}
		var now Memory
		now, err = memoryOf(pid)
		used, cpuErr := cpuOf(pid)
		err = first(err, cpuErr)
		if diff := now.Now - last.Now; err == nil && diff < same && -diff < same && used-before < quiet {
			return now, nil
		}
		last, before = now, used
	}
	return last, fmt.Errorf("process %d does not become quiet", pid)
}

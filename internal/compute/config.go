package compute

import (
	"errors"
	"time"

	"aleph/internal/compute/gvisor"
	"aleph/internal/compute/network"
	"aleph/internal/compute/vm"
)

// Config of a compute host.
type Config struct {
	DomainName string `yaml:"domain_name" doc:"Public name of this host. Owners sign it into their requests, so it must be what they call it by."`

	ReuseTimeout time.Duration `yaml:"reuse_timeout" doc:"How long a function stays warm after its last request."`
	DrainTimeout time.Duration `yaml:"drain_timeout" doc:"How long a stop waits for requests in flight."`
	StopGrace    time.Duration `yaml:"stop_grace" doc:"How long a program may take to end in order before it is ended."`
	MaxMachines  int           `yaml:"max_machines" doc:"Most functions that are warm at a time; the one idle longest makes room for a new one."`
	MemoryMiB    int           `yaml:"memory_mib" doc:"Most memory that warm functions may ask for together."`
	MaxWaiting   int           `yaml:"max_waiting" doc:"Most requests that wait for a function to start; more are refused."`
	MaxRequests  int           `yaml:"max_requests" doc:"Most requests in flight to one function; more wait."`
	QueueTimeout time.Duration `yaml:"queue_timeout" doc:"How long a start waits for room before the request is refused."`
	StartTimeout time.Duration `yaml:"start_timeout" doc:"How long a start may take altogether, downloads and the building of a runtime included."`
	FailureMin   time.Duration `yaml:"failure_min" doc:"How long the first failure to start is remembered; calls in that time get the same answer."`
	FailureMax   time.Duration `yaml:"failure_max" doc:"Longest time that a repeated failure to start is remembered."`
	MaxCode      int64         `yaml:"max_code" doc:"Largest code or data archive that is neither a squashfs nor a volume."`
	MaxSeconds   int           `yaml:"max_seconds" doc:"Longest time per request that a program may ask for."`
	PIDs         int           `yaml:"pids" doc:"Most processes and threads of one sandbox on the host."`

	Machine vm.Config      `yaml:"machine" doc:"Start and end of machines."`
	Log     vm.LogConfig   `yaml:"log" doc:"Logs of functions."`
	Cache   CacheConfig    `yaml:"cache" doc:"Downloaded content."`
	Network network.Config `yaml:"network" doc:"Network of functions with internet."`
	GVisor  gvisor.Config  `yaml:"gvisor" doc:"The gVisor driver."`
}

// DefaultConfig returns the documented defaults.
func DefaultConfig() Config {
	return Config{
		DomainName:   "localhost",
		ReuseTimeout: time.Hour,        // REUSE_TIMEOUT, spec crn 2.3
		DrainTimeout: 30 * time.Second, // DRAIN_TIMEOUT, spec crn 1.1.2
		StopGrace:    5 * time.Second,  // spec crn 3.4
		MaxMachines:  64,
		MemoryMiB:    8192, // PROGRAM_MEMORY_RESERVED_MIB, spec crn 2.5
		MaxWaiting:   1024,
		MaxRequests:  64,
		QueueTimeout: 30 * time.Second,
		StartTimeout: 15 * time.Minute,
		FailureMin:   2 * time.Second,
		FailureMax:   time.Minute,
		MaxCode:      10_000_000, // MAX_PROGRAM_ARCHIVE_SIZE, spec crn 7.4
		MaxSeconds:   3600,
		PIDs:         1024,
		Machine:      vm.DefaultConfig(),
		Log:          vm.DefaultLogConfig(),
		Cache:        defaultCacheConfig(),
		Network:      network.DefaultConfig(),
		GVisor:       gvisor.DefaultConfig(),
	}
}

// check refuses what cannot work.
func (c *Config) check() error {
	if c.DomainName == "" {
		return errors.New("compute: domain_name is required")
	}
	for name, v := range map[string]int64{
		"reuse_timeout": int64(c.ReuseTimeout), "drain_timeout": int64(c.DrainTimeout), "stop_grace": int64(c.StopGrace),
		"max_machines": int64(c.MaxMachines), "memory_mib": int64(c.MemoryMiB), "max_waiting": int64(c.MaxWaiting),
		"max_requests": int64(c.MaxRequests), "queue_timeout": int64(c.QueueTimeout), "start_timeout": int64(c.StartTimeout),
		"failure_min": int64(c.FailureMin), "failure_max": int64(c.FailureMax), "max_code": c.MaxCode,
		"max_seconds": int64(c.MaxSeconds), "pids": int64(c.PIDs), "cache.bytes": c.Cache.Bytes, "cache.file": c.Cache.File,
		"cache.timeout": int64(c.Cache.Timeout), "log.file_bytes": c.Log.FileBytes, "log.line_bytes": int64(c.Log.LineBytes),
		"log.rate": int64(c.Log.Rate), "log.burst": int64(c.Log.Burst),
	} {
		if v <= 0 {
			return errors.New("compute: " + name + " must be positive")
		}
	}
	return nil
}

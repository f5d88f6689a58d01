package gvisor

import "time"

// Config of the gVisor driver.
type Config struct {
	Binary        string        `yaml:"binary" doc:"The runsc program: a name looked up in PATH, or a path."`
	Platform      string        `yaml:"platform" doc:"How the sandbox intercepts system calls: systrap, kvm or ptrace. Empty tries them in that order."`
	ProbeTimeout  time.Duration `yaml:"probe_timeout" doc:"How long one trivial sandbox may take before its platform counts as not working here."`
	OverheadMiB   int           `yaml:"overhead_mib" doc:"Memory granted to each sandbox beyond what the function asked for, for the sandbox itself."`
	TemporaryMiB  int           `yaml:"temporary_mib" doc:"Size of each temporary file system of a function, such as /tmp. It counts against the function's memory too."`
	WithoutLimits bool          `yaml:"without_limits" doc:"Run without control groups even where they work."`
}

// DefaultConfig returns the documented defaults.
func DefaultConfig() Config {
	return Config{
		Binary:       "runsc",
		ProbeTimeout: 5 * time.Second,
		OverheadMiB:  64,
		TemporaryMiB: 256,
	}
}

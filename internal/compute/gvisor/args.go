package gvisor

import (
	"path/filepath"
	"strings"
)

// flagSet says which of the flags that changed over the years a runsc knows.
type flagSet struct {
	Overlay2     bool // --overlay2=root:memory; before: --overlay
	CPUFromQuota bool // --cpu-num-from-quota
}

// parseFlags reads what `runsc flags` prints.
func parseFlags(help string) flagSet {
	var known flagSet
	for line := range strings.Lines(help) {
		name, ok := strings.CutPrefix(strings.TrimSpace(line), "-")
		if !ok {
			continue
		}
		name, _, _ = strings.Cut(strings.TrimPrefix(name, "-"), " ")
		switch name {
		case "overlay2":
			known.Overlay2 = true
		case "cpu-num-from-quota":
			known.CPUFromQuota = true
		}
	}
	return known
}

// stateFlags are the flags that every runsc call of this host needs.
func (d *Driver) stateFlags() []string {
	return []string{"--root=" + d.runscRoot()}
}

// flags returns the global flags of a `runsc run`.
func (d *Driver) flags(p *probeResult, dir, network string) []string {
	f := append(d.stateFlags(), "--log="+filepath.Join(dir, "runsc.log"), "--platform="+p.Platform, "--network="+network)
	if p.Flags.Overlay2 {
		f = append(f, "--overlay2=root:memory")
	} else {
		f = append(f, "--overlay")
	}
	if p.Flags.CPUFromQuota {
		f = append(f, "--cpu-num-from-quota")
	}
	if p.Rootless {
		f = append(f, "--rootless")
	}
	if !p.Cgroups {
		f = append(f, "--ignore-cgroups")
	}
	return f
}

package gvisor

import "aleph/internal/compute/vm"

// limits says which promises hold on a host where p works. Those of the
// network and of volumes are added by the packages that know.
func (d *Driver) limits(p *probeResult) []vm.Limit {
	why := "not enforced: needs root"
	if d.cfg.WithoutLimits {
		why = "not enforced: turned off by the configuration"
	} else if !p.Rootless {
		why = "not enforced: control groups do not work here: " + p.NoCgroups
	}
	limit := func(name, how string) vm.Limit {
		if !p.Cgroups {
			return vm.Limit{Name: name, Detail: why}
		}
		return vm.Limit{Name: name, Enforced: true, Detail: how}
	}
	memory := limit("memory limit", "control group; a function that exceeds it is ended")
	if !memory.Enforced {
		memory.Detail += "; the host looks four times a second and ends a function that exceeds it"
	}
	return []vm.Limit{
		memory,
		limit("cpu limit", "control group quota"),
		limit("process limit", "control group"),
		{Name: "time limit", Enforced: true, Detail: "each request"},
		{Name: "temporary storage limit", Enforced: true, Detail: "size of each temporary file system"},
	}
}

package doctor

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"

	"aleph/internal/compute/vm"
)

// probeTimeout bounds the boot of a real sandbox. The driver tries several
// techniques, of which some hang on some machines.
const probeTimeout = 60 * time.Second

// root says whether the process may do what only root may.
func root() Check {
	if os.Geteuid() == 0 {
		return Check{Name: "root", Result: OK, Detail: "runs as root"}
	}
	return Check{
		Name: "root", Result: Warn, Detail: fmt.Sprintf("runs as user %d", os.Geteuid()),
		Fix: "run with sudo: without root, limits and networks of functions cannot be set up",
	}
}

// sandbox boots a sandbox and lists what it, and its host, limit.
func sandbox(ctx context.Context, driver vm.Driver, hostLimits []vm.Limit) []Check {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	name := "sandbox " + driver.Name()
	probe, err := driver.Probe(ctx)
	if err != nil {
		return []Check{{Name: name, Result: Fail, Detail: err.Error(), Fix: "functions cannot run; apt-get install runsc, then run this again"}}
	}
	if !probe.Usable {
		return []Check{{Name: name, Result: Fail, Detail: "functions cannot run here", Fix: probe.Reason}}
	}
	checks := []Check{{Name: name, Result: OK, Detail: fmt.Sprintf("boots: %s, platform %s", probe.Version, probe.Platform)}}
	for _, l := range append(probe.Limits, hostLimits...) {
		c := Check{Name: l.Name, Result: OK, Detail: l.Detail}
		if !l.Enforced {
			c.Result, c.Detail, c.Fix = Warn, "not enforced", l.Detail
		}
		checks = append(checks, c)
	}
	return checks
}

// tool is a program that the cloud calls.
type tool struct {
	name, pkg, use string
}

// tools looks for the programs that the compute host calls.
func tools() []Check {
	list := []tool{
		{"mmdebstrap", "mmdebstrap", "the python runtime cannot be built"},
		{"mksquashfs", "squashfs-tools", "runtimes cannot be built"},
		{"unsquashfs", "squashfs-tools", "squashfs code and volumes cannot be unpacked"},
		{"nft", "nftables", "functions cannot have internet"},
		{"mkfs.ext4", "e2fsprogs", "persistent volumes have no size limit"},
	}
	checks := make([]Check, 0, len(list))
	for _, t := range list {
		c := Check{Name: t.name, Result: OK}
		path, err := exec.LookPath(t.name)
		if err != nil {
			c.Result, c.Detail, c.Fix = Warn, "not found: "+t.use, "apt-get install "+t.pkg
		} else {
			c.Detail = path
		}
		checks = append(checks, c)
	}
	return checks
}

// runtimes says which runtimes are built.
func runtimes(list []Runtime) []Check {
	checks := make([]Check, 0, len(list))
	for _, r := range list {
		c := Check{Name: "runtime " + r.Name, Result: OK, Detail: "built in " + r.Where}
		if !r.Built {
			c.Result, c.Detail = Warn, "not built; the first function that needs it waits for it"
			c.Fix = "aleph runtime build " + r.Name
		}
		checks = append(checks, c)
	}
	return checks
}

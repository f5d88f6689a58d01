package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/dustin/go-humanize"
	"golang.org/x/sys/unix"

	"aleph/internal/local"
)

// dataFolder writes a file where the cloud would write its own.
func dataFolder(dir string) Check {
	c := Check{Name: "data folder", Result: OK, Detail: dir + " is writable"}
	existing := nearest(dir)
	f, err := os.CreateTemp(existing, ".aleph-doctor-*")
	if err != nil {
		c.Result, c.Detail = Fail, fmt.Sprintf("%s cannot be written: %v", existing, err)
		c.Fix = "choose another folder with --data-dir, or give yourself the right to write there"
		return c
	}
	_ = f.Close()
	if err := os.Remove(f.Name()); err != nil {
		c.Result, c.Detail = Warn, fmt.Sprintf("%s: a file cannot be removed again: %v", existing, err)
	}
	if existing != dir {
		c.Detail = fmt.Sprintf("%s will be created in %s", dir, existing)
	}
	return c
}

// nearest returns dir or the nearest folder above it that exists.
func nearest(dir string) string {
	for {
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return dir
		}
		dir = parent
	}
}

// Free disk space, in bytes, under which the doctor complains: a Python runtime
// takes about 300 MB while it is built, a node with nothing but its database
// needs a few.
const (
	wantedSpace = 5 << 30
	neededSpace = 500 << 20
)

func diskSpace(dir string) Check {
	c := Check{Name: "disk space", Result: OK}
	var fs unix.Statfs_t
	if err := unix.Statfs(nearest(dir), &fs); err != nil {
		c.Result, c.Detail = Warn, fmt.Sprintf("cannot be read: %v", err)
		return c
	}
	free := fs.Bavail * uint64(fs.Bsize)
	c.Detail = humanize.IBytes(free) + " free"
	switch {
	case free < neededSpace:
		c.Result, c.Fix = Fail, "free at least "+humanize.IBytes(neededSpace)+", or choose another disk with --data-dir"
	case free < wantedSpace:
		c.Result, c.Fix = Warn, "free "+humanize.IBytes(wantedSpace)+" for runtimes and volumes"
	}
	return c
}

// wantedFiles is what 64 clients, their database connections and a few dozen
// sandboxes need with room to spare.
const wantedFiles = 4096

func openFiles() Check {
	c := Check{Name: "open files", Result: OK}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		c.Result, c.Detail = Warn, fmt.Sprintf("limit cannot be read: %v", err)
		return c
	}
	// The Go runtime raises the soft limit to the hard one by itself.
	c.Detail = fmt.Sprintf("limit %d", limit.Max)
	if limit.Max < wantedFiles {
		c.Result, c.Fix = Warn, fmt.Sprintf("raise the limit: ulimit -Hn %d as root", wantedFiles)
	}
	return c
}

func port(p Port) Check {
	c := Check{Name: fmt.Sprintf("port %d", p.Number), Result: OK, Detail: "free, for the " + p.For}
	owner, taken := local.FindPortOwner(p.Number)
	switch {
	case !taken && local.PortFree(p.Number):
	case taken && owner.PID == p.OwnPID:
		c.Detail = fmt.Sprintf("your local cloud, %s", owner)
	case taken:
		c.Result, c.Detail = Warn, "taken by "+owner.String()
	default:
		c.Result, c.Detail = Warn, "taken by a process of another user"
	}
	if c.Result == Warn {
		c.Fix = fmt.Sprintf("stop it, or choose another port for the %s: aleph local --port, --compute-port", p.For)
	}
	return c
}

package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"aleph/message"
)

// Volumes keeps the persistent volumes of functions on this host. As root each
// is an ext4 image of its size, mounted while a machine uses it; otherwise a
// folder, whose size nothing bounds. Safe for concurrent use.
type Volumes struct {
	dir string

	mu    sync.Mutex        // guards inUse
	inUse map[string]string // path of the volume → machine id
}

// toolTimeout bounds one call of mkfs, mount or umount.
const toolTimeout = 60 * time.Second

// guestUser owns what a machine may write to.
const guestUser = 65534

// NewVolumes keeps volumes in dir. It changes nothing yet.
func NewVolumes(dir string) (*Volumes, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	return &Volumes{dir: dir, inUse: map[string]string{}}, nil
}

// Enforced says whether the size of a persistent volume is a limit here, and
// if not, why.
func (*Volumes) Enforced() error {
	if os.Geteuid() != 0 {
		return errors.New("needs root")
	}
	for _, tool := range []string{"mkfs.ext4", "mount", "umount"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("needs %s: install e2fsprogs and mount", tool)
		}
	}
	if _, err := os.Stat("/dev/loop-control"); err != nil {
		return errors.New("needs loop devices, which this host does not have")
	}
	return nil
}

var plainName = regexp.MustCompile(`^[\w-]+$`)

// VolumeName makes a name safe for a file. // spec crn 7.2
func VolumeName(name string) string {
	if plainName.MatchString(name) && len(name) <= 100 {
		return name
	}
	safe := regexp.MustCompile(`[^\w-]`).ReplaceAllString(name, "_")
	return safe[:min(len(safe), 100)]
}

// Attach makes the volume of a function available to a machine and returns the
// folder to mount. A volume has one machine at a time.
func (v *Volumes) Attach(ctx context.Context, machine, function, name string, sizeMiB int) (string, error) {
	name = VolumeName(name)
	path := filepath.Join(v.dir, "data", function, name)
	if err := v.claim(path, machine); err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", err
	}
	if v.Enforced() != nil {
		return path, makeOpen(path)
	}
	image, target := path+".ext4", filepath.Join(v.mounts(machine), name)
	if err := makeImage(ctx, image, sizeMiB); err != nil {
		return "", err
	}
	if err := os.MkdirAll(target, 0o700); err != nil {
		return "", err
	}
	if err := tool(ctx, "mount", "-t", "ext4", "-o", "loop,nosuid,nodev", image, target); err != nil {
		return "", err
	}
	return target, makeOpen(target)
}

// claim gives a volume to a machine.
func (v *Volumes) claim(path, machine string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if owner, taken := v.inUse[path]; taken && owner != machine {
		return fmt.Errorf("the volume is in use by machine %s", owner)
	}
	v.inUse[path] = machine
	return nil
}

func (v *Volumes) mounts(machine string) string { return filepath.Join(v.dir, "mounts", machine) }

// makeOpen makes a folder that the machine's user may write to. Those above
// keep everybody else out.
func makeOpen(dir string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	return os.Chmod(dir, 0o777)
}

// makeImage makes a file system of the given size, sparse, once.
func makeImage(ctx context.Context, image string, sizeMiB int) error {
	if _, err := os.Stat(image); err == nil {
		return nil // never resized // spec crn 7.2
	}
	tmp := image + ".part"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp) }() // gone already after the rename
	if err := errors.Join(f.Truncate(int64(sizeMiB)<<20), f.Close()); err != nil {
		return err
	}
	owner := fmt.Sprintf("root_owner=%d:%d", guestUser, guestUser)
	if err := tool(ctx, "mkfs.ext4", "-q", "-F", "-m", "0", "-E", owner, tmp); err != nil {
		return fmt.Errorf("a volume of %d MiB: %w", sizeMiB, err)
	}
	return os.Rename(tmp, image)
}

// Detach takes every volume from a machine. It assumes nothing.
func (v *Volumes) Detach(machine string) error {
	dir := v.mounts(machine)
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		target := filepath.Join(dir, e.Name())
		if err := unmount(target); err != nil {
			return err
		}
		if err := os.Remove(target); err != nil {
			return err
		}
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for path, owner := range v.inUse {
		if owner == machine {
			delete(v.inUse, path)
		}
	}
	return nil
}

// unmount unmounts target as often as something is mounted on it.
func unmount(target string) error {
	for {
		err := unix.Unmount(target, unix.UMOUNT_NOFOLLOW)
		if errors.Is(err, unix.EBUSY) {
			// The sandbox that used it was ended; what is still open closes
			// with its last process.
			err = unix.Unmount(target, unix.UMOUNT_NOFOLLOW|unix.MNT_DETACH)
		}
		switch {
		case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOENT), errors.Is(err, unix.EPERM):
			return nil // nothing is mounted there
		case err != nil:
			return fmt.Errorf("unmount %s: %w", target, err)
		}
	}
}

// Erase deletes the volumes of a function. It refuses while a machine uses one
// of them.
func (v *Volumes) Erase(function string) error {
	if strings.ContainsAny(function, "/.") || function == "" {
		return fmt.Errorf("erase the volumes of %q: not a hash", function)
	}
	dir := filepath.Join(v.dir, "data", function)
	v.mu.Lock() // until they are gone: no machine gets one meanwhile
	defer v.mu.Unlock()
	for path, machine := range v.inUse {
		if filepath.Dir(path) == dir {
			return fmt.Errorf("erase the volumes of %s: %w: machine %s uses one, stop it first", function, message.ErrUnavailable, machine)
		}
	}
	return os.RemoveAll(dir)
}

// tool runs a program of the system.
func tool(ctx context.Context, name string, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, toolTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput() //nolint:gosec // fixed programs, paths of ours
	if err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, clip(strings.TrimSpace(string(out))))
	}
	return nil
}

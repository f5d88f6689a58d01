package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"aleph/message"
)

// Limits bounds what an archive may become.
type Limits struct {
	Bytes   int64         `yaml:"bytes" doc:"Total size of the files of an unpacked archive."`
	Entries int           `yaml:"entries" doc:"Number of files, folders and links of an unpacked archive."`
	Time    time.Duration `yaml:"time" doc:"How long unpacking may take."`
}

// DefaultLimits returns the documented defaults.
func DefaultLimits() Limits {
	return Limits{Bytes: 1 << 30, Entries: 100_000, Time: 2 * time.Minute}
}

// ErrRefused means that an archive breaks the rules; the text says which. It
// is [message.ErrInvalid] too.
var ErrRefused = fmt.Errorf("archive refused: %w", message.ErrInvalid)

// refuse says what about an archive is not accepted.
func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrRefused, fmt.Sprintf(format, args...))
}

// Bounds of one path in an archive. Each level costs a system call for every
// path below it, and file systems take no more than 255 bytes for a name.
const (
	maxDepth = 100
	maxName  = 255
	maxPath  = 2000
)

// checkPath refuses a path that no sane archive holds.
func checkPath(name string) error {
	if len(name) > maxPath || strings.Count(name, "/") >= maxDepth {
		return refuse("the path %q is longer than %d bytes or deeper than %d folders", clip(name), maxPath, maxDepth)
	}
	for part := range strings.SplitSeq(name, "/") {
		if len(part) > maxName {
			return refuse("the name %q is longer than %d bytes", clip(part), maxName)
		}
	}
	return nil
}

// unpack runs fill on a new folder beside dst, checks what it made and moves
// it to dst. On failure nothing remains.
func unpack(ctx context.Context, dst string, l Limits, fill func(ctx context.Context, dir string) error) (err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, l.Time, refuse("unpacking takes longer than %s", l.Time))
	defer cancel()
	tmp, err := os.MkdirTemp(filepath.Dir(dst), filepath.Base(dst)+".part-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, removeAll(tmp))
		}
	}()
	if err := fill(ctx, tmp); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return err
	}
	if err := seal(ctx, tmp, l); err != nil {
		return err
	}
	return os.Rename(tmp, dst)
}

// seal checks an unpacked folder entry by entry and makes it readable for the
// machine's user. It trusts nothing that the unpacking said.
func seal(ctx context.Context, dir string, l Limits) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	var bytes int64
	entries := 0
	return fs.WalkDir(root.FS(), ".", func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if entries++; entries > l.Entries+1 { // the folder itself is one
			return refuse("more than %d entries", l.Entries)
		}
		if err := checkPath(name); err != nil {
			return err
		}
		info, err := root.Lstat(name)
		if err != nil {
			return err
		}
		mode := info.Mode()
		switch {
		case mode&(fs.ModeSetuid|fs.ModeSetgid) != 0 && !mode.IsDir():
			return refuse("%q is set-user-id or set-group-id", name)
		case mode.IsDir():
			return root.Chmod(name, 0o755)
		case mode.IsRegular():
			if bytes += info.Size(); bytes > l.Bytes {
				return refuse("more than %d bytes", l.Bytes)
			}
			return root.Chmod(name, mode.Perm()|0o444|(mode.Perm()&0o100)>>3|(mode.Perm()&0o100)>>6)
		case mode&fs.ModeSymlink != 0:
			target, err := root.Readlink(name)
			if err != nil {
				return err
			}
			return checkLink(name, target)
		}
		return refuse("%q is a device, pipe or socket", name)
	})
}

// checkLink refuses a symbolic link that leads out of the archive.
func checkLink(name, target string) error {
	if path.IsAbs(target) || !filepath.IsLocal(path.Join(path.Dir(name), target)) || climbs(target, name) {
		return refuse("the link %q leads out of the archive, to %q", name, clip(target))
	}
	return nil
}

// climbs reports whether following target from name passes above the root on
// its way, even if it comes back.
func climbs(target, name string) bool {
	depth := strings.Count(path.Clean(name), "/")
	for part := range strings.SplitSeq(target, "/") {
		switch part {
		case "", ".":
		case "..":
			if depth--; depth < 0 {
				return true
			}
		default:
			depth++
		}
	}
	return false
}

// clip shortens s for an error text.
func clip(s string) string {
	const most = 120
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}

// removeAll removes a folder even when its own folders are not writable.
func removeAll(dir string) error {
	if err := os.RemoveAll(dir); err == nil {
		return nil
	}
	_ = filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			_ = os.Chmod(p, 0o700) //nolint:gosec // nobody else writes here; RemoveAll reports what matters
		}
		return nil
	})
	return os.RemoveAll(dir)
}

// Remove deletes an unpacked folder.
func Remove(dir string) error { return removeAll(dir) }

// Size adds up the files below dir.
func Size(dir string) (int64, error) {
	var sum int64
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.Type().IsRegular() {
			info, err := d.Info()
			if err != nil {
				return err
			}
			sum += info.Size()
		}
		return nil
	})
	return sum, err
}

// ArchiveKind tells the encoding of a file by its first bytes, or returns
// "" for a file that is no archive.
func ArchiveKind(name string) (message.Encoding, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	head := make([]byte, 4)
	if _, err := io.ReadFull(f, head); err != nil {
		return "", nil // shorter than any archive
	}
	switch string(head) {
	case "hsqs":
		return message.EncodingSquashfs, nil
	case "PK\x03\x04", "PK\x05\x06":
		return message.EncodingZip, nil
	}
	return "", nil
}

package disk

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The superblock of squashfs 4, little endian.
const (
	squashMagic      = 0x73717368
	squashSuper      = 96
	squashInodes     = 4
	squashVersionMaj = 28
)

// The user that unpacks when the host runs as root: it cannot make devices,
// and what it could overwrite if the tool were fooled is nothing.
const unpackUID, unpackGID = 65534, 65534

// systemPath is where the tool is looked for.
const systemPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// unpackMemory bounds the address space of the tool, in KiB.
const unpackMemory = 2 << 20

// UnpackSquashfs unpacks the squashfs image src to the new folder dst, by
// unsquashfs in a process without privileges and with limits of its own. As
// root, src must be readable by everybody.
func UnpackSquashfs(ctx context.Context, src, dst string, l Limits) error {
	if err := checkSuperblock(src, l); err != nil {
		return err
	}
	if _, err := exec.LookPath("unsquashfs"); err != nil {
		return errors.New("squashfs archives need unsquashfs: install it (Debian: apt install squashfs-tools)")
	}
	return unpack(ctx, dst, l, func(ctx context.Context, dir string) error {
		image, err := os.Open(src)
		if err != nil {
			return err
		}
		defer image.Close()
		target, err := os.Open(dir)
		if err != nil {
			return err
		}
		defer target.Close()
		if os.Geteuid() == 0 {
			if err := target.Chown(unpackUID, unpackGID); err != nil {
				return err
			}
		}
		if err := listSquashfs(ctx, image, target, l); err != nil {
			return err
		}
		cmd, stderr := unsquash(ctx, image, target, l, "-no-progress", "-quiet", "-no-xattrs", "-force", "-dest", ".")
		if err := cmd.Run(); err != nil {
			return squashError(ctx, err, stderr.Bytes())
		}
		if os.Geteuid() == 0 {
			return target.Chown(0, 0)
		}
		return nil
	})
}

// checkSuperblock refuses what is no squashfs image, or says that it holds too
// many entries, before a tool reads it.
func checkSuperblock(src string, l Limits) error {
	f, err := os.Open(src)
	if err != nil {
		return err
	}
	defer f.Close()
	var b [squashSuper]byte
	if _, err := io.ReadFull(f, b[:]); err != nil {
		return refuse("it is not a squashfs image: too short")
	}
	if binary.LittleEndian.Uint32(b[:]) != squashMagic || binary.LittleEndian.Uint16(b[squashVersionMaj:]) != 4 {
		return refuse("it is not a squashfs image of version 4")
	}
	if n := binary.LittleEndian.Uint32(b[squashInodes:]); int64(n) > int64(l.Entries) {
		return refuse("more than %d entries", l.Entries)
	}
	return nil
}

// listSquashfs reads the table of contents and refuses an image that is too
// large or holds what no program needs, before anything is written.
func listSquashfs(ctx context.Context, image, dir *os.File, l Limits) error {
	cmd, stderr := unsquash(ctx, image, dir, l, "-no-progress", "-lln")
	list := &squashList{limits: l}
	cmd.Stdout = list
	err := cmd.Run()
	if list.err != nil {
		return list.err
	}
	if err != nil {
		return squashError(ctx, err, stderr.Bytes())
	}
	return list.line(list.rest)
}

// squashList reads lines like
// "-rw-r--r-- 0/0   1234 2024-01-01 00:00 squashfs-root/name" as they come.
type squashList struct {
	limits  Limits
	rest    []byte
	bytes   int64
	entries int
	err     error
}

// maxListLine bounds a line that never ends.
const maxListLine = 64 << 10

func (s *squashList) Write(p []byte) (int, error) {
	s.rest = append(s.rest, p...)
	for s.err == nil {
		line, rest, found := bytes.Cut(s.rest, []byte{'\n'})
		if !found {
			break
		}
		s.rest = rest
		s.err = s.line(line)
	}
	if s.err == nil && len(s.rest) > maxListLine {
		s.err = refuse("a name is too long")
	}
	if s.err != nil {
		return 0, s.err // ends the tool
	}
	s.rest = append([]byte(nil), s.rest...)
	return len(p), nil
}

func (s *squashList) line(line []byte) error {
	f := bytes.Fields(line)
	if len(f) < 6 || len(f[0]) != len("-rw-r--r--") {
		return nil // a line of another kind, or the rest of a name with a newline
	}
	if s.entries++; s.entries > s.limits.Entries+1 {
		return refuse("more than %d entries", s.limits.Entries)
	}
	switch f[0][0] {
	case 'b', 'c', 'p', 's':
		return refuse("%q is a device, pipe or socket", clip(string(f[len(f)-1])))
	case '-':
		if bytes.ContainsAny(f[0], "sS") {
			return refuse("%q is set-user-id or set-group-id", clip(string(f[len(f)-1])))
		}
		n, err := strconv.ParseInt(string(f[2]), 10, 64)
		if err != nil || n < 0 || n > s.limits.Bytes {
			return refuse("more than %d bytes", s.limits.Bytes)
		}
		if s.bytes += n; s.bytes > s.limits.Bytes {
			return refuse("more than %d bytes", s.limits.Bytes)
		}
	}
	return nil
}

// unsquash prepares a call of the tool on the image, which it gets as its
// standard input, with dir as its working folder.
func unsquash(ctx context.Context, image, dir *os.File, l Limits, args ...string) (*exec.Cmd, *bytes.Buffer) {
	const script = `cd /dev/fd/3 && ulimit -f "$1" && ulimit -v "$2" && ulimit -c 0 && shift 2 && exec unsquashfs "$@"`
	blocks := l.Bytes/512 + 1 // the unit of ulimit -f
	all := append([]string{
		"-c", script, "unsquashfs", strconv.FormatInt(blocks, 10), strconv.Itoa(unpackMemory),
		"-processors", "1", "-data-queue", "16", "-frag-queue", "16",
	}, args...)
	cmd := exec.CommandContext(ctx, "/bin/sh", append(all, "/dev/fd/0")...) //nolint:gosec // a fixed script; numbers and constants follow
	// Descriptors lead to the image and the folder although the user may not
	// enter the folders above.
	cmd.ExtraFiles = []*os.File{dir}
	cmd.Env = []string{"PATH=" + systemPath, "LC_ALL=C", "TZ=UTC"}
	cmd.Stdin = image
	cmd.WaitDelay = time.Second
	cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
	if os.Geteuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: unpackUID, Gid: unpackGID}
	}
	stderr := &bytes.Buffer{}
	cmd.Stderr = &firstBytes{buf: stderr}
	return cmd, stderr
}

// squashError is what a failure of the tool means.
func squashError(ctx context.Context, err error, stderr []byte) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if _, ended := errors.AsType[*exec.ExitError](err); ended {
		first, _, _ := bytes.Cut(bytes.TrimSpace(stderr), []byte{'\n'})
		return refuse("the squashfs image cannot be unpacked: %s", clip(string(first)))
	}
	return fmt.Errorf("unsquashfs: %w", err)
}

// firstBytes keeps the start of what is written and drops the rest.
type firstBytes struct{ buf *bytes.Buffer }

func (f *firstBytes) Write(p []byte) (int, error) {
	const most = 4 << 10
	f.buf.Write(p[:min(len(p), most-min(most, f.buf.Len()))])
	return len(p), nil
}

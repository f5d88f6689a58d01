//go:build linux

package main

import (
	"archive/zip"
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

// Bounds of an archive. A program's files live in the memory of its VM.
const (
	maxEntries  = 20_000
	maxUnzipped = 512 << 20
	// maxRatio bounds how many times larger an archive of more than
	// freeUnzipped may become; real code and data stay far below.
	maxRatio     = 100
	freeUnzipped = 16 << 20
	maxLinkText  = 4096
)

// unzip extracts archive into dir, which is made. Entries that would leave dir
// are refused, and so are archives whose contents pass the bounds.
func unzip(archive []byte, dir string) error {
	z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return fmt.Errorf("the zip archive cannot be read: %w", err)
	}
	if len(z.File) > maxEntries {
		return fmt.Errorf("the zip archive has %d entries, at most %d are allowed", len(z.File), maxEntries)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	limit := min(int64(maxUnzipped), max(freeUnzipped, int64(len(archive))*maxRatio), memoryLimit())
	u := &unzipper{root: root, limit: limit, left: limit}
	for _, f := range z.File {
		if err := u.entry(f); err != nil {
			return fmt.Errorf("zip archive: %q: %w", f.Name, err)
		}
	}
	return nil
}

// memoryLimit is the half of this VM's memory, or no limit if that is unknown.
func memoryLimit() int64 {
	file, err := os.Open("/proc/meminfo")
	if err != nil {
		return maxUnzipped
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "MemTotal:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			if err == nil && kib > 0 {
				return kib << 10 / 2
			}
		}
	}
	return maxUnzipped
}

type unzipper struct {
	root        *os.Root // refuses what leaves it, symbolic links included
	limit, left int64
}

func (u *unzipper) entry(f *zip.File) error {
	name := path.Clean(strings.ReplaceAll(f.Name, `\`, "/"))
	if !filepath.IsLocal(name) || strings.ContainsRune(name, 0) {
		return errors.New("the path leaves the archive")
	}
	if err := u.root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	switch mode := f.Mode(); {
	case mode.IsDir():
		return u.root.MkdirAll(name, 0o755)
	case mode&fs.ModeSymlink != 0:
		return u.link(f, name)
	case mode.IsRegular():
		return u.file(f, name, mode.Perm()&0o755|0o644)
	}
	return fmt.Errorf("entries of the kind %s are not allowed", f.Mode().Type())
}

func (u *unzipper) file(f *zip.File, name string, perm fs.FileMode) error {
	in, err := f.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := u.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, perm)
	if err != nil {
		return err
	}
	n, err := io.Copy(out, io.LimitReader(in, u.left+1))
	u.left -= n
	if u.left < 0 {
		err = fmt.Errorf("the archive holds more than the %d bytes that this VM allows", u.limit)
	}
	return errors.Join(err, out.Close())
}

// link makes a symbolic link to a place inside the archive.
func (u *unzipper) link(f *zip.File, name string) error {
	in, err := f.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	text, err := io.ReadAll(io.LimitReader(in, maxLinkText+1))
	if err != nil {
		return err
	}
	target := string(text)
	if len(target) > maxLinkText || path.IsAbs(target) || !filepath.IsLocal(path.Join(path.Dir(name), target)) {
		return errors.New("the symbolic link leaves the archive")
	}
	return u.root.Symlink(target, name)
}

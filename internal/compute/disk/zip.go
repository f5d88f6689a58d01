package disk

import (
	"archive/zip"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// maxLinkTarget is the longest target of a link in a zip archive, the
// kernel's own bound.
const maxLinkTarget = 4096

// UnpackZip unpacks the zip file src to the new folder dst.
func UnpackZip(ctx context.Context, src, dst string, l Limits) error {
	return unpack(ctx, dst, l, func(ctx context.Context, dir string) error {
		r, err := zip.OpenReader(src)
		if errors.Is(err, zip.ErrFormat) || errors.Is(err, zip.ErrAlgorithm) {
			return refuse("it is not a zip file: %v", err)
		}
		if err != nil {
			return err
		}
		defer func() { _ = r.Close() }()
		root, err := os.OpenRoot(dir)
		if err != nil {
			return err
		}
		defer func() { _ = root.Close() }()
		u := &unzip{root: root, left: l.Bytes, limits: l}
		if len(r.File) > l.Entries {
			return refuse("more than %d entries", l.Entries)
		}
		for _, f := range r.File {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err := u.add(ctx, f); err != nil {
				return err
			}
		}
		return nil
	})
}

// unzip is the unpacking of one archive.
type unzip struct {
	root   *os.Root
	left   int64 // bytes that may still be written
	limits Limits
}

func (u *unzip) add(ctx context.Context, f *zip.File) error {
	name := strings.TrimSuffix(f.Name, "/")
	if name == "" || name == "." {
		return nil
	}
	if strings.ContainsAny(f.Name, "\\\x00") || !filepath.IsLocal(name) || path.Clean(name) != strings.TrimPrefix(name, "./") {
		return refuse("the path %q leads out of the archive or is not plain", clip(f.Name))
	}
	name = path.Clean(name)
	if err := checkPath(name); err != nil {
		return err
	}
	mode := f.Mode()
	const encrypted = 1 // bit of the flags of an entry
	switch {
	case f.Flags&encrypted != 0:
		return refuse("%q is encrypted", clip(name))
	case mode&(fs.ModeSetuid|fs.ModeSetgid) != 0:
		return refuse("%q is set-user-id or set-group-id", clip(name))
	case mode.IsDir() || strings.HasSuffix(f.Name, "/"):
		return u.named(name, u.root.MkdirAll(name, 0o755))
	case mode&fs.ModeSymlink != 0:
		return u.link(name, f)
	case !mode.IsRegular():
		return refuse("%q is a device, pipe or socket", clip(name))
	}
	return u.file(ctx, name, f)
}

// named turns what the file system refuses about a path into a refusal.
func (u *unzip) named(name string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrExist):
		return refuse("%q appears twice", clip(name))
	case isPathEscape(err):
		return refuse("the path %q leads out of the archive", clip(name))
	}
	return err
}

// isPathEscape recognises the error of os.Root for a path that leads out,
// which package os does not export.
func isPathEscape(err error) bool {
	pathErr, ok := errors.AsType[*fs.PathError](err)
	return ok && pathErr.Err.Error() == "path escapes from parent"
}

func (u *unzip) parents(name string) error {
	if dir := path.Dir(name); dir != "." {
		return u.named(dir, u.root.MkdirAll(dir, 0o755))
	}
	return nil
}

func (u *unzip) link(name string, f *zip.File) error {
	if f.UncompressedSize64 > maxLinkTarget {
		return refuse("the target of link %q is too long", clip(name))
	}
	r, err := f.Open()
	if err != nil {
		return refuse("%q: %v", clip(name), err)
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, maxLinkTarget+1))
	if err != nil || len(b) > maxLinkTarget {
		return refuse("the target of link %q cannot be read", clip(name))
	}
	if err := checkLink(name, string(b)); err != nil {
		return err
	}
	if err := u.parents(name); err != nil {
		return err
	}
	return u.named(name, u.root.Symlink(string(b), name))
}

func (u *unzip) file(ctx context.Context, name string, f *zip.File) error {
	if f.UncompressedSize64 > uint64(u.left) {
		return refuse("more than %d bytes", u.limits.Bytes)
	}
	if err := u.parents(name); err != nil {
		return err
	}
	r, err := f.Open()
	if err != nil {
		return refuse("%q: %v", clip(name), err)
	}
	defer r.Close()
	w, err := u.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, f.Mode().Perm()|0o600)
	if err != nil {
		return u.named(name, err)
	}
	n, err := io.Copy(w, io.LimitReader(contextReader{ctx, r}, u.left+1))
	u.left -= n
	if closeErr := w.Close(); err == nil {
		err = closeErr
	}
	switch {
	case u.left < 0: // whatever its header said
		return refuse("more than %d bytes", u.limits.Bytes)
	case errors.Is(err, zip.ErrChecksum), errors.Is(err, zip.ErrFormat), errors.Is(err, io.ErrUnexpectedEOF):
		return refuse("%q is damaged: %v", clip(name), err)
	}
	return err
}

// contextReader ends with its context.
type contextReader struct {
	ctx context.Context //nolint:containedctx // of the unpacking, which is one call
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, context.Cause(c.ctx)
	}
	return c.r.Read(p)
}

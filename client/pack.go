package client

import (
	"archive/zip"
	"bufio"
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"aleph/message"
)

// Pack is the code of a function, ready to be stored: a deterministic archive,
// so that the same files always have the same hash.
type Pack struct {
	// Path is a temporary file that [Pack.Close] removes.
	Path     string
	Size     int64
	Files    int
	Encoding message.Encoding
	// Entrypoint and Interface are what the files suggest; either may be
	// replaced by the caller.
	Entrypoint string
	Interface  string // asgi or binary
}

// Close removes the archive.
func (p *Pack) Close() error { return os.Remove(p.Path) }

// Bounds of a folder that [PackFunction] accepts: enough for any function, and
// a wrong argument such as a home folder is noticed early.
const (
	maxPackFiles = 20_000
	maxPackBytes = 1 << 30
)

// IgnoreFile is the name of the file that lists, one pattern a line in the
// syntax of [path.Match], what to leave out of an archive.
const IgnoreFile = ".alephignore"

// alwaysIgnored are names that never belong to a function's code.
var alwaysIgnored = []string{".git", ".hg", ".svn", "__pycache__", "*.pyc", ".venv", "venv", ".DS_Store", ".pytest_cache", ".mypy_cache", IgnoreFile}

// PackFunction packs the folder or file at root and finds out how to start it.
// A non-empty entrypoint ("module:variable" for ASGI, a file name for a
// program) skips the search. The error wraps [message.ErrInvalid] when the
// files do not tell. The caller closes the pack.
func PackFunction(root, entrypoint string) (*Pack, error) {
	info, err := os.Stat(root)
	if err != nil {
		return nil, fmt.Errorf("read function code: %w", err)
	}
	files, err := filesOf(root, info)
	if err != nil {
		return nil, err
	}
	p := &Pack{Encoding: message.EncodingZip, Files: len(files)}
	if err := p.detect(root, files, entrypoint); err != nil {
		return nil, err
	}
	if err := p.write(files); err != nil {
		return nil, err
	}
	return p, nil
}

// packFile is one file of an archive.
type packFile struct {
	name string // slash-separated, relative
	path string
	mode fs.FileMode
	size int64
}

// filesOf lists what goes into the archive, sorted by name.
func filesOf(root string, info fs.FileInfo) ([]packFile, error) {
	if !info.IsDir() {
		return []packFile{{name: filepath.Base(root), path: root, mode: info.Mode(), size: info.Size()}}, nil
	}
	ignored, err := ignorePatterns(root)
	if err != nil {
		return nil, err
	}
	real, err := filepath.EvalSymlinks(root)
	if err != nil {
		return nil, fmt.Errorf("read function code: %w", err)
	}
	var files []packFile
	var total int64
	err = filepath.WalkDir(real, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || name == real {
			return err
		}
		rel, err := filepath.Rel(real, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if matchesAny(ignored, rel) {
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if entry.IsDir() {
			return nil
		}
		target, err := filepath.EvalSymlinks(name)
		if err != nil {
			return err
		}
		if target != name && !strings.HasPrefix(target, real+string(filepath.Separator)) {
			return fmt.Errorf("%w: %s is a link that leaves the folder: copy the file, or list it in %s", message.ErrInvalid, rel, IgnoreFile)
		}
		info, err := os.Stat(target)
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return fmt.Errorf("%w: %s is not a regular file: list it in %s", message.ErrInvalid, rel, IgnoreFile)
		}
		files = append(files, packFile{name: rel, path: target, mode: info.Mode(), size: info.Size()})
		total += info.Size()
		if len(files) > maxPackFiles || total > maxPackBytes {
			return fmt.Errorf("%w: %s holds more than %d files or %d MiB: is it the right folder?", message.ErrInvalid, root, maxPackFiles, maxPackBytes>>20)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%w: %s holds no file", message.ErrInvalid, root)
	}
	slices.SortFunc(files, func(a, b packFile) int { return strings.Compare(a.name, b.name) })
	return files, nil
}

func ignorePatterns(root string) ([]string, error) {
	patterns := slices.Clone(alwaysIgnored)
	file, err := os.Open(filepath.Join(root, IgnoreFile))
	if errors.Is(err, fs.ErrNotExist) {
		return patterns, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		pattern := strings.Trim(strings.TrimSpace(lines.Text()), "/")
		if pattern == "" || strings.HasPrefix(pattern, "#") {
			continue
		}
		if _, err := path.Match(pattern, "x"); err != nil {
			return nil, fmt.Errorf("%w: %s: pattern %q: %w", message.ErrInvalid, IgnoreFile, pattern, err)
		}
		patterns = append(patterns, pattern)
	}
	return patterns, lines.Err()
}

// matchesAny reports whether a pattern matches the whole relative name or its
// last element.
func matchesAny(patterns []string, rel string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		// The patterns were checked when they were read.
		whole, _ := path.Match(pattern, rel)
		base, _ := path.Match(pattern, path.Base(rel))
		return whole || base
	})
}

// appPattern finds the ASGI application in a Python module.
var appPattern = regexp.MustCompile(`(?m)^(?:(app|application)\s*(?::[^=\n]+)?=|(?:async\s+)?def\s+(app|application)\s*\()`)

// detect fills Entrypoint and Interface.
func (p *Pack) detect(root string, files []packFile, entrypoint string) error {
	if entrypoint != "" {
		p.Entrypoint, p.Interface = entrypoint, "binary"
		if strings.Contains(entrypoint, ":") {
			p.Interface = "asgi"
		}
		return nil
	}
	for _, module := range pythonModules(files) {
		source, err := os.ReadFile(module.path)
		if err != nil {
			return fmt.Errorf("read function code: %w", err)
		}
		if found := appPattern.FindSubmatch(source); found != nil {
			name := string(bytes.Join(found[1:], nil))
			p.Entrypoint, p.Interface = strings.TrimSuffix(module.name, ".py")+":"+name, "asgi"
			return nil
		}
	}
	var programs []string
	for _, file := range files {
		if !strings.Contains(file.name, "/") && isProgram(file) {
			programs = append(programs, file.name)
		}
	}
	if len(programs) == 1 {
		p.Entrypoint, p.Interface = programs[0], "binary"
		return nil
	}
	text := `name the ASGI application ("main:app") or the program as the entry point`
	if slices.ContainsFunc(files, func(f packFile) bool { return strings.HasSuffix(f.name, ".go") }) {
		text = "it holds Go sources: build a static program with CGO_ENABLED=0 go build, and deploy that"
	}
	return fmt.Errorf("%w: %s does not tell how to start it: %s", message.ErrInvalid, root, text)
}

// pythonModules returns the modules that may hold the application, the usual
// names first.
func pythonModules(files []packFile) []packFile {
	var usual, other []packFile
	for _, file := range files {
		switch {
		case strings.Contains(file.name, "/") || !strings.HasSuffix(file.name, ".py"):
		case file.name == "main.py":
			usual = slices.Insert(usual, 0, file)
		case file.name == "app.py":
			usual = append(usual, file)
		default:
			other = append(other, file)
		}
	}
	if len(usual) == 0 && len(other) == 1 {
		return other
	}
	return usual
}

// isProgram reports whether a file is a Linux executable.
func isProgram(file packFile) bool {
	f, err := elf.Open(file.path)
	if err != nil {
		return false
	}
	defer f.Close()
	return f.Type == elf.ET_EXEC || f.Type == elf.ET_DYN
}

// archiveTime is the modification time of every entry: archives of equal files
// are equal.
var archiveTime = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

func (p *Pack) write(files []packFile) (err error) {
	out, err := os.CreateTemp("", "aleph-function-*.zip")
	if err != nil {
		return fmt.Errorf("create archive: %w", err)
	}
	p.Path = out.Name()
	defer func() {
		err = errors.Join(err, out.Close())
		if err != nil {
			err = errors.Join(fmt.Errorf("write archive: %w", err), os.Remove(p.Path))
		}
	}()
	archive := zip.NewWriter(out)
	for _, file := range files {
		if err := addFile(archive, file, p.Interface == "binary" && file.name == p.Entrypoint); err != nil {
			return err
		}
	}
	if err := archive.Close(); err != nil {
		return err
	}
	info, err := out.Stat()
	if err != nil {
		return err
	}
	p.Size = info.Size()
	return nil
}

func addFile(archive *zip.Writer, file packFile, executable bool) error {
	header := &zip.FileHeader{Name: file.name, Method: zip.Deflate, Modified: archiveTime}
	mode := fs.FileMode(0o644)
	if executable || file.mode&0o111 != 0 {
		mode = 0o755
	}
	header.SetMode(mode)
	entry, err := archive.CreateHeader(header)
	if err != nil {
		return err
	}
	in, err := os.Open(file.path)
	if err != nil {
		return err
	}
	defer in.Close()
	_, err = io.Copy(entry, io.LimitReader(in, maxPackBytes))
	return err
}

package runtime

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// debianKeys verifies what comes from a Debian mirror.
const debianKeys = "/usr/share/keyrings/debian-archive-keyring.gpg"

// checkTool says which package a missing program is in.
func checkTool(program, pkg string) error {
	if _, err := exec.LookPath(program); err != nil {
		return fmt.Errorf("%s is missing: install the package %s (apt-get install %s)", program, pkg, pkg)
	}
	return nil
}

func checkDebian() error {
	if os.Geteuid() != 0 {
		return errors.New("making a Debian root file system needs root: run it once with sudo, " +
			"or use the runtime minimal")
	}
	if err := checkTool("mmdebstrap", "mmdebstrap"); err != nil {
		return err
	}
	if _, err := os.Stat(debianKeys); err != nil {
		return errors.New("the archive keys of Debian are missing: install the package debian-archive-keyring " +
			"(apt-get install debian-archive-keyring)")
	}
	return nil
}

// debianSteps are the beginnings of mmdebstrap's lines that begin a step, with
// what we say about it.
func debianSteps() []struct{ line, text string } {
	return []struct{ line, text string }{
		{"I: running apt-get update", "reading Debian's package lists"},
		{"I: downloading packages", "downloading Python and its packages"},
		{"I: extracting archives", "unpacking Python and its packages"},
	}
}

// makeDebian unpacks the recipe's packages into root, with what they depend on.
func makeDebian(ctx context.Context, b *build, root string) error {
	r := b.recipe
	args := []string{
		"--mode=root", "--variant=extract", "--format=directory",
		"--include=" + strings.Join(r.Packages, ","),
		`--aptopt=Acquire::Languages "none"`,
		`--aptopt=Acquire::Retries "3"`,
		`--aptopt=APT::Install-Recommends "false"`,
		r.Suite, root,
	}
	if b.cache.cfg.Mirror != "" {
		args = append(args, b.cache.cfg.Mirror)
	}
	var next int
	steps := debianSteps()
	tail, err := runTool(ctx, b.lock, func(line string) {
		for i := next; i < len(steps); i++ {
			if strings.HasPrefix(line, steps[i].line) {
				next = i + 1
				b.report(steps[i].text)
				return
			}
		}
	}, "mmdebstrap", args...)
	if err != nil {
		return fmt.Errorf("mmdebstrap: %w: %s", err, complaint(tail))
	}
	if err := setUpDebian(root); err != nil {
		return err
	}
	for _, pattern := range r.Remove {
		if err := removeMatches(root, pattern); err != nil {
			return err
		}
	}
	b.report("compiling the Python modules")
	if err := compilePython(ctx, b, root); err != nil {
		return err
	}
	return removeMatches(root, "/dev/*") // the driver provides one
}

// setUpDebian does what the packages' scripts would have done, as far as
// programs need it.
func setUpDebian(root string) error {
	for from, to := range map[string]string{
		"usr/share/base-passwd/passwd.master": "etc/passwd",
		"usr/share/base-passwd/group.master":  "etc/group",
	} {
		text, err := os.ReadFile(filepath.Join(root, from))
		if err != nil {
			return err
		}
		if err := writeFile(filepath.Join(root, to), string(text)); err != nil {
			return err
		}
	}
	for path, target := range map[string]string{
		"etc/localtime":        "/usr/share/zoneinfo/Etc/UTC",
		"usr/bin/sh":           "/bin/sh",
		"usr/bin/bash":         "/bin/bash",
		"usr/lib/ssl/cert.pem": certificates,
	} {
		if err := os.Symlink(target, filepath.Join(root, path)); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	if err := writeFile(filepath.Join(root, "etc", "nsswitch.conf"), nameServices); err != nil {
		return err
	}
	return joinCertificates(root)
}

// joinCertificates makes the one file of all certificate authorities.
func joinCertificates(root string) error {
	paths, err := filepath.Glob(filepath.Join(root, "usr", "share", "ca-certificates", "mozilla", "*.crt"))
	if err != nil {
		return err
	}
	if len(paths) == 0 {
		return errors.New("the package ca-certificates brought no certificates")
	}
	var all strings.Builder
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		all.Write(text)
	}
	return writeFile(filepath.Join(root, certificates), all.String())
}

// removeMatches removes what matches pattern inside root.
func removeMatches(root, pattern string) error {
	paths, err := filepath.Glob(filepath.Join(root, pattern))
	if err != nil {
		return err
	}
	for _, path := range paths {
		if err := removeTree(path); err != nil {
			return err
		}
	}
	return nil
}

// compilePython indexes the libraries and makes the byte code of every module, in a form that Python
// uses without looking at the source's time: inside a sandbox each look at a
// file costs.
func compilePython(ctx context.Context, b *build, root string) error {
	if tail, err := runTool(ctx, b.lock, nil, "chroot", root, "/sbin/ldconfig"); err != nil {
		return fmt.Errorf("index the libraries: %w: %s", err, complaint(tail))
	}
	tail, err := runTool(ctx, b.lock, nil, "chroot", root, "/usr/bin/python3", "-m", "compileall", "-q", "-f",
		"-j", "0", "--invalidation-mode", "unchecked-hash", "/usr/lib/python3", pythonLibrary(root))
	if err != nil {
		return fmt.Errorf("compile the Python modules: %w: %s", err, complaint(tail))
	}
	return nil
}

// pythonLibrary is the folder of the standard library inside root.
func pythonLibrary(root string) string {
	found, err := filepath.Glob(filepath.Join(root, "usr", "lib", "python3.*"))
	if err != nil || len(found) == 0 {
		return "/usr/lib/python3"
	}
	return strings.TrimPrefix(found[0], root)
}

// complaint picks the lines of a tool's last output that say what went wrong.
func complaint(tail []string) string {
	var errs []string
	for _, line := range tail {
		if strings.HasPrefix(line, "E:") || strings.HasPrefix(line, "Err:") || strings.Contains(line, "rror") {
			errs = append(errs, line)
		}
	}
	if len(errs) == 0 {
		errs = tail
	}
	return strings.Join(errs[max(0, len(errs)-5):], "; ")
}

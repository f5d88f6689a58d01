package house

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// LockFiles finds npm lock files that name download addresses, and folders with
// a package.json whose settings would let npm write them.
func LockFiles(tree fs.FS) ([]string, error) {
	names, err := files(tree, "package.json")
	if err != nil {
		return nil, err
	}
	var offences []string
	for _, name := range names {
		if path.Base(name) != "package.json" {
			continue
		}
		dir := path.Dir(name)
		settings, err := fs.ReadFile(tree, path.Join(dir, ".npmrc"))
		if err != nil || !strings.Contains("\n"+string(settings), "\nomit-lockfile-registry-resolved=true\n") {
			offences = append(offences, dir+"/.npmrc must say omit-lockfile-registry-resolved=true, so that `npm ci` works anywhere")
		}
		addresses, err := lockedAddresses(tree, path.Join(dir, "package-lock.json"))
		if err != nil {
			return nil, err
		}
		offences = append(offences, addresses...)
	}
	return offences, nil
}

func lockedAddresses(tree fs.FS, name string) ([]string, error) {
	text, err := fs.ReadFile(tree, name)
	if errors.Is(err, fs.ErrNotExist) {
		return []string{name + " is missing: run npm install and commit it"}, nil
	}
	if err != nil {
		return nil, err
	}
	var lock struct {
		Packages map[string]struct {
			Resolved, Integrity string
			Link                bool
		}
	}
	if err := json.Unmarshal(text, &lock); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	var offences []string
	for folder, entry := range lock.Packages {
		switch {
		case folder == "" || entry.Link:
		case strings.Contains(entry.Resolved, "://"):
			offences = append(offences, fmt.Sprintf("%s: %s names a download address (%s): delete the lock file and run npm install again", name, folder, entry.Resolved))
		case entry.Integrity == "":
			offences = append(offences, fmt.Sprintf("%s: %s has no checksum", name, folder))
		}
	}
	return offences, nil
}

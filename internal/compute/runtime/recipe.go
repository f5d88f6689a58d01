package runtime

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
)

// Recipe describes a runtime. Its key covers every field.
type Recipe struct {
	Name string
	// Revision changes when the code that follows the recipe makes something else.
	Revision int
	// Suite and Packages are Debian's; a recipe without a suite is made by hand.
	// The packages are unpacked and not installed: none of their scripts run, so
	// that the result is the same everywhere, and apt, dpkg and perl stay out.
	Suite    string
	Packages []string
	// Remove lists patterns of paths that are removed at the end.
	Remove []string
}

// recipes is the closed set of runtimes.
func recipes() []Recipe {
	return []Recipe{
		{
			Name:     "python",
			Revision: 1,
			Suite:    "bookworm",
			Packages: []string{
				"base-files", "base-passwd", "bash", "ca-certificates", "coreutils", "dash", "findutils", "grep",
				"libc-bin", "media-types", "netbase", "sed", "tzdata",
				"python3", "python3-fastapi", "python3-pydantic", "python3-multipart", "python3-requests",
				"python3-httpx", "python3-aiohttp", "python3-jinja2", "python3-yaml",
			},
			Remove: []string{
				"/boot", "/home", "/srv", "/media", "/etc/apt", "/etc/cron*", "/etc/dpkg", "/etc/hostname",
				"/etc/logrotate.d", "/etc/resolv.conf", "/etc/skel", "/usr/include", "/usr/games",
				"/usr/lib/*/gconv", "/usr/lib/python3*/pydoc_data", "/usr/lib/python3*/ensurepip",
				"/usr/lib/python3/dist-packages/*/tests", "/usr/share/bash-completion", "/usr/share/doc",
				"/usr/share/doc-base", "/usr/share/info", "/usr/share/lintian", "/usr/share/locale",
				"/usr/share/man", "/usr/share/perl*", "/usr/share/pixmaps", "/usr/share/zoneinfo/right",
				"/var/cache", "/var/lib/apt", "/var/lib/dpkg", "/var/log",
			},
		},
		{Name: "minimal", Revision: 1},
	}
}

// recipeOf returns the recipe called name.
func recipeOf(name string) (Recipe, error) {
	for _, r := range recipes() {
		if r.Name == name {
			return r, nil
		}
	}
	return Recipe{}, fmt.Errorf("%w: %q (there are %s)", ErrUnknown, name, strings.Join(Names(), ", "))
}

// Key is the part of the recipe's identity that fits in a path.
func (r Recipe) Key() string {
	text, err := json.Marshal(r)
	if err != nil {
		panic(fmt.Sprintf("a recipe is made of strings: %v", err))
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// steps is how many steps a build of r reports.
func (r Recipe) steps() int {
	if r.Suite != "" {
		return len(debianSteps()) + 3
	}
	return 3
}

// check finds out what a build would miss, before it starts.
func (r Recipe) check() error {
	if r.Suite != "" {
		if err := checkDebian(); err != nil {
			return err
		}
	}
	return checkTool("mksquashfs", "squashfs-tools")
}

// make fills the empty folder root.
func (r Recipe) make(ctx context.Context, b *build, root string) error {
	if r.Suite != "" {
		return makeDebian(ctx, b, root)
	}
	b.report("making the folders")
	return makeMinimal(root)
}

package runtime

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"aleph/message"
)

// List returns the runtimes in the cache, those of older recipes included.
func (c *Cache) List() ([]Image, error) {
	names, err := os.ReadDir(c.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var images []Image
	for _, name := range names {
		keys, err := os.ReadDir(filepath.Join(c.dir, name.Name()))
		if err != nil {
			continue // not a folder of ours
		}
		for _, key := range keys {
			if strings.HasPrefix(key.Name(), ".") {
				continue
			}
			if image, err := c.read(name.Name(), key.Name()); err == nil {
				images = append(images, *image)
			}
		}
	}
	return images, nil
}

// Remove removes every build of a runtime. Functions that run on it break;
// stop them first. It is no error if there is none.
func (c *Cache) Remove(ctx context.Context, name string) error {
	if name == "" || strings.ContainsAny(name, "/.") {
		return fmt.Errorf("%w: %q", ErrUnknown, name)
	}
	dir := filepath.Join(c.dir, name)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	lock, err := lockFile(ctx, filepath.Join(dir, ".lock"))
	if err != nil {
		return fmt.Errorf("remove runtime %s: %w", name, err)
	}
	defer lock.Close()
	errs := []error{removeRemains(dir)}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		// Out of sight first: a half-removed runtime must not be found.
		trash, err := os.MkdirTemp(dir, trashPrefix)
		if err == nil {
			err = os.Rename(filepath.Join(dir, e.Name()), filepath.Join(trash, "old"))
		}
		if err == nil {
			err = removeTree(trash)
		}
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("remove runtime %s: %w", name, err)
	}
	return nil
}

// AliasesOf returns what a program may name as its runtime, in a network, for
// one that can be built here: the hashes of the network's well-known runtimes,
// where there is a recipe of the same name.
func AliasesOf(n message.Network) map[message.Hash]string {
	a := make(map[message.Hash]string)
	for _, image := range n.Images {
		if image.Kind != message.ImageRuntime {
			continue
		}
		if _, err := recipeOf(image.Name); err == nil {
			a[image.Ref] = image.Name
		}
	}
	return a
}

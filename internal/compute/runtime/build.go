package runtime

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// build is one build of a recipe, with those who wait for it.
type build struct {
	cache  *Cache
	recipe Recipe
	force  bool
	cancel context.CancelFunc
	lock   *os.File // held while the recipe is followed
	done   chan struct{}
	image  *Image // these two are valid once done is closed
	err    error

	mu      sync.Mutex // guards event and changed
	event   Event
	changed chan struct{} // closed at the next event
}

func newBuild(c *Cache, r Recipe, force bool, cancel context.CancelFunc) *build {
	return &build{
		cache: c, recipe: r, force: force, cancel: cancel, done: make(chan struct{}), changed: make(chan struct{}),
		event: Event{Runtime: r.Name, Steps: r.steps(), Text: "waiting"},
	}
}

// report begins the next step.
func (b *build) report(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.event.Step = min(b.event.Step+1, b.event.Steps)
	b.event.Text = text
	close(b.changed)
	b.changed = make(chan struct{})
}

func (b *build) latest() Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.event
}

// follow waits for the build. A caller that is slower than the steps sees only
// the last of them.
func (b *build) follow(ctx context.Context, progress func(Event)) (*Image, error) {
	seen := 0
	for {
		b.mu.Lock()
		event, changed := b.event, b.changed
		b.mu.Unlock()
		if progress != nil && event.Step > seen {
			seen = event.Step
			progress(event)
		}
		select {
		case <-changed:
		case <-b.done:
			return b.image, b.err
		case <-ctx.Done():
			return nil, fmt.Errorf("runtime %s is still being built (%s): %w", b.recipe.Name, event.Text, context.Cause(ctx))
		}
	}
}

// run builds under the lock of the runtime.
func (b *build) run(ctx context.Context) {
	defer close(b.done)
	b.image, b.err = b.locked(ctx)
	if b.err != nil {
		b.err = fmt.Errorf("build runtime %s: %w", b.recipe.Name, b.err)
		if ctx.Err() != nil {
			b.err = errors.Join(b.err, context.Cause(ctx))
		}
	}
}

func (b *build) locked(ctx context.Context) (*Image, error) {
	if err := b.recipe.check(); err != nil {
		return nil, err
	}
	dir := filepath.Join(b.cache.dir, b.recipe.Name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	b.report("waiting for another process that builds it")
	lock, err := lockFile(ctx, filepath.Join(dir, ".lock"))
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	b.lock = lock
	if err := removeRemains(dir); err != nil {
		return nil, err
	}
	key := b.recipe.Key()
	if !b.force {
		if image, err := b.cache.read(b.recipe.Name, key); err == nil {
			return image, nil
		}
	}
	began := time.Now()
	if err := b.make(ctx, dir, key); err != nil {
		return nil, errors.Join(err, removeRemains(dir))
	}
	image, err := b.cache.read(b.recipe.Name, key)
	if err != nil {
		return nil, err
	}
	b.cache.log.InfoContext(ctx, "runtime built", "runtime", image.Name, "key", key,
		"seconds", time.Since(began).Seconds(), "bytes", image.RootSize)
	return image, nil
}

// Names of what is not a finished runtime begin with these.
const (
	buildPrefix = ".build-"
	trashPrefix = ".trash-"
)

// make builds in a temporary folder and moves that to its place.
func (b *build) make(ctx context.Context, dir, key string) error {
	tmp, err := os.MkdirTemp(dir, buildPrefix)
	if err != nil {
		return err
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	root := filepath.Join(tmp, rootName)
	if err := os.Mkdir(root, 0o755); err != nil {
		return err
	}
	if err := b.recipe.make(ctx, b, root); err != nil {
		return err
	}
	if err := finishRoot(root); err != nil {
		return err
	}
	b.report("packing the image")
	init, err := b.cache.InitPath()
	if err != nil {
		return err
	}
	if err := pack(ctx, root, init, filepath.Join(tmp, imageName), b.lock); err != nil {
		return err
	}
	if err := writeFile(filepath.Join(root, InitMount), ""); err != nil {
		return err
	}
	if err := writeInfo(tmp, b.recipe.Name, key); err != nil {
		return err
	}
	return replace(tmp, filepath.Join(dir, key))
}

// replace moves the folder tmp to path. What is there moves away first, for a
// program that still uses it keeps its open files.
func replace(tmp, path string) error {
	if _, err := os.Lstat(path); err == nil {
		trash, err := os.MkdirTemp(filepath.Dir(path), trashPrefix)
		if err != nil {
			return err
		}
		if err := os.Rename(path, filepath.Join(trash, "old")); err != nil {
			return err
		}
		defer func() { _ = removeTree(trash) }() // else the next build does
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// removeRemains removes what interrupted builds left in dir. The caller holds
// the lock.
func removeRemains(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), buildPrefix) || strings.HasPrefix(e.Name(), trashPrefix) {
			errs = append(errs, removeTree(filepath.Join(dir, e.Name())))
		}
	}
	return errors.Join(errs...)
}

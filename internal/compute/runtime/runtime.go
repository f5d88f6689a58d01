// Package runtime makes and keeps the root file systems on which functions
// run. Each is made from a [Recipe] of this package: "python" (Debian's Python
// with FastAPI) and "minimal" (for static programs).
//
// A [Cache] is a folder. Below it, NAME/KEY holds one runtime, where KEY is
// derived from the recipe, so that a changed recipe makes a new runtime beside
// the old one:
//
//	rootfs/          the root file system, for drivers that share a folder
//	image.squashfs   the same as one file, to publish or to boot, with aleph-init
//	info.json        what [Image] says; written last
//
// A runtime appears under its key complete or not at all. Two processes never
// build the same runtime: a lock file keeps the second one waiting. What an
// interrupted build left behind is removed by the next one.
//
// Folders do not hold aleph-init: it belongs to the host's version, and the
// driver mounts it. Only the squashfs image has a copy, which negotiates its
// protocol with any host.
package runtime

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"aleph/message"
)

// Config says where runtimes are kept and how they are made.
type Config struct {
	Cache        string        `yaml:"cache" doc:"Folder of the runtimes. Empty: aleph/runtimes in the user's cache folder."`
	Init         string        `yaml:"init" doc:"Path of the aleph-init program. Empty: beside the running program, or in ../libexec/aleph or ../lib/aleph from there."`
	Mirror       string        `yaml:"mirror" doc:"Debian mirror for building the python runtime. Empty: Debian's own."`
	BuildTimeout time.Duration `yaml:"build_timeout" doc:"How long one build may take."`
}

// DefaultConfig returns the settings that need none.
func DefaultConfig() Config {
	return Config{BuildTimeout: 15 * time.Minute}
}

// Cache is a folder of runtimes. It is safe for concurrent use, and several
// processes may use one folder.
type Cache struct {
	cfg  Config
	dir  string
	log  *slog.Logger
	wait sync.WaitGroup

	mu     sync.Mutex // guards what follows
	closed bool
	builds map[string]*build
	last   map[string]error // of the builds that failed
}

// Open returns the cache of cfg. It makes no folder yet.
func Open(cfg Config, log *slog.Logger) (*Cache, error) {
	dir := cfg.Cache
	if dir == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return nil, fmt.Errorf("find the user's cache folder: %w (set HOME, XDG_CACHE_HOME or the runtime cache setting)", err)
		}
		dir = filepath.Join(base, "aleph", "runtimes")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("runtime cache %s: %w", dir, err)
	}
	if cfg.BuildTimeout <= 0 {
		cfg.BuildTimeout = DefaultConfig().BuildTimeout
	}
	return &Cache{cfg: cfg, dir: dir, log: log, builds: make(map[string]*build), last: make(map[string]error)}, nil
}

// Close ends the builds that run, and waits for them. It may be called again.
func (c *Cache) Close() error {
	c.mu.Lock()
	c.closed = true
	for _, b := range c.builds {
		b.cancel()
	}
	c.mu.Unlock()
	c.wait.Wait()
	return nil
}

// Dir is the folder of the cache.
func (c *Cache) Dir() string { return c.dir }

// Event is a step of a build, for people to see.
type Event struct {
	Runtime string `json:"runtime"`
	// Step counts from 1 to Steps.
	Step  int    `json:"step"`
	Steps int    `json:"steps"`
	Text  string `json:"text"`
}

// Options of [Cache.Build].
type Options struct {
	// Force builds again what is there already.
	Force bool
	// Progress, when not nil, is called for each step, one at a time.
	Progress func(Event)
}

// Image is a runtime that is ready for use.
type Image struct {
	Name string `json:"name"`
	// Key tells builds of different recipes apart.
	Key string `json:"key"`
	// Root is the folder with the root file system. Treat it as read-only.
	Root string `json:"root"`
	// Squashfs is the path of the image file.
	Squashfs string `json:"squashfs"`
	// RootSize and SquashfsSize are in bytes.
	RootSize     int64     `json:"root_size"`
	SquashfsSize int64     `json:"squashfs_size"`
	Built        time.Time `json:"built"`
	// Current says that the key is the one of this program's recipe.
	Current bool `json:"current"`
}

// ErrUnknown means that no recipe has the name.
var ErrUnknown = fmt.Errorf("unknown runtime: %w", message.ErrNotFound)

// Names lists the runtimes that can be built.
func Names() []string {
	var names []string
	for _, r := range recipes() {
		names = append(names, r.Name)
	}
	return names
}

// Lookup returns the runtime called name if it has been built.
func (c *Cache) Lookup(name string) (*Image, bool) {
	r, err := recipeOf(name)
	if err != nil {
		return nil, false
	}
	image, err := c.read(r.Name, r.Key())
	return image, err == nil
}

// Ensure returns the runtime called name, and builds it first if need be.
// Callers that ask for the same share one build, which goes on when ctx of one
// of them ends. progress may be nil.
func (c *Cache) Ensure(ctx context.Context, name string, progress func(Event)) (*Image, error) {
	return c.Build(ctx, name, Options{Progress: progress})
}

// Build is [Cache.Ensure] with options.
func (c *Cache) Build(ctx context.Context, name string, opts Options) (*Image, error) {
	r, err := recipeOf(name)
	if err != nil {
		return nil, err
	}
	if !opts.Force {
		if image, err := c.read(r.Name, r.Key()); err == nil {
			return image, nil
		}
	}
	b, err := c.join(ctx, r, opts.Force)
	if err != nil {
		return nil, err
	}
	return b.follow(ctx, opts.Progress)
}

// join returns the build of r that runs, or starts one, which ctx does not end.
func (c *Cache) join(ctx context.Context, r Recipe, force bool) (*build, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if b := c.builds[r.Name]; b != nil {
		return b, nil
	}
	if c.closed {
		return nil, errors.New("the runtime cache is closed")
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.cfg.BuildTimeout)
	b := newBuild(c, r, force, cancel)
	c.builds[r.Name] = b
	delete(c.last, r.Name)
	c.wait.Go(func() {
		defer cancel()
		b.run(ctx)
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.builds, r.Name)
		if b.err != nil {
			c.last[r.Name] = b.err
		}
	})
	return b, nil
}

// State is what a cache can say about a runtime.
type State struct {
	Name string `json:"name"`
	// Image is nil until the runtime has been built.
	Image *Image `json:"image,omitempty"`
	// Building is the last step of the build that runs in this process.
	Building *Event `json:"building,omitempty"`
	// Error is why the last build in this process failed.
	Error string `json:"error,omitempty"`
}

// States returns the state of every runtime that there is a recipe for.
func (c *Cache) States() []State {
	var states []State
	for _, name := range Names() {
		s := State{Name: name}
		if image, ok := c.Lookup(name); ok {
			s.Image = image
		}
		c.mu.Lock()
		if b := c.builds[name]; b != nil {
			e := b.latest()
			s.Building = &e
		}
		if err := c.last[name]; err != nil {
			s.Error = err.Error()
		}
		c.mu.Unlock()
		states = append(states, s)
	}
	return states
}

package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"aleph/client"
	"aleph/internal/compute/runtime"
	"aleph/internal/config"
	"aleph/internal/local"
	"aleph/internal/telemetry"
	"aleph/message"
)

func newRuntimeCommand(a *app) *cobra.Command {
	return newGroupCommand(a, "runtime", "Root file systems of functions", newRuntimeBuildCommand(a), newRuntimeListCommand(a))
}

// runtimeCache opens the user's cache of runtimes, where it was configured.
func (a *app) runtimeCache() (*runtime.Cache, error) {
	cfg, err := config.Load(a.Env("ALEPH_CONFIG"), a.Environ)
	if err != nil {
		return nil, err
	}
	logs := telemetry.DefaultLogConfig()
	logs.Level = "warn"
	log, err := telemetry.NewLogger(a.Err, logs)
	if err != nil {
		return nil, err
	}
	return runtime.Open(cfg.Local.Runtimes, log)
}

// runtimeJSON is a runtime as --json prints it.
type runtimeJSON struct {
	Name         string       `json:"name"`
	Ref          message.Hash `json:"ref"`
	Built        bool         `json:"built"`
	RootSize     int64        `json:"root_size,omitempty"`
	SquashfsSize int64        `json:"squashfs_size,omitempty"`
	Since        *time.Time   `json:"since,omitempty"`
	Root         string       `json:"root,omitempty"`
	Squashfs     string       `json:"squashfs,omitempty"`
}

func describeRuntime(name string, image *runtime.Image) runtimeJSON {
	r := runtimeJSON{Name: name, Ref: local.RuntimeRef(name)}
	if image != nil {
		r.Built, r.Since = true, &image.Built
		r.RootSize, r.SquashfsSize, r.Root, r.Squashfs = image.RootSize, image.SquashfsSize, image.Root, image.Squashfs
	}
	return r
}

func newRuntimeBuildCommand(a *app) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use: "build NAME", Short: "Build a runtime into the user's cache", Args: cobra.ExactArgs(1),
		Long: `Build a runtime into the user's cache, from which every local cloud takes it. A
runtime that is missing is built when a function needs it first; this does it
ahead of time. Runtimes: ` + strings.Join(runtime.Names(), ", ") + `.`,
		ValidArgs: runtime.Names(),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(runtime.Names(), args[0]) {
				return usagef("no runtime is called %q: there are %s", args[0], strings.Join(runtime.Names(), ", "))
			}
			cache, err := a.runtimeCache()
			if err != nil {
				return err
			}
			defer cache.Close()
			image, err := cache.Build(cmd.Context(), args[0], runtime.Options{Force: force, Progress: func(e runtime.Event) {
				a.note("[%d/%d] %s", e.Step, e.Steps, e.Text)
			}})
			if err != nil {
				return err
			}
			return a.present(describeRuntime(args[0], image), func(w io.Writer) error {
				return a.writeFields(w,
					[2]string{"runtime", image.Name}, [2]string{"folder", image.Root},
					[2]string{"size", fmt.Sprintf("%s, %s packed", size(image.RootSize), size(image.SquashfsSize))})
			})
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "build again what is built already")
	return cmd
}

func newRuntimeListCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "Show the runtimes and which are built", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			cache, err := a.runtimeCache()
			if err != nil {
				return err
			}
			defer cache.Close()
			list := []runtimeJSON{}
			t := newTable("RUNTIME", "BUILT", "SIZE", "PACKED", "REF")
			for _, state := range cache.States() {
				r := describeRuntime(state.Name, state.Image)
				list = append(list, r)
				if r.Built {
					t.add(r.Name, ago(*r.Since), size(r.RootSize), size(r.SquashfsSize), string(r.Ref))
				} else {
					t.add(r.Name, "no", "", "", string(r.Ref))
				}
			}
			return a.present(list, func(w io.Writer) error { return a.writeTable(w, t) })
		},
	}
}

// runtimeRef returns the STORE message that a runtime's name stands for: a
// hash stands for itself, a name for what the network's authority lists, else
// for the well-known one.
func (a *app) runtimeRef(ctx context.Context, c *client.Client, name string) (message.Hash, error) {
	if ref, err := message.ParseHash(name); err == nil {
		return ref, nil
	}
	if slices.Contains(runtime.Names(), name) {
		return local.RuntimeRef(name), nil
	}
	raw, err := c.Aggregate(ctx, message.PublicNetwork().Authorities.Settings, "vm-images")
	if err == nil {
		var images struct {
			Runtimes map[string]struct {
				Hash message.Hash `json:"hash"`
			} `json:"runtimes"`
		}
		if json.Unmarshal(raw, &images) == nil && images.Runtimes[name].Hash != "" {
			return images.Runtimes[name].Hash, nil
		}
	}
	return "", fmt.Errorf("%w: no runtime is called %q: use one of %s, or the hash of its STORE message",
		message.ErrNotFound, name, strings.Join(runtime.Names(), ", "))
}

// watchRuntimes tells a person how the building of a runtime goes while a call
// waits for it. The function it returns ends that.
func (a *app) watchRuntimes(ctx context.Context, c *client.Client) (stop func()) {
	if a.flags.quiet || a.flags.json {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() {
		tick := time.NewTicker(time.Second) // a call that needs no building is over by then
		defer tick.Stop()
		said := ""
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			states, err := c.Runtimes(ctx)
			if err != nil {
				return // not one of our hosts: it has nothing to tell
			}
			for _, s := range states {
				if s.Building == nil {
					continue
				}
				if text := fmt.Sprintf("building runtime %s [%d/%d] %s", s.Name, s.Building.Step, s.Building.Steps, s.Building.Text); text != said {
					a.note("%s", printable(text))
					said = text
				}
			}
		}
	})
	return func() {
		cancel()
		running.Wait()
	}
}

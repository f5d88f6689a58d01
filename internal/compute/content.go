package compute

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"aleph/internal/compute/api"
	"aleph/internal/compute/disk"
	"aleph/internal/compute/guest"
	"aleph/internal/compute/vm"
	"aleph/message"
)

// plan is what a function's message asks for, with the newest version of each
// file. // spec crn 2.2
type plan struct {
	owner   message.Address
	program *message.Program
	// watched are the original files: an update of one makes the plan old.
	watched map[message.Hash]struct{}

	code, runtime, data message.Hash // data is empty when none
	volumes             []message.Hash
}

// lookup reads the program message of a function.
func (h *Host) lookup(ctx context.Context, hash message.Hash) (*message.Program, error) {
	info, err := h.client.Message(ctx, hash)
	if err != nil {
		return nil, err
	}
	switch info.Status {
	case message.StatusProcessed, message.StatusRemoving:
	case message.StatusPending:
		return nil, fmt.Errorf("message %s: %w: it is still pending", hash, message.ErrUnavailable)
	default:
		return nil, fmt.Errorf("message %s: %w: it is %s", hash, message.ErrNotFound, info.Status)
	}
	if info.Invalid != nil {
		return nil, info.Invalid
	}
	program, ok := info.Message.Content.(*message.Program)
	if !ok {
		return nil, fmt.Errorf("message %s: %w: it is %s", hash, api.ErrNotProgram, info.Message.Type)
	}
	return program, nil
}

// resolve replaces what a program lets be replaced by its newest version.
func (h *Host) resolve(ctx context.Context, program *message.Program) (*plan, error) {
	p := &plan{
		owner: program.Owner(), program: program, watched: map[message.Hash]struct{}{},
		code: program.Code.Ref, runtime: program.Runtime.Ref, volumes: make([]message.Hash, len(program.Volumes)),
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	latest := func(ref *message.Hash, useLatest bool) {
		if *ref == "" {
			return
		}
		original := *ref
		p.watched[original] = struct{}{}
		if _, ours := h.alias(original); !useLatest || ours {
			return
		}
		group.Go(func() error {
			newest, err := h.client.LatestStore(ctx, original)
			if err != nil {
				return err
			}
			*ref = newest
			return nil
		})
	}
	latest(&p.code, program.Code.UseLatest)
	latest(&p.runtime, program.Runtime.UseLatest)
	if program.Data != nil {
		p.data = program.Data.Ref
		latest(&p.data, program.Data.UseLatest)
	}
	for i, v := range program.Volumes {
		if v.Kind == message.VolumeImmutable {
			p.volumes[i] = v.Ref
			latest(&p.volumes[i], v.UseLatest)
		}
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return p, nil
}

// fetch makes everything of a plan available on this host, until the function it
// returns is called.
func (h *Host) fetch(ctx context.Context, p *plan) (_ *vm.Spec, _ func(), err error) {
	var mu sync.Mutex // guards releases
	var releases []func()
	release := func() {
		mu.Lock()
		defer mu.Unlock()
		for _, r := range releases {
			r()
		}
		releases = nil
	}
	defer func() {
		if err != nil {
			release()
		}
	}()
	pin := func(r func()) {
		mu.Lock()
		defer mu.Unlock()
		releases = append(releases, r)
	}
	program := p.program
	s := &vm.Spec{
		Code: vm.Code{
			Encoding: program.Code.Encoding, Entrypoint: program.Code.Entrypoint,
			Interface: guest.InterfaceOf(program.Code.Interface, program.Code.Entrypoint),
		},
		Resources: vm.Resources{VCPUs: max(program.Resources.VCPUs, 1), MemoryMiB: program.Resources.Memory, PIDs: h.cfg.PIDs},
		Env:       maps.Clone(program.Variables), Internet: program.Environment.Internet,
		AuthorizedKeys: program.AuthorizedKeys, Volumes: make([]vm.Volume, len(program.Volumes)),
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	group.Go(func() (err error) { s.Root, err = h.fetchRuntime(ctx, p.runtime, pin); return err })
	group.Go(func() error { return h.fetchCode(ctx, p, &s.Code, pin) })
	if p.data != "" {
		group.Go(func() (err error) { s.Data, err = h.fetchBytes(ctx, p.data); return err })
	}
	for i := range program.Volumes {
		group.Go(func() (err error) {
			s.Volumes[i], err = h.fetchVolume(ctx, i, program.Volumes[i], p.volumes[i], pin)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, nil, err
	}
	if err := checkMounts(s.Volumes); err != nil {
		return nil, nil, err
	}
	return s, release, nil
}

// fetchRuntime returns the directory of a runtime: one of ours when the table
// says so, else the unpacked squashfs that a user brought.
func (h *Host) fetchRuntime(ctx context.Context, ref message.Hash, pin func(func())) (string, error) {
	if name, ours := h.alias(ref); ours {
		image, err := h.runtimes.Ensure(ctx, name, nil)
		if err != nil {
			return "", fmt.Errorf("runtime %s: %w: %w", name, message.ErrUnavailable, err)
		}
		return image.Root, nil
	}
	dir, release, err := h.cache.folder(ctx, ref, message.EncodingSquashfs, h.cfg.Cache.File, h.cfg.Cache.Runtime)
	if err != nil {
		return "", fmt.Errorf("runtime: %w", err)
	}
	pin(release)
	return dir, nil
}

func (h *Host) fetchCode(ctx context.Context, p *plan, c *vm.Code, pin func(func())) error {
	if c.Encoding == message.EncodingPlain {
		b, err := h.fetchBytes(ctx, p.code)
		c.Bytes = b
		return err
	}
	limit := h.cfg.MaxCode
	if c.Encoding == message.EncodingSquashfs {
		limit = h.cfg.Cache.File
	}
	dir, release, err := h.cache.folder(ctx, p.code, c.Encoding, limit, h.cfg.Cache.Unpack)
	if err != nil {
		return codeError(err)
	}
	pin(release)
	c.Dir = dir
	return nil
}

// fetchBytes returns a file that the guest gets inside its configuration.
func (h *Host) fetchBytes(ctx context.Context, ref message.Hash) ([]byte, error) {
	name, release, err := h.cache.file(ctx, ref, h.cfg.MaxCode)
	if err != nil {
		return nil, codeError(err)
	}
	defer release()
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.Size() > h.cfg.MaxCode { // downloaded before with a higher limit
		return nil, codeError(tooLarge(ref, h.cfg.MaxCode))
	}
	return os.ReadFile(name)
}

// codeError marks what the specification answers in its own words.
func codeError(err error) error {
	if errors.Is(err, errTooLarge) {
		return fmt.Errorf("%w: %w", api.ErrCodeTooLarge, err)
	}
	return err
}

func (h *Host) fetchVolume(ctx context.Context, index int, v message.Volume, ref message.Hash, pin func(func())) (vm.Volume, error) {
	// spec crn 7.2
	name := v.Name
	if name == "" {
		name = fmt.Sprintf("unamed_volume_%d", index)
	}
	name = disk.VolumeName(name)
	out := vm.Volume{Kind: v.Kind, Name: name, Mount: v.Mount, SizeMiB: v.SizeMiB}
	if out.Mount == "" {
		out.Mount = "/mnt/" + name
	}
	switch v.Kind {
	case message.VolumeEphemeral: // made by the driver
	case message.VolumeImmutable:
		out.ReadOnly = true
		source, release, err := h.immutable(ctx, ref)
		if err != nil {
			return out, fmt.Errorf("volume %s: %w", out.Mount, err)
		}
		pin(release)
		out.Source = source
	case message.VolumePersistent:
		if v.Persistence == "store" {
			return out, fmt.Errorf("volume %s: %w: persistence \"store\" is not offered, use \"host\"", out.Mount, message.ErrInvalid)
		}
		if v.Parent != nil {
			return out, fmt.Errorf("volume %s: %w: a volume of a function has no parent image", out.Mount, message.ErrInvalid)
		}
		if v.SizeMiB <= 0 {
			return out, fmt.Errorf("volume %s: %w: it has no size", out.Mount, message.ErrInvalid)
		}
	}
	return out, nil
}

// immutable makes a file of the network mountable: an archive as a folder,
// anything else as the file that it is.
func (h *Host) immutable(ctx context.Context, ref message.Hash) (string, func(), error) {
	file, release, err := h.cache.file(ctx, ref, h.cfg.Cache.File)
	if err != nil {
		return "", nil, err
	}
	kind, err := disk.ArchiveKind(file)
	if err != nil || kind == "" {
		return file, release, err
	}
	defer release()
	return h.cache.folder(ctx, ref, kind, h.cfg.Cache.File, h.cfg.Cache.Unpack)
}

// hidden are the places that a volume may neither cover nor be in; covered
// those that it may be in.
var (
	hidden  = []string{"/proc", "/sys", "/dev", "/sbin", "/bin", "/lib64", "/run"}
	covered = []string{"/", "/etc", "/usr", "/lib", "/opt", "/usr/bin", "/usr/lib", "/usr/sbin"}
)

// checkMounts refuses volumes that hide what the guest needs, or each other.
func checkMounts(volumes []vm.Volume) error {
	seen := map[string]bool{"/etc/resolv.conf": true, "/etc/hosts": true, vm.CodeMount: true, "/tmp": true, "/data": true}
	for _, v := range volumes {
		if !path.IsAbs(v.Mount) || path.Clean(v.Mount) != strings.TrimSuffix(v.Mount, "/") || strings.ContainsRune(v.Mount, 0) {
			return fmt.Errorf("volume %q: %w: the mount must be a plain absolute path", v.Mount, message.ErrInvalid)
		}
		m := path.Clean(v.Mount)
		inside := func(dir string) bool { return m == dir || strings.HasPrefix(m, dir+"/") }
		if slices.Contains(covered, m) || slices.ContainsFunc(hidden, inside) {
			return fmt.Errorf("volume %s: %w: nothing can be mounted there", m, message.ErrInvalid)
		}
		if seen[m] {
			return fmt.Errorf("volume %s: %w: something else is mounted there", m, message.ErrInvalid)
		}
		seen[m] = true
	}
	return nil
}

// logPath is where the log of a function stands.
func (h *Host) logPath(hash message.Hash) string {
	return filepath.Join(h.dir, "logs", string(hash)+".jsonl")
}

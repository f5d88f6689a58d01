package compute

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"aleph/internal/compute/api"
	"aleph/internal/compute/vm"
	"aleph/message"
)

// Executions lists the functions with a machine.
func (h *Host) Executions() []api.Execution {
	var all []api.Execution
	for _, f := range h.all() {
		f.mu.Lock()
		r := f.current
		f.mu.Unlock()
		if r == nil {
			continue
		}
		state, times := r.machine.State()
		all = append(all, api.Execution{
			Hash: f.hash, Times: times, Running: state == vm.StateRunning, Address: r.machine.Address(),
			Internet: r.plan.program.Environment.Internet, Persistent: r.plan.program.On.Persistent,
		})
	}
	slices.SortFunc(all, func(a, b api.Execution) int { return cmp.Compare(a.Hash, b.Hash) })
	return all
}

// Owner returns the owner of a function.
func (h *Host) Owner(ctx context.Context, hash message.Hash) (message.Address, error) {
	if f := h.find(hash); f != nil {
		f.mu.Lock()
		r := f.current
		f.mu.Unlock()
		if r != nil {
			return r.plan.owner, nil
		}
	}
	program, err := h.lookup(ctx, hash)
	if err != nil {
		return "", err
	}
	return program.Owner(), nil
}

// MayOperate reports whether caller may operate what owner owns.
func (h *Host) MayOperate(ctx context.Context, owner, caller message.Address) bool {
	return owner.EqualFold(caller) || h.grants.allow(ctx, owner, caller)
}

// Stop ends the machine of a function.
func (h *Host) Stop(ctx context.Context, hash message.Hash) bool {
	f := h.find(hash)
	return f != nil && f.stop(ctx)
}

// Erase ends the machine of a function and deletes what it kept here: its
// volumes and its values of the guest API.
func (h *Host) Erase(ctx context.Context, hash message.Hash) error {
	h.Stop(ctx, hash)
	h.values.Drop(string(hash))
	return h.volumes.Erase(string(hash))
}

// Expire ends the machine of a function after d.
func (h *Host) Expire(hash message.Hash, d time.Duration) bool {
	f := h.find(hash)
	if f == nil {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.current == nil {
		return false
	}
	f.current.expires = time.Now().Add(d)
	return true
}

// Log returns the kept log of a function.
func (h *Host) Log(hash message.Hash) ([]vm.Entry, bool) {
	path := h.logPath(hash)
	if _, err := os.Stat(path); err != nil {
		return nil, false
	}
	return vm.ReadLog(path), true
}

// FollowLog returns the kept log of a function and what comes after.
func (h *Host) FollowLog(hash message.Hash) (past []vm.Entry, next <-chan vm.Entry, cancel func(), ok bool) {
	if f := h.find(hash); f != nil {
		f.mu.Lock()
		log, live := f.log, f.current != nil || f.starting != nil
		f.mu.Unlock()
		if log != nil && live {
			past, next, cancel = log.Follow()
			return past, next, cancel, true
		}
	}
	past, ok = h.Log(hash)
	return past, nil, func() {}, ok
}

// Runtimes says which runtimes there are and how their building goes.
func (h *Host) Runtimes() any { return h.runtimes.States() }

// Probe says what the sandbox can do, once that is known.
func (h *Host) Probe() (vm.Probe, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.probe == nil {
		return vm.Probe{}, false
	}
	return *h.probe, true
}

// Capacity says how much of the host functions use.
func (h *Host) Capacity() api.Capacity {
	machines, memory := h.room.used()
	return api.Capacity{MemoryMiB: h.cfg.MemoryMiB, UsedMiB: memory, Machines: machines, MaxMachines: h.cfg.MaxMachines}
}

// maxLogs bounds the functions whose logs are kept.
const maxLogs = 2000

// pruneLogs deletes the logs of the functions that ran longest ago.
func (h *Host) pruneLogs() error {
	type log struct {
		path string
		used time.Time
	}
	paths, err := filepath.Glob(filepath.Join(h.dir, "logs", "*.jsonl"))
	if err != nil {
		return err
	}
	logs := make([]log, 0, len(paths))
	for _, p := range paths {
		info, err := os.Stat(p)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("logs of functions: %w", err)
		}
		logs = append(logs, log{p, info.ModTime()})
	}
	slices.SortFunc(logs, func(a, b log) int { return b.used.Compare(a.used) })
	for _, l := range logs[min(len(logs), maxLogs):] {
		hash := message.Hash(strings.TrimSuffix(filepath.Base(l.path), ".jsonl"))
		if f := h.find(hash); f != nil {
			continue
		}
		if err := vm.RemoveLog(l.path); err != nil {
			return err
		}
	}
	return nil
}

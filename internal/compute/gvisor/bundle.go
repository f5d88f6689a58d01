package gvisor

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"aleph/internal/compute/vm"
	"aleph/message"
)

// The user that runs everything inside a sandbox: nobody, on Debian.
const guestUID, guestGID = 65534, 65534

// initPath is where the guest finds its process 1.
const initPath = "/usr/sbin/aleph-init"

// cpuPeriod of the quota in microseconds, the kernel's default.
const cpuPeriod = 100_000

// memoryLimit is the limit of a sandbox in bytes.
func (d *Driver) memoryLimit(s *vm.Spec) int64 {
	return int64(s.Resources.MemoryMiB+d.cfg.OverheadMiB) << 20
}

// writeBundle writes what runsc reads: the configuration and the files that
// are mounted over those of the runtime.
func (d *Driver) writeBundle(l vm.Launch, p *probeResult, init string, group cgroup) error {
	if !p.Flags.Overlay2 && hasWritable(l.Spec.Volumes) {
		return errors.New("this runsc cannot keep what a function writes to a persistent volume: install one of 2022-12 or newer")
	}
	config, err := d.ociSpec(l, init, group)
	if err != nil {
		return err
	}
	if p.Rootless && hasWritable(l.Spec.Volumes) {
		// Without root the only user that can own a file outside is the host's
		// own, which is 0 inside: still without capabilities.
		config.Process.User = specs.User{}
	}
	b, err := json.MarshalIndent(config, "", " ")
	if err != nil {
		return err
	}
	files := map[string]string{
		"config.json": string(b),
		"hosts":       "127.0.0.1 localhost\n::1 localhost\n",
		"resolv.conf": "",
	}
	if l.Network != nil {
		files["resolv.conf"] = l.Network.ResolvConf()
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(l.Dir, name), []byte(text), 0o644); err != nil {
			return fmt.Errorf("write the bundle of machine %s: %w", l.Spec.ID, err)
		}
	}
	return nil
}

func hasWritable(volumes []vm.Volume) bool {
	for _, v := range volumes {
		if !v.ReadOnly && v.Kind == message.VolumePersistent {
			return true
		}
	}
	return false
}

// ociSpec is the configuration of the sandbox of l.
func (d *Driver) ociSpec(l vm.Launch, init string, group cgroup) (*specs.Spec, error) {
	s := l.Spec
	mounts, err := d.mounts(l, init)
	if err != nil {
		return nil, err
	}
	network := specs.LinuxNamespace{Type: specs.NetworkNamespace}
	if l.Network != nil {
		network.Path = l.Network.Path
	}
	config := &specs.Spec{
		Version: "1.0.2",
		Process: &specs.Process{
			User: specs.User{UID: guestUID, GID: guestGID},
			Args: []string{initPath},
			Env: []string{
				"PATH=" + systemPath,
				"HOME=/tmp", "LANG=C.UTF-8",
			},
			Cwd:             "/",
			Capabilities:    &specs.LinuxCapabilities{}, // none
			NoNewPrivileges: true,
			Rlimits: []specs.POSIXRlimit{
				{Type: "RLIMIT_NOFILE", Soft: 4096, Hard: 4096},
				{Type: "RLIMIT_CORE"},
			},
		},
		Root:     &specs.Root{Path: s.Root, Readonly: true},
		Hostname: "function",
		Mounts:   mounts,
		Linux: &specs.Linux{
			Namespaces: []specs.LinuxNamespace{
				{Type: specs.PIDNamespace},
				{Type: specs.IPCNamespace},
				{Type: specs.UTSNamespace},
				{Type: specs.MountNamespace},
				network,
			},
		},
	}
	if group.enabled {
		quota, period := int64(s.Resources.VCPUs)*cpuPeriod, uint64(cpuPeriod)
		memory, pids := d.memoryLimit(s)+childSlack, int64(s.Resources.PIDs)
		config.Linux.CgroupsPath = group.path()
		config.Linux.Resources = &specs.LinuxResources{
			CPU:    &specs.LinuxCPU{Quota: &quota, Period: &period},
			Memory: &specs.LinuxMemory{Limit: &memory},
			Pids:   &specs.LinuxPids{Limit: &pids},
		}
	}
	return config, nil
}

// mounts lists what covers the runtime's root file system.
func (d *Driver) mounts(l vm.Launch, init string) ([]specs.Mount, error) {
	size := strconv.Itoa(min(d.cfg.TemporaryMiB, l.Spec.Resources.MemoryMiB)) + "m"
	temporary := func(destination, mode, size string) specs.Mount {
		return specs.Mount{
			Destination: destination, Type: "tmpfs", Source: "tmpfs",
			Options: []string{"nosuid", "nodev", "mode=" + mode, "size=" + size},
		}
	}
	bind := func(source, destination string, readOnly bool) specs.Mount {
		options := []string{"rbind", "nosuid", "nodev"}
		if readOnly {
			options = append(options, "ro")
		}
		return specs.Mount{Destination: destination, Type: "bind", Source: source, Options: options}
	}
	mounts := []specs.Mount{
		{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "noexec", "nodev"}},
		{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "mode=755"}},
		{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"nosuid", "noexec", "nodev", "ro"}},
		temporary("/tmp", "1777", size),
		temporary("/run", "0777", size),
		temporary("/data", "0777", size),
		temporary("/dev/shm", "1777", size),
		bind(init, initPath, true),
		bind(filepath.Join(l.Dir, "hosts"), "/etc/hosts", true),
		bind(filepath.Join(l.Dir, "resolv.conf"), "/etc/resolv.conf", true),
	}
	if l.Spec.Code.Dir != "" {
		mounts = append(mounts, bind(l.Spec.Code.Dir, vm.CodeMount, true))
	} else {
		mounts = append(mounts, temporary(vm.CodeMount, "0777", size))
	}
	for _, v := range l.Spec.Volumes {
		switch {
		case v.Kind == message.VolumeEphemeral:
			mounts = append(mounts, temporary(v.Mount, "0777", strconv.Itoa(v.SizeMiB)+"m"))
		case v.Source == "":
			return nil, fmt.Errorf("volume %s has nothing to mount", v.Mount)
		default:
			mounts = append(mounts, bind(v.Source, v.Mount, v.ReadOnly))
		}
	}
	return mounts, nil
}

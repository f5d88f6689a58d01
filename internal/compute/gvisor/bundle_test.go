package gvisor

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aleph/internal/compute/network"
	"aleph/internal/compute/vm"
	"aleph/message"
)

// golden compares a value with a reviewed file; ALEPH_UPDATE_GOLDEN=1 rewrites it.
func golden(t *testing.T, name string, v any) {
	t.Helper()
	got, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	path := filepath.Join("testdata", name)
	if os.Getenv("ALEPH_UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// TestBundle compares the configuration of a sandbox that uses everything.
func TestBundle(t *testing.T) {
	t.Parallel()
	d := &Driver{cfg: DefaultConfig(), deps: Deps{State: "/state"}}
	l := vm.Launch{
		Dir: "/machines/aleph-one", Network: &network.Namespace{Path: "/run/netns/alephbeef00001"},
		Spec: &vm.Spec{
			ID: "aleph-one", Root: "/runtimes/python/rootfs", Code: vm.Code{Dir: "/content/code"},
			Resources: vm.Resources{VCPUs: 2, MemoryMiB: 128, PIDs: 1024},
			Volumes: []vm.Volume{
				{Kind: message.VolumeImmutable, Mount: "/mnt/models", Source: "/content/models", ReadOnly: true},
				{Kind: message.VolumeEphemeral, Mount: "/mnt/scratch", SizeMiB: 50},
				{Kind: message.VolumePersistent, Mount: "/var/lib/data", Source: "/volumes/data", SizeMiB: 10},
			},
		},
	}
	config, err := d.ociSpec(l, "/bin/aleph-init", cgroup{id: "aleph-one", enabled: true})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "config.json", config)
	l.Spec.Volumes = []vm.Volume{{Kind: message.VolumePersistent, Mount: "/x"}}
	if _, err := d.ociSpec(l, "/bin/aleph-init", cgroup{}); err == nil {
		t.Error("a volume without a source is mounted")
	}
}

// TestFlags compares the command lines for old and new versions of runsc.
func TestFlags(t *testing.T) {
	t.Parallel()
	d := &Driver{cfg: DefaultConfig(), deps: Deps{State: "/state"}}
	lines := map[string][]string{}
	for name, p := range map[string]*probeResult{
		"2022, root":    {Flags: parseFlags("  -overlay\n    \tx\n  -cpu-num-from-quota\n"), Cgroups: true},
		"2023, root":    {Flags: parseFlags("  -overlay2 value\n    \tx\n  -cpu-num-from-quota\n"), Cgroups: true},
		"new, rootless": {Flags: parseFlags("  --overlay2 value\n"), Rootless: true},
	} {
		p.Platform = "ptrace"
		lines[name] = d.flags(p, "/machines/aleph-one", "none")
	}
	golden(t, "flags.json", lines)
}

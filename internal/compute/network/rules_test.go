package network

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"
)

// TestRules compares the table of a machine with the reviewed file.
func TestRules(t *testing.T) {
	t.Parallel()
	got := rules("alephbeef00001", "alephbeef00001", netip.MustParseAddr("172.16.0.6"),
		[]netip.Addr{netip.MustParseAddr("1.1.1.1"), netip.MustParseAddr("9.9.9.9")})
	want, err := os.ReadFile(filepath.Join("testdata", "rules.nft"))
	if err != nil || got != string(want) {
		t.Errorf("%v: got\n%s", err, got)
	}
}

func TestSubnets(t *testing.T) {
	t.Parallel()
	m, err := New(Config{Pool: "10.20.0.0/24", DNS: []string{"1.1.1.1"}}, "/data")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[netip.Addr]bool{}
	for number := range m.subnets() {
		host, guest := m.subnet(number)
		if !m.pool.Contains(host.Addr()) || !m.pool.Contains(guest.Addr()) || host.Masked() != guest.Masked() || seen[guest.Addr()] {
			t.Errorf("subnet %d: %s %s", number, host, guest)
		}
		seen[guest.Addr()] = true
		if name := m.link(number); len(name) > 15 {
			t.Errorf("link name %q is too long for the kernel", name)
		}
	}
	if len(seen) != 64 {
		t.Errorf("%d subnets in a /24", len(seen))
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]Config{
		"no pool":       {DNS: []string{"1.1.1.1"}},
		"small pool":    {Pool: "10.0.0.0/28", DNS: []string{"1.1.1.1"}},
		"IPv6 pool":     {Pool: "fd00::/8", DNS: []string{"1.1.1.1"}},
		"no resolver":   {Pool: "10.0.0.0/16"},
		"resolver name": {Pool: "10.0.0.0/16", DNS: []string{"dns.example"}},
		"IPv6 resolver": {Pool: "10.0.0.0/16", DNS: []string{"2606:4700::1111"}},
	} {
		if _, err := New(cfg, "/data"); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	if _, err := New(DefaultConfig(), "/data"); err != nil {
		t.Error(err)
	}
}

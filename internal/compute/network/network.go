package network

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
)

// Config of the machines' network.
type Config struct {
	Pool string   `yaml:"pool" doc:"IPv4 range from which machines with internet get their addresses, four per machine. Only seen on this host."`
	DNS  []string `yaml:"dns" doc:"Resolvers that machines with internet may ask, whatever range they are in; on port 53 only."`
}

// DefaultConfig returns the documented defaults.
func DefaultConfig() Config {
	return Config{Pool: "172.16.0.0/12", DNS: []string{"1.1.1.1", "9.9.9.9"}} // spec crn 6.1
}

// Manager makes and removes the networks of machines. Safe for concurrent use.
type Manager struct {
	pool netip.Prefix
	dns  []netip.Addr
	mark string // of this host, in every name

	mu   sync.Mutex // guards next and used
	next uint32
	used map[uint32]string // subnet number → machine id
}

// Namespace is the network of one machine.
type Namespace struct {
	// ID of the machine.
	ID string
	// Path of the namespace, to be joined.
	Path string
	// Host and Guest are the two ends of the link.
	Host, Guest netip.Prefix
	dns         []netip.Addr
}

// ResolvConf returns the guest's /etc/resolv.conf.
func (n *Namespace) ResolvConf() string {
	var b strings.Builder
	for _, a := range n.dns {
		fmt.Fprintf(&b, "nameserver %s\n", a)
	}
	return b.String()
}

// subnetBits is the size of the network of one machine: two addresses.
const subnetBits = 30

// New returns a manager for the host whose data is in folder. It changes
// nothing yet.
func New(cfg Config, folder string) (*Manager, error) {
	pool, err := netip.ParsePrefix(cfg.Pool)
	if err != nil || !pool.Addr().Is4() || pool.Bits() > 24 {
		return nil, fmt.Errorf("network pool %q: want an IPv4 range of /24 or larger", cfg.Pool)
	}
	m := &Manager{pool: pool.Masked(), used: map[uint32]string{}}
	for _, s := range cfg.DNS {
		a, err := netip.ParseAddr(s)
		if err != nil || !a.Is4() {
			return nil, fmt.Errorf("resolver %q: want an IPv4 address", s)
		}
		m.dns = append(m.dns, a)
	}
	if len(m.dns) == 0 {
		return nil, errors.New("at least one resolver is required")
	}
	sum := sha256.Sum256([]byte(folder))
	m.mark = hex.EncodeToString(sum[:2])
	// Hosts on one computer start at different places of the pool.
	m.next = binary.BigEndian.Uint32(sum[4:]) % m.subnets()
	return m, nil
}

// Probe says why machines cannot have internet here, or returns nil.
func (m *Manager) Probe() error {
	if os.Geteuid() != 0 {
		return errors.New("functions with internet need root: run as root, or deploy with internet off")
	}
	if _, err := exec.LookPath("nft"); err != nil {
		return errors.New("functions with internet need nft: install it (Debian: apt install nftables)")
	}
	if _, err := os.Stat("/proc/self/ns/net"); err != nil {
		return errors.New("functions with internet need a kernel with network namespaces")
	}
	return nil
}

// Names of what belongs to one machine. Interface names have 15 bytes at most.
func (m *Manager) prefix() string { return "aleph" + m.mark }

func (m *Manager) link(number uint32) string          { return fmt.Sprintf("%s%05x", m.prefix(), number) }
func (m *Manager) namespaceName(number uint32) string { return m.link(number) }
func (m *Manager) table(number uint32) string         { return m.link(number) }

func (m *Manager) subnets() uint32 { return 1 << (subnetBits - m.pool.Bits()) }

// subnet returns the network of a number, the host's address first.
func (m *Manager) subnet(number uint32) (host, guest netip.Prefix) {
	base := m.pool.Addr().As4()
	first := binary.BigEndian.Uint32(base[:]) + number<<(32-subnetBits)
	at := func(n uint32) netip.Prefix {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], n)
		return netip.PrefixFrom(netip.AddrFrom4(b), subnetBits)
	}
	return at(first + 1), at(first + 2)
}

// Attach makes the network of a machine. When it fails nothing of it remains.
func (m *Manager) Attach(ctx context.Context, id string) (*Namespace, error) {
	if err := m.Probe(); err != nil {
		return nil, err
	}
	number, err := m.reserve(id)
	if err != nil {
		return nil, err
	}
	n, err := m.create(ctx, id, number)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("network of machine %s: %w", id, err), m.Detach(context.WithoutCancel(ctx), id))
	}
	return n, nil
}

// Detach removes the network of a machine. It does nothing when there is none.
func (m *Manager) Detach(ctx context.Context, id string) error {
	m.mu.Lock()
	var numbers []uint32
	for number, owner := range m.used {
		if owner == id {
			numbers = append(numbers, number)
		}
	}
	m.mu.Unlock()
	var errs []error
	for _, number := range numbers {
		if err := m.destroy(ctx, number); err != nil {
			errs = append(errs, fmt.Errorf("remove the network of machine %s: %w", id, err))
			continue // still reserved: nobody else gets a half-removed network
		}
		m.mu.Lock()
		delete(m.used, number)
		m.mu.Unlock()
	}
	return errors.Join(errs...)
}

// reserve picks a subnet that no machine of this host and no interface has.
func (m *Manager) reserve(id string) (uint32, error) {
	taken, err := hostPrefixes()
	if err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for range m.subnets() {
		number := m.next
		m.next = (m.next + 1) % m.subnets()
		host, _ := m.subnet(number)
		if _, used := m.used[number]; used || overlaps(taken, host) {
			continue
		}
		m.used[number] = id
		return number, nil
	}
	return 0, fmt.Errorf("no address is left in %s", m.pool)
}

func overlaps(taken []netip.Prefix, p netip.Prefix) bool {
	for _, t := range taken {
		if t.Overlaps(p) {
			return true
		}
	}
	return false
}

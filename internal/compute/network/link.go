package network

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// namespaces is where named network namespaces are mounted, as iproute2 does.
const namespaces = "/run/netns"

// guestLink is the name of the interface inside.
const guestLink = "eth0"

// create makes namespace, link and rules, in an order that lets no packet
// through before the rules stand.
func (m *Manager) create(ctx context.Context, id string, number uint32) (*Namespace, error) {
	name := m.link(number)
	host, guest := m.subnet(number)
	if err := m.applyRules(ctx, number, guest.Addr()); err != nil {
		return nil, err
	}
	path, err := makeNamespace(m.namespaceName(number))
	if err != nil {
		return nil, err
	}
	ns, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer ns.Close()
	if err := connect(name, host, guest, int(ns.Fd())); err != nil {
		return nil, err
	}
	if err := enableForwarding(); err != nil {
		return nil, err
	}
	return &Namespace{ID: id, Path: path, Host: host, Guest: guest, dns: m.dns}, nil
}

// connect makes the veth pair and configures both ends.
func connect(name string, host, guest netip.Prefix, ns int) error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	veth := &netlink.Veth{LinkAttrs: attrs, PeerName: guestLink, PeerNamespace: netlink.NsFd(ns)}
	if err := netlink.LinkAdd(veth); err != nil {
		return fmt.Errorf("make link %s: %w", name, err)
	}
	// No link-local IPv6 address on the host's end: there is no IPv6 here.
	noIPv6 := "/proc/sys/net/ipv6/conf/" + name + "/disable_ipv6"
	if err := os.WriteFile(noIPv6, []byte("1"), 0); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("disable IPv6 on link %s: %w", name, err)
	}
	if err := configure(&netlink.Handle{}, name, host); err != nil {
		return err
	}
	inside, err := netlink.NewHandleAt(netns.NsHandle(ns), unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("enter the namespace of link %s: %w", name, err)
	}
	defer inside.Close()
	if err := configure(inside, "lo", netip.Prefix{}); err != nil {
		return err
	}
	if err := configure(inside, guestLink, guest); err != nil {
		return err
	}
	peer, err := inside.LinkByName(guestLink)
	if err != nil {
		return err
	}
	route := &netlink.Route{LinkIndex: peer.Attrs().Index, Gw: host.Addr().AsSlice()}
	if err := inside.RouteAdd(route); err != nil {
		return fmt.Errorf("route of link %s: %w", name, err)
	}
	return nil
}

// configure gives a link its address, if any, and turns it on.
func configure(h *netlink.Handle, name string, address netip.Prefix) error {
	link, err := h.LinkByName(name)
	if err != nil {
		return fmt.Errorf("find link %s: %w", name, err)
	}
	if address.IsValid() {
		a := &netlink.Addr{IPNet: &net.IPNet{
			IP: address.Addr().AsSlice(), Mask: net.CIDRMask(address.Bits(), 32),
		}}
		if err := h.AddrAdd(link, a); err != nil {
			return fmt.Errorf("address of link %s: %w", name, err)
		}
	}
	if err := h.LinkSetUp(link); err != nil {
		return fmt.Errorf("turn link %s on: %w", name, err)
	}
	return nil
}

// makeNamespace makes a named network namespace and returns its path.
func makeNamespace(name string) (string, error) {
	if err := os.MkdirAll(namespaces, 0o755); err != nil {
		return "", err
	}
	path := filepath.Join(namespaces, name)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDONLY, 0o444)
	if err != nil {
		return "", fmt.Errorf("make namespace %s: %w", name, err)
	}
	if err := f.Close(); err != nil {
		return "", err
	}
	result := make(chan error, 1)
	go func() {
		// The thread is never unlocked: it ends with the goroutine, and the
		// namespace it entered goes on by its mount alone.
		runtime.LockOSThread()
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			result <- fmt.Errorf("make namespace %s: %w", name, err)
			return
		}
		// No IPv6 on interfaces to come; loopback keeps its own.
		const noIPv6 = "/proc/sys/net/ipv6/conf/default/disable_ipv6"
		if err := os.WriteFile(noIPv6, []byte("1"), 0); err != nil && !errors.Is(err, fs.ErrNotExist) {
			result <- fmt.Errorf("disable IPv6 in namespace %s: %w", name, err)
			return
		}
		self := fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid())
		if err := unix.Mount(self, path, "", unix.MS_BIND, ""); err != nil {
			result <- fmt.Errorf("mount namespace %s: %w", name, err)
			return
		}
		result <- nil
	}()
	return path, <-result
}

// removeNamespace removes a named namespace, if it is there.
func removeNamespace(name string) error {
	path := filepath.Join(namespaces, name)
	err := unix.Unmount(path, unix.MNT_DETACH)
	if err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("unmount namespace %s: %w", name, err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// removeLink removes the host's end of a pair, and the other end with it.
func removeLink(name string) error {
	link, err := netlink.LinkByName(name)
	if _, gone := errors.AsType[netlink.LinkNotFoundError](err); gone {
		return nil
	}
	if err != nil {
		return err
	}
	if err := netlink.LinkDel(link); err != nil && !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("remove link %s: %w", name, err)
	}
	return nil
}

// destroy removes everything of a subnet number, in the reverse order.
func (m *Manager) destroy(ctx context.Context, number uint32) error {
	return errors.Join(
		removeLink(m.link(number)),
		removeNamespace(m.namespaceName(number)),
		removeTable(ctx, m.table(number)),
	)
}

// Sweep removes whatever networks a host with the same folder left behind.
// Call it before the first Attach.
func (m *Manager) Sweep(ctx context.Context) error {
	if err := m.Probe(); err != nil {
		return nil //nolint:nilerr // nothing can have been made here
	}
	var errs []error
	links, err := netlink.LinkList()
	if err != nil {
		return err
	}
	for _, l := range links {
		if name := l.Attrs().Name; strings.HasPrefix(name, m.prefix()) {
			errs = append(errs, removeLink(name))
		}
	}
	names, err := filepath.Glob(filepath.Join(namespaces, m.prefix()+"*"))
	errs = append(errs, err)
	for _, path := range names {
		errs = append(errs, removeNamespace(filepath.Base(path)))
	}
	tables, err := listTables(ctx)
	errs = append(errs, err)
	for _, name := range tables {
		if strings.HasPrefix(name, m.prefix()) {
			errs = append(errs, removeTable(ctx, name))
		}
	}
	return errors.Join(errs...)
}

// hostPrefixes lists the networks that the host's interfaces are in.
func hostPrefixes() ([]netip.Prefix, error) {
	addrs, err := netlink.AddrList(nil, netlink.FAMILY_V4)
	if err != nil {
		return nil, fmt.Errorf("list the host's addresses: %w", err)
	}
	var all []netip.Prefix
	for _, a := range addrs {
		ip, ok := netip.AddrFromSlice(a.IP.To4())
		bits, _ := a.Mask.Size()
		if ok {
			all = append(all, netip.PrefixFrom(ip, bits).Masked())
		}
	}
	return all, nil
}

// enableForwarding lets the kernel pass packets between interfaces. // spec crn 6.2
func enableForwarding() error {
	const path = "/proc/sys/net/ipv4/ip_forward"
	b, err := os.ReadFile(path)
	if err == nil && strings.TrimSpace(string(b)) == "1" {
		return nil
	}
	if err := os.WriteFile(path, []byte("1"), 0); err != nil {
		return fmt.Errorf("turn IPv4 forwarding on: %w", err)
	}
	return nil
}

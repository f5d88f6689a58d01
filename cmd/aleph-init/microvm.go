//go:build linux

package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/vishvananda/netlink"

	"aleph/internal/compute/guest"
)

// microVM is a Firecracker VM, where aleph-init is the only one who could
// prepare anything. This path has never run on real hardware of ours: nothing
// in our tests boots a microVM.
type microVM struct{ root string }

type mount struct {
	source, target, kind string
	flags                uintptr
	data                 string
}

// boot makes the file systems that every program expects. The root image is
// read-only; a memory file system over it takes the writes. // spec crn 3.7
func (microVM) boot() error {
	const overlay = "/mnt"
	steps := []mount{
		{"proc", "/proc", "proc", 0, ""},
		{"tmpfs", overlay, "tmpfs", 0, "mode=0755"},
	}
	if err := mountAll(steps); err != nil {
		return err
	}
	for _, dir := range []string{"upper", "work", "root"} {
		if err := os.MkdirAll(filepath.Join(overlay, dir), 0o755); err != nil {
			return err
		}
	}
	layers := "lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work"
	if err := mountAll([]mount{{"overlay", overlay + "/root", "overlay", 0, layers}}); err != nil {
		return err
	}
	if err := os.Chdir(overlay + "/root"); err != nil {
		return err
	}
	// pivot_root would need a place for the old root; the image never goes away.
	if err := mountAll([]mount{{".", "/", "", syscall.MS_MOVE, ""}}); err != nil {
		return err
	}
	if err := errors.Join(syscall.Chroot("."), os.Chdir("/")); err != nil {
		return err
	}
	return mountAll([]mount{
		{"proc", "/proc", "proc", 0, ""},
		{"sysfs", "/sys", "sysfs", 0, ""},
		{"devtmpfs", "/dev", "devtmpfs", 0, "mode=0755"},
		{"tmpfs", "/run", "tmpfs", 0, "mode=0755"},
		{"devpts", "/dev/pts", "devpts", 0, ""},
		{"tmpfs", "/dev/shm", "tmpfs", 0, "mode=1777"},
		{"tmpfs", "/tmp", "tmpfs", 0, "mode=1777"},
	})
}

// prepare names the VM, sets up its network and mounts its volumes.
func (vm microVM) prepare(c *guest.Config, hostname string) error {
	if err := syscall.Sethostname([]byte(hostname)); err != nil {
		return fmt.Errorf("set the host name: %w", err)
	}
	for _, v := range c.Volumes {
		kind, flags := "ext4", uintptr(0)
		if v.ReadOnly {
			kind, flags = "squashfs", syscall.MS_RDONLY
		}
		if err := mountAll([]mount{{"/dev/" + filepath.Base(v.Device), v.Mount, kind, flags, ""}}); err != nil {
			return err
		}
	}
	if err := setUpNetwork(c); err != nil {
		return fmt.Errorf("set up the network: %w", err)
	}
	return vm.writeKeys(c.AuthorizedKeys)
}

func (vm microVM) writeKeys(keys []string) error {
	if len(keys) == 0 {
		return nil
	}
	dir := filepath.Join(vm.root, "root", ".ssh")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "authorized_keys"), []byte(strings.Join(keys, "\n")+"\n"), 0o600)
}

// powerOff ends the VM. With the kernel arguments that hosts give, Firecracker
// exits when its guest restarts. // spec crn 3.3, 3.7
func (microVM) powerOff() error {
	syscall.Sync()
	return syscall.Reboot(syscall.LINUX_REBOOT_CMD_RESTART)
}

func mountAll(mounts []mount) error {
	for _, m := range mounts {
		if err := os.MkdirAll(m.target, 0o755); err != nil {
			return err
		}
		if err := syscall.Mount(m.source, m.target, m.kind, m.flags, m.data); err != nil {
			return fmt.Errorf("mount %s on %s: %w", m.source, m.target, err)
		}
	}
	return nil
}

// setUpNetwork configures lo and, where the VM has one, eth0. // spec crn 3.7
func setUpNetwork(c *guest.Config) error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return err
	}
	eth0, err := netlink.LinkByName("eth0")
	if errors.As(err, &netlink.LinkNotFoundError{}) {
		return nil // a program without the internet has none
	}
	if err != nil {
		return err
	}
	if err := netlink.LinkSetUp(eth0); err != nil {
		return err
	}
	if err := addAddress(eth0, c.IP, "/24", c.Route); err != nil {
		return err
	}
	return addAddress(eth0, c.IPv6, "/124", c.IPv6Gateway)
}

// addAddress gives link an address and, if there is one, a default gateway.
func addAddress(link netlink.Link, address, mask, gateway string) error {
	if address == "" {
		return nil
	}
	if !strings.Contains(address, "/") {
		address += mask
	}
	addr, err := netlink.ParseAddr(address)
	if err != nil {
		return fmt.Errorf("address %q: %w", address, err)
	}
	if err := netlink.AddrAdd(link, addr); err != nil {
		return fmt.Errorf("address %q: %w", address, err)
	}
	if gateway == "" {
		return nil
	}
	ip := net.ParseIP(gateway)
	if ip == nil {
		return fmt.Errorf("gateway %q is not an address", gateway)
	}
	return netlink.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Gw: ip})
}

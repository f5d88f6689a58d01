package compute_test

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"

	"aleph/internal/compute"
	"aleph/message"
)

// insideNetwork marks the child process of TestInternet.
const insideNetwork = "ALEPH_TEST_INSIDE_NETWORK"

// TestInternet proves what a function reaches. It runs in a network of its
// own, so that it neither depends on nor touches that of the computer.
func TestInternet(t *testing.T) {
	if os.Getenv(insideNetwork) == "" {
		t.Parallel()
		if os.Geteuid() != 0 {
			testWithoutRoot(t)
			return
		}
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestInternet$", "-test.v")
		cmd.Env = append(os.Environ(), insideNetwork+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
		out, err := cmd.CombinedOutput()
		t.Logf("%s", out)
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	up(t, "lo")
	// A host of the internet, and one of the private network that has the
	// address of a cloud's metadata service too.
	public := world(t, "public", "203.0.113.1/24", "203.0.113.10/24")
	private := world(t, "private", "10.99.0.1/24", "10.99.0.10/24", "169.254.169.254/32")
	listen(t, public, "tcp", "0.0.0.0:80")
	listen(t, private, "tcp", "0.0.0.0:80")
	listen(t, private, "tcp", "0.0.0.0:53")
	route(t, "private", "169.254.169.254/32")
	route(t, "private", "100.64.0.0/10")
	here, err := netns.Get()
	if err != nil {
		t.Fatal(err)
	}
	listen(t, here, "tcp", "0.0.0.0:8888") // on every address of the host itself

	c := start(t, func(cfg *compute.Config) { cfg.Network.DNS = []string{"10.99.0.10"} })
	online := c.program(set("environment", "internet", true))
	offline := c.program(nil)
	dial := func(hash string, to string) string {
		status, body := c.get(message.Hash(hash), "/dial?net=tcp&to="+url.QueryEscape(to))
		if status != 200 {
			t.Fatalf("dial %s: %d %s", to, status, body)
		}
		return body
	}
	if _, text := c.get(online, "/interfaces"); !strings.Contains(text, "eth0") || strings.Contains(text, "fe80") {
		t.Errorf("interfaces of a function with internet: %q", text)
	}
	gateway := ""
	links, err := netlink.LinkList()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		if strings.HasPrefix(l.Attrs().Name, "aleph") {
			addrs, err := netlink.AddrList(l, netlink.FAMILY_V4)
			if err != nil || len(addrs) != 1 {
				t.Fatalf("addresses of %s: %v %v", l.Attrs().Name, addrs, err)
			}
			gateway = addrs[0].IP.String()
		}
	}
	if gateway == "" {
		t.Fatal("the function has no link")
	}
	for to, reached := range map[string]bool{
		"203.0.113.10:80":    true,
		"10.99.0.10:53":      true,  // the configured resolver
		"10.99.0.10:80":      false, // the rest of the private network
		"169.254.169.254:80": false,
		"203.0.113.1:8888":   false, // the host, by its public address
		"10.99.0.1:8888":     false,
		gateway + ":8888":    false,
		"127.0.0.1:8888":     false, // the sandbox's own
	} {
		if got := dial(string(online), to); strings.HasPrefix(got, "reached") != reached {
			t.Errorf("a function with internet and %s: %s", to, got)
		}
		if got := dial(string(offline), to); strings.HasPrefix(got, "reached") {
			t.Errorf("a function without internet and %s: %s", to, got)
		}
	}
	if _, text := c.get(online, "/read?path=/etc/resolv.conf"); text != "nameserver 10.99.0.10\n" {
		t.Errorf("resolv.conf: %q", text)
	}
	if _, text := c.get(offline, "/interfaces"); strings.Contains(text, "eth") || !strings.Contains(text, "lo") {
		t.Errorf("interfaces of a function without internet: %q", text)
	}
	node, err := url.Parse(c.node.url)
	if err != nil {
		t.Fatal(err)
	}
	if got := dial(string(online), node.Host); strings.HasPrefix(got, "reached") {
		t.Errorf("a function reached the node: %s", got)
	}
	c.stop()
	if left := networkRemains(t); left != "" {
		t.Errorf("after the stop: %s", left)
	}
}

// networkRemains describes what of the functions' networks is there.
func networkRemains(t *testing.T) string {
	t.Helper()
	var left []string
	links, err := netlink.LinkList()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		if strings.HasPrefix(l.Attrs().Name, "aleph") {
			left = append(left, "link "+l.Attrs().Name)
		}
	}
	tables, err := exec.CommandContext(t.Context(), "nft", "list", "tables").CombinedOutput()
	if err != nil {
		t.Fatalf("nft: %v %s", err, tables)
	}
	if strings.Contains(string(tables), "aleph") {
		left = append(left, string(tables))
	}
	return strings.Join(left, ", ")
}

// testWithoutRoot checks the answer where there can be no network.
func testWithoutRoot(t *testing.T) {
	c := start(t, nil)
	status, body := c.get(c.program(set("environment", "internet", true)), "/")
	if status != 503 || !strings.Contains(body, "need root") {
		t.Errorf("internet without root: %d %s", status, body)
	}
}

func up(t *testing.T, name string) {
	t.Helper()
	l, err := netlink.LinkByName(name)
	if err == nil {
		err = netlink.LinkSetUp(l)
	}
	if err != nil {
		t.Fatalf("turn %s on: %v", name, err)
	}
}

// world makes a namespace joined to this one by a link called name, which has
// the address here; the others are inside.
func world(t *testing.T, name, here string, inside ...string) netns.NsHandle {
	t.Helper()
	result := make(chan netns.NsHandle)
	go func() {
		runtime.LockOSThread() // the thread ends with the goroutine
		ns, err := netns.New()
		if err != nil {
			t.Error(err)
		}
		result <- ns
	}()
	ns := <-result
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	if err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: "eth0", PeerNamespace: netlink.NsFd(ns)}); err != nil {
		t.Fatal(err)
	}
	h, err := netlink.NewHandleAt(ns)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	peer, err := h.LinkByName("eth0")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range inside {
		a, err := netlink.ParseAddr(text)
		if err == nil {
			err = h.AddrAdd(peer, a)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := h.LinkSetUp(peer); err != nil {
		t.Fatal(err)
	}
	l, err := netlink.LinkByName(name)
	if err != nil {
		t.Fatal(err)
	}
	a, err := netlink.ParseAddr(here)
	if err == nil {
		err = netlink.AddrAdd(l, a)
	}
	if err != nil {
		t.Fatal(err)
	}
	up(t, name)
	return ns
}

// route leads a range to a link.
func route(t *testing.T, link, prefix string) {
	t.Helper()
	l, err := netlink.LinkByName(link)
	if err != nil {
		t.Fatal(err)
	}
	p := netip.MustParsePrefix(prefix)
	err = netlink.RouteAdd(&netlink.Route{LinkIndex: l.Attrs().Index, Scope: netlink.SCOPE_LINK, Dst: &net.IPNet{
		IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), 32),
	}})
	if err != nil {
		t.Fatal(err)
	}
}

// listen serves an echo in a namespace.
func listen(t *testing.T, ns netns.NsHandle, network, address string) {
	t.Helper()
	result := make(chan net.Listener)
	go func() {
		runtime.LockOSThread() // the thread ends with the goroutine
		err := netns.Set(ns)
		var l net.Listener
		if err == nil {
			l, err = net.Listen(network, address)
		}
		if err != nil {
			t.Error(fmt.Errorf("listen on %s: %w", address, err))
		}
		result <- l
	}()
	l := <-result
	if l == nil {
		t.FailNow()
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = io.CopyN(conn, conn, 5)
			}()
		}
	}()
}

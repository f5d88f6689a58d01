package api

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// caller is who sends a request.
type caller struct {
	// addr is its address, the whole network of a house in IPv6.
	addr netip.Addr
	// ip is its address as text, for logs.
	ip string
	// exempt says that it is never refused for asking too often.
	exempt bool
	// counted says that another process of this node has counted the request.
	counted bool
}

// callers tells callers apart by their addresses.
type callers struct{ trusted, proxies []netip.Prefix }

func newCallers(l Limits) (c callers, err error) {
	if c.trusted, err = parseNetworks("limits.trusted", l.Trusted); err != nil {
		return c, err
	}
	c.proxies, err = parseNetworks("limits.trusted_proxies", l.TrustedProxies)
	return c, err
}

// parseNetworks reads addresses and networks.
func parseNetworks(key string, texts []string) ([]netip.Prefix, error) {
	list := make([]netip.Prefix, 0, len(texts))
	for _, text := range texts {
		network, err := netip.ParsePrefix(text)
		if addr, bad := netip.ParseAddr(text); bad == nil {
			network, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil {
			return nil, fmt.Errorf("node API: %s: %q is neither an address nor a network such as 10.0.0.0/8", key, text)
		}
		list = append(list, network.Masked())
	}
	return list, nil
}

func inside(networks []netip.Prefix, addr netip.Addr) bool {
	return slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(addr) })
}

// caller returns who sends a request, to this process or to another one.
func (a *API) caller(r *http.Request) caller {
	if a.Cluster == nil {
		return a.throttle.callers.of(r)
	}
	ip, forwarded := a.Cluster.Sender(r)
	if !forwarded {
		return a.throttle.callers.of(r)
	}
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return caller{ip: ip, exempt: true, counted: true} // as of says
	}
	c := a.throttle.callers.at(addr)
	c.counted = true
	return c
}

// of returns who sends a request. What a proxy says of its callers counts when
// the proxy is trusted, and never makes one of this machine.
func (c callers) of(r *http.Request) caller {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return caller{ip: host, exempt: true} // a Unix socket, or a test without a network
	}
	addr = addr.Unmap().WithZone("")
	if said, ok := c.forwarded(r.Header, addr); ok {
		return caller{addr: network(said), ip: said.String(), exempt: inside(c.trusted, said)}
	}
	return c.at(addr)
}

// at returns who calls from an address without a proxy.
func (c callers) at(addr netip.Addr) caller {
	return caller{addr: network(addr), ip: addr.String(), exempt: addr.IsLoopback() || inside(c.trusted, addr)}
}

// forwarded returns the last address before the trusted proxies.
func (c callers) forwarded(header http.Header, peer netip.Addr) (netip.Addr, bool) {
	values := header.Values("X-Forwarded-For")
	if len(values) == 0 || !inside(c.proxies, peer) {
		return peer, false
	}
	found := false
	for _, value := range slices.Backward(values) {
		for _, text := range slices.Backward(strings.Split(value, ",")) {
			addr, err := netip.ParseAddr(strings.TrimSpace(text))
			if err != nil {
				return peer, found
			}
			peer, found = addr.Unmap().WithZone(""), true
			if !inside(c.proxies, peer) {
				return peer, true
			}
		}
	}
	return peer, found
}

// network returns what counts as one caller: an address, and in IPv6, where
// everybody has as many as he likes, a network of 64 bits.
func network(addr netip.Addr) netip.Addr {
	if addr.Is4() {
		return addr
	}
	return netip.PrefixFrom(addr, 64).Masked().Addr()
}

type callerKey struct{}

func withCaller(ctx context.Context, c caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// callerOf returns who sent the request of a context.
func callerOf(ctx context.Context) caller {
	c, ok := ctx.Value(callerKey{}).(caller)
	if !ok {
		c.exempt = true
	}
	return c
}

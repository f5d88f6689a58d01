package network

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// nftTimeout bounds one call of nft.
const nftTimeout = 10 * time.Second

// blocked lists the ranges that no machine reaches: private, shared,
// link-local (the metadata services of clouds among them), loopback,
// benchmarking, multicast and reserved.
func blocked() []string {
	return []string{
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
		"192.0.0.0/24", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/3",
	}
}

// rules is the nftables table of one machine. Chains run before those of the
// host's own firewall, which may refuse more, never less.
func rules(table, link string, guest netip.Addr, dns []netip.Addr) string {
	resolvers := make([]string, len(dns))
	for i, a := range dns {
		resolvers[i] = a.String()
	}
	return strings.NewReplacer(
		"TABLE", table, "LINK", link, "GUEST", guest.String(),
		"RESOLVERS", strings.Join(resolvers, ", "), "BLOCKED", strings.Join(blocked(), ", "),
	).Replace(`table inet TABLE {
	chain input {
		type filter hook input priority -10; policy accept;
		iifname "LINK" reject with icmpx type admin-prohibited
	}
	chain output {
		type filter hook output priority -10; policy accept;
		oifname "LINK" ct state new drop
	}
	chain forward {
		type filter hook forward priority -10; policy accept;
		oifname "LINK" ct state established,related accept
		oifname "LINK" drop
		iifname "LINK" jump outbound
	}
	chain outbound {
		meta nfproto ipv6 drop
		ip saddr != GUEST drop
		ip daddr { RESOLVERS } meta l4proto { tcp, udp } th dport 53 accept
		ip daddr { BLOCKED } reject with icmp type admin-prohibited
	}
	chain translate {
		type nat hook postrouting priority 90; policy accept;
		ip saddr GUEST oifname != "LINK" masquerade
	}
}
`)
}

// applyRules installs the table of a machine.
func (m *Manager) applyRules(ctx context.Context, number uint32, guest netip.Addr) error {
	_, err := nft(ctx, rules(m.table(number), m.link(number), guest, m.dns), "-f", "-")
	return err
}

// removeTable removes a table, if it is there.
func removeTable(ctx context.Context, name string) error {
	tables, err := listTables(ctx)
	if err != nil {
		return err
	}
	if !slices.Contains(tables, name) {
		return nil
	}
	_, err = nft(ctx, "", "delete", "table", "inet", name)
	return err
}

// listTables names the tables of family inet.
func listTables(ctx context.Context) ([]string, error) {
	out, err := nft(ctx, "", "-j", "list", "tables", "inet")
	if err != nil {
		return nil, err
	}
	var list struct {
		Nftables []struct {
			Table *struct {
				Name string `json:"name"`
			} `json:"table"`
		} `json:"nftables"`
	}
	if err := json.Unmarshal(out, &list); err != nil {
		return nil, fmt.Errorf("read the list of nft: %w", err)
	}
	var names []string
	for _, e := range list.Nftables {
		if e.Table != nil {
			names = append(names, e.Table.Name)
		}
	}
	return names, nil
}

// nft runs the nft program.
func nft(ctx context.Context, input string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, nftTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "nft", args...) //nolint:gosec // names of ours
	cmd.Stdin = strings.NewReader(input)
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("nft %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return out.Bytes(), nil
}

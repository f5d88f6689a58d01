// Package network connects machines to the internet and to nothing else.
//
// A machine with internet gets a network namespace of its own, joined to the
// host by a veth pair, and an nftables table of its own that translates its
// address and refuses everything but public addresses: the host itself (on any
// of its addresses), private, shared, link-local and multicast ranges and the
// cloud's metadata service are unreachable, and nobody can open a connection
// to the machine. There is no IPv6. A machine without internet has no
// interface but loopback and does not appear here.
//
//	guest ── eth0 ═ veth pair ═ aleph…h ── forward chain ── NAT ── internet
//
// Every name begins with "aleph" and a mark of the host's data folder, so that
// several hosts share a computer, and so that [Manager.Sweep] finds what a
// killed host left behind. The one global setting touched is IPv4 forwarding,
// which is turned on. // spec crn 6.2
package network

// Package guest is the conversation between a compute host and the init
// process of a function VM. Both ends are here, so that they cannot drift:
// the host uses [Session], cmd/aleph-init uses [Server].
//
// The conversation runs over a [Transport], which carries byte streams to
// numbered ports in both directions: [Mux] over one socket (gVisor), [Vsock]
// over Firecracker's Unix sockets.
//
//	guest → host 52   ready signal: {"version": "…"}, then closed
//	host → guest 52   configuration: "<length>\n" map, answered by a map
//	host → guest 52   one call: a scope, answered by a response
//	host → guest 52   "halt", answered by "STOP\n" "STOPZ\n"
//	guest → host 53   HTTP: the guest API, see [NewAPI]
//
// Two forms of a call exist. Protocol 2.0.0, of the reference's runtimes, is
// one msgpack value each way; a body is at most [MaxMessage] bytes. Protocol
// 3.0.0, ours, starts with [preamble] and then sends frames, so that bodies
// stream both ways with the back-pressure of the transport, a response may
// start before the request has ended, and closing the connection tells the
// program that its client is gone. The ready signal says what the guest can
// do; a guest tells the two apart by the first byte of each connection, so a
// host that only knows 2.0.0 works with a guest of ours.
//
// Nothing that a guest sends is trusted: every read has a bound, and nesting
// is checked before a value is decoded.
//
// It implements sections 3.4 to 3.8 of docs/spec/crn.md.
package guest

// Package client is the Go SDK of the Aleph network: typed calls to a core
// channel node and to a compute host.
//
// The types to know are [Client], made by [New] from a [Config]; [MessageInfo],
// what a node knows about one message; [Received], a message that a list or
// [Client.Watch] delivers; and [Published], what became of a message that the
// program signed.
//
// Every call ends: a context without a deadline gets the client's own
// ([Config.Timeout]), and streams are given up when nothing moves any more.
// Every answer has a size limit. Reads are repeated a few times when a node
// does not answer or is overloaded; what changes something is sent once.
//
// Failures are the sentinels of package message, so that
// errors.Is(err, message.ErrNotFound) means the same on both ends of the wire;
// a node's own words and request id are in [*Error], an unreachable one in
// [*UnreachableError]. A message that the network refused is a
// [*message.Rejection] in the error chain.
//
// A Client is safe for concurrent use.
//
// It implements the client side of docs/spec/ccn-http-api.md and chapter 2 of
// docs/spec/clients.md.
package client

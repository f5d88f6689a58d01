// Package local composes a whole Aleph cloud in one process on embedded
// defaults: a core channel node and a compute host that learns of messages from
// that node over loopback HTTP, as every compute host of the network does.
//
// [Cloud] is the type to know: [Open] takes the data folder, makes the keys and
// binds the ports; [Cloud.Run] runs the parts until its context ends and stops
// them in order: no new work, finish and commit, close.
//
// A local cloud is a network of its own. Its authority is a key in the data
// folder, and everything that the cloud seeds (settings, prices, runtimes) is a
// real message signed by it, published through the front door of the node.
//
// The data folder holds:
//
//	lock              the process that uses the folder
//	account.key       the key of the user's account
//	authority.key     the key of the network's authority
//	node/             database and files of the node
//	compute/          machines and caches of the compute host
package local

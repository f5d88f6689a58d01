// Package state holds the proofs that what a node makes of messages does not
// depend on what should not matter: the order in which they come, and the
// database that they are kept in. They compare state hashes, which
// docs/state-hash.md defines.
package state

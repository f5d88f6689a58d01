// Package conformance runs the published TypeScript packages of the network,
// unmodified, against a local cloud started from this tree, and exchanges
// signatures with those of every chain (chains.mjs).
//
// The scenarios are those of docs/spec/clients.md 3.4 and live in run.mjs and
// scenarios/. They can be pointed at any node: see the head of run.mjs.
package conformance

// Package compute is a compute host: it runs the functions of the network in
// sandboxes, on demand, and answers for them over HTTP.
//
// A call finds or starts the function's machine ([Host.Call]); a machine stays
// warm until it is idle for long, its room is needed, its code is updated or
// its message forgotten. A host knows the network only through package client.
//
//	api ──▶ Host.Call ──▶ function ──▶ vm.Starter ──▶ driver
//	             watch ──▶    │             └──▶ disk, network
//	                          └── plan, content, cache ◀── client
//
// It implements chapters 1 and 2 of docs/spec/crn.md for programs.
package compute

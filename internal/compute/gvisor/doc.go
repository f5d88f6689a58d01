// Package gvisor runs machines in gVisor sandboxes, by the runsc program.
//
// A sandbox is one `runsc run` in the foreground, child of the host. Its root
// file system is the runtime's directory, read-only, under an overlay in the
// sandbox's memory; process 1 is aleph-init, run as an unprivileged user
// without capabilities. The guest's standard input is one end of a socket pair
// that carries everything between host and guest (package guest), so a guest
// notices at once when the host has gone, and ends.
//
// As root, control groups bound memory, processor time and processes. Without
// root the host looks at the memory of each sandbox now and then, and nothing
// bounds the rest; [Driver.Probe] says so.
package gvisor

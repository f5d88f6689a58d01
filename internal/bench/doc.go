// Package bench measures the program the way a user meets it: it starts the
// real binary as a process of its own, loads it over the network and reads the
// memory of that process. [Suite] holds the measurements, [Report] their rows.
//
// The load generator shares a small machine with the server it measures, so it
// does no work while the clock runs that can be done before: messages are
// signed and requests encoded in advance, deterministically from a seed.
package bench

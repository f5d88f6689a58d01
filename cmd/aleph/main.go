// Command aleph is the Aleph Cloud in one program; see package aleph/internal/cli.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"aleph/internal/cli"
)

// gcPercent lets the heap grow threefold between two collections: a node has tens
// of MiB alive and makes garbage quickly. GOGC in the environment wins.
const gcPercent = 200

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The second signal ends the program at once.
	context.AfterFunc(ctx, stop)
	streams := cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Env: os.Getenv, Environ: os.Environ()}
	os.Exit(cli.Run(ctx, os.Args[1:], streams, cli.ReadBuild()))
}

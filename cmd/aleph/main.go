// Command aleph is the Aleph Cloud in one program; see package aleph/internal/cli.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"aleph/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The second signal ends the program at once.
	context.AfterFunc(ctx, stop)
	streams := cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Env: os.Getenv, Environ: os.Environ()}
	os.Exit(cli.Run(ctx, os.Args[1:], streams, cli.ReadBuild()))
}

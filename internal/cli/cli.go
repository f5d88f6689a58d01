// Package cli is the command line: the tree of commands, what they print for
// people and for programs, and the exit codes.
//
// [Run] is the whole program but for signals and the exit itself; [New] returns
// the command tree. There are no globals: every command is made by a function
// newXCommand from the [app] that holds the streams and the flags all commands
// share, and keeps its own flags in a struct of its own. root.go lists the
// commands.
//
// What a command finds out goes to standard output, everything else (progress,
// notes, errors) to standard error. With --json a command prints exactly one
// JSON value, also when it fails; exit.go decides the exit code.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"aleph/message"
)

// Streams connects the program to its surroundings.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
	// Env looks a variable of the environment up, as [os.Getenv] does.
	Env func(name string) string
	// Environ lists the environment as name=value, as [os.Environ] does.
	Environ []string
}

// Run executes one command line without the program's name and returns the exit
// code. It ends soon after ctx does.
func Run(ctx context.Context, args []string, streams Streams, build Build) int {
	a := &app{Streams: streams, build: build}
	root := newRootCommand(a) //nolint:contextcheck // cobra hands the context to the commands
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if a.stopTimer != nil {
		defer a.stopTimer()
	}
	if err == nil {
		return exitOK
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = context.Canceled // what broke off because of the signal says nothing
	}
	// A flag before this one may have stopped the reading of the line.
	a.flags.json = a.flags.json || slices.Contains(args, "--json")
	return a.fail(cmd, err)
}

// New returns the command tree. Most callers want [Run].
func New(build Build, streams Streams) *cobra.Command {
	return newRootCommand(&app{Streams: streams, build: build})
}

// app is what the commands of one run share. It is used by one goroutine.
type app struct {
	Streams
	build Build
	flags globalFlags

	// printed is set once a JSON value stands on standard output.
	printed   bool
	stopTimer context.CancelFunc
	// network caches where the node is.
	network *target
}

// globalFlags are the flags of every command.
type globalFlags struct {
	api            string
	compute        string
	keyFile        string
	keyChain       string
	account        string
	passphraseFile string
	configDir      string
	json           bool
	quiet          bool
	verbose        bool
	noColor        bool
	timeout        timeoutFlag
}

// inTerminal returns standard input if a person can type there.
func (a *app) inTerminal() (*os.File, bool) { return terminal(a.In) }

func terminal(stream any) (*os.File, bool) {
	f, ok := stream.(*os.File)
	return f, ok && term.IsTerminal(int(f.Fd()))
}

// usageError is a command line that cannot be understood.
type usageError struct{ error }

// usagef returns a usage error.
func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

func (u usageError) Unwrap() []error { return []error{u.error, message.ErrInvalid} }

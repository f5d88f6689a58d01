package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"aleph/client"
	"aleph/message"
)

func newMessageWatchCommand(a *app) *cobra.Command {
	var opts filterOptions
	var history, count int
	var wait time.Duration
	cmd := &cobra.Command{
		Use: "watch", Short: "Show messages as they are processed", Args: cobra.NoArgs,
		Long: `Show messages as the node processes them, until interrupted. A lost connection is
made again, and what was missed is caught up with.

With --json each message is one JSON object on a line of its own, as it arrives;
--count 1 makes it one value. --for ends the command with exit code 6 when --count
messages did not arrive in time, and with 0 when no count was given.`,
		Example: `  aleph message watch --history 5 --channel TEST
  aleph message watch --type post --count 1 --for 30s --json`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if history < 0 || history > client.MaxHistory {
				return usagef("--history %d: want 0 to %d", history, client.MaxHistory)
			}
			if count < 0 || wait < 0 {
				return usagef("--count and --for must not be negative")
			}
			filter, err := opts.filter()
			if err != nil {
				return err
			}
			ctx := cmd.Context()
			if wait > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, wait)
				defer cancel()
			}
			return a.watch(ctx, client.WatchFilter{MessageFilter: filter, History: history}, count)
		},
	}
	opts.register(cmd)
	cmd.Flags().IntVar(&history, "history", 0, "show this many past messages first, at most 199")
	cmd.Flags().IntVarP(&count, "count", "n", 0, "end after this many messages")
	cmd.Flags().DurationVar(&wait, "for", 0, "end after this `TIME`, as 30s")
	return cmd
}

func (a *app) watch(ctx context.Context, filter client.WatchFilter, count int) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	defer c.Close()
	filter.Interrupted = func(err error, wait time.Duration) {
		a.note("%s; trying again in %s", oneLine(a.describe(err)), wait.Round(100*time.Millisecond))
	}
	seen := 0
	for m, err := range c.Watch(ctx, filter) {
		if err != nil {
			return err
		}
		if err := a.showWatched(m); err != nil {
			return err
		}
		if seen++; seen == count {
			return nil
		}
	}
	switch err := ctx.Err(); {
	case errors.Is(err, context.DeadlineExceeded) && count == 0:
		return nil
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: %d of %d messages arrived in time", message.ErrUnavailable, seen, count)
	default:
		return err
	}
}

// showWatched prints one message on one line.
func (a *app) showWatched(m *client.Received) error {
	if a.flags.json {
		return a.writeJSON(m.Raw())
	}
	line := fmt.Sprintf("%s  %-9s  %s  %s  %s", m.Time.Time().Local().Format(time.DateTime), m.Type, m.ItemHash, m.Sender, gist(m))
	width, onTerminal := terminalWidth(a.Out)
	if line = printable(line); onTerminal {
		line = cut(line, width)
	}
	_, err := fmt.Fprintln(a.Out, line)
	return err
}

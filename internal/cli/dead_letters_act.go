package cli

import (
	"cmp"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"aleph/internal/node/admin"
	"aleph/message"
)

// letterActOptions are the flags of what is done to dead letters.
type letterActOptions struct {
	letterOptions
	all bool
}

func (o *letterActOptions) register(cmd *cobra.Command) {
	o.letterOptions.register(cmd)
	cmd.Flags().BoolVar(&o.all, "all", false, "all rejected messages")
}

// selection says what the arguments and flags select: what is named, or what the
// flags say, and never everything by accident.
func (o *letterActOptions) selection(args []string) (admin.Selection, error) {
	var s admin.Selection
	filter, err := o.filter()
	if err != nil {
		return s, err
	}
	switch {
	case len(args) > 0 && (o.given() || o.all):
		return s, usagef("name messages, or select rejected ones with flags, not both")
	case len(args) == 0 && !o.given() && !o.all:
		return s, usagef("name messages, or select rejected ones with --code, --sender, --type, --since or --all")
	case o.given() && o.all:
		return s, usagef("--all selects everything: the other flags say less")
	}
	for _, arg := range args {
		hash, err := message.ParseLooseHash(arg)
		if err != nil {
			return s, err
		}
		s.Hashes = append(s.Hashes, hash)
	}
	s.Codes, s.Senders, s.Types, s.Since = filter.Codes, filter.Senders, filter.Types, filter.Since
	return s, nil
}

func newDeadLettersRetryCommand(a *app, node *nodeOptions) *cobra.Command {
	var opts letterActOptions
	cmd := &cobra.Command{
		Use: "retry [HASH...]", Short: "Try them again, as if they had just come",
		Args: cobra.ArbitraryArgs,
		Long: `Try messages again with a fresh number of attempts: those named, or all rejected
ones that the flags select. A rejected message goes through everything again and
may be rejected again; one that waits becomes due at once.`,
		Example: `  aleph node dead-letters retry 5f1c…
  aleph node dead-letters retry --code FILE_UNAVAILABLE --since 1d`,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := opts.selection(args)
			if err != nil {
				return err
			}
			c, err := a.adminClient(node)
			if err != nil {
				return err
			}
			answer, err := c.Retry(cmd.Context(), s)
			if err != nil {
				return err
			}
			err = a.present(answer, func(w io.Writer) error { return a.writeOutcomes(w, answer, "") })
			return cmp.Or(err, failedLetters(answer))
		},
	}
	opts.register(cmd)
	return cmd
}

func newDeadLettersDropCommand(a *app, node *nodeOptions) *cobra.Command {
	var opts letterActOptions
	var yes bool
	cmd := &cobra.Command{
		Use: "drop [HASH...]", Short: "Forget that they ever came",
		Args: cobra.ArbitraryArgs,
		Long: `Remove the records of messages: those named, rejected or waiting, or all rejected
ones that the flags select. The node then knows nothing of them. Who sends such a
message again begins anew.`,
		Example: `  aleph node dead-letters drop --code INVALID_SIGNATURE --yes`,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := opts.selection(args)
			if err != nil {
				return err
			}
			what := "the rejected messages that the flags select"
			if len(args) > 0 {
				what = fmt.Sprintf("%d messages", len(args))
			}
			if err := a.confirmOnTerminal(yes, "Drop "+what+" for good"); err != nil {
				return err
			}
			c, err := a.adminClient(node)
			if err != nil {
				return err
			}
			answer, err := c.Drop(cmd.Context(), s)
			if err != nil {
				return err
			}
			err = a.present(answer, func(w io.Writer) error { return a.writeOutcomes(w, answer, "dropped") })
			return cmp.Or(err, failedLetters(answer))
		},
	}
	opts.register(cmd)
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

// adminClient returns the way to the running node.
func (a *app) adminClient(node *nodeOptions) (*admin.Client, error) {
	cfg, err := a.nodeConfig(node)
	if err != nil {
		return nil, err
	}
	if cfg.Node.AdminSocket == "off" {
		return nil, fmt.Errorf("%w: node.admin_socket is off, so nothing can be asked of the running node", message.ErrUnavailable)
	}
	return admin.NewClient(cfg.Node.AdminSocket), nil
}

// failedLetters is the error of named messages with which nothing could be done.
func failedLetters(answer admin.Answer) error {
	failed := 0
	for _, l := range answer.Letters {
		if l.Error != "" {
			failed++
		}
	}
	if failed == 0 {
		return nil
	}
	return fmt.Errorf("%w: %d of %d messages are no dead letters", message.ErrNotFound, failed, len(answer.Letters))
}

// writeOutcomes shows what became of dead letters; done is the word for those of
// which nothing more is to be said.
func (a *app) writeOutcomes(w io.Writer, answer admin.Answer, done string) error {
	if answer.Letters == nil {
		if c := answer.Counts; c != nil {
			return a.writeFields(w, [2]string{"processed", fmt.Sprint(c.Processed)}, [2]string{"waiting", fmt.Sprint(c.Pending)},
				[2]string{"rejected again", fmt.Sprint(c.Rejected)}, [2]string{"no message", fmt.Sprint(c.Failed)})
		}
		return a.writeFields(w, [2]string{"dropped", fmt.Sprint(answer.Dropped)})
	}
	t := newTable("MESSAGE", "OUTCOME")
	for _, l := range answer.Letters {
		text := l.Error
		switch {
		case text != "":
		case l.Code != nil:
			text = fmt.Sprintf("%s: %d %s %s", l.Status, int(*l.Code), l.Code, compact(l.Details))
		case l.Status != "":
			text = string(l.Status)
		default:
			text = done
		}
		t.add(string(l.Hash), text)
	}
	return a.writeTable(w, t)
}

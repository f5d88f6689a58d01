package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aleph/client"
	"aleph/message"
)

func newMessageCommand(a *app) *cobra.Command {
	return newGroupCommand(a, "message", "Signed messages of any type",
		newMessageGetCommand(a), newMessageListCommand(a), newMessageWatchCommand(a), newMessageForgetCommand(a))
}

func newMessageGetCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "get HASH", Short: "Show one message and where it stands", Args: cobra.ExactArgs(1),
		Long: `Show one message, whatever its status: processed, pending, rejected with the
reason, or forgotten. --json prints what the node answers.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			hash, err := message.ParseHash(args[0])
			if err != nil {
				return err
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			defer c.Close()
			info, err := c.Message(cmd.Context(), hash)
			if err != nil {
				return err
			}
			return a.present(info, func(w io.Writer) error { return a.writeMessage(w, info) })
		},
	}
}

// writeMessage shows everything that a person asks of one message.
func (a *app) writeMessage(w io.Writer, info *client.MessageInfo) error {
	fields := [][2]string{
		{"message", string(info.Hash)},
		{"status", string(info.Status)},
		{"reason", info.Reason},
		{"forgotten by", joinHashes(info.ForgottenBy)},
	}
	if info.Rejection != nil {
		fields = append(fields, [2]string{"rejection", info.Rejection.Error()}, [2]string{"what to do", rejectionHint(info.ErrorCode)})
	}
	m := info.Message
	if m != nil {
		fields = append(fields,
			[2]string{"type", string(m.Type)},
			[2]string{"sender", fmt.Sprintf("%s on %s", m.Sender, m.Chain)},
		)
		if m.Channel != nil {
			fields = append(fields, [2]string{"channel", *m.Channel})
		}
		if m.Content != nil && !m.Content.Owner().EqualFold(m.Sender) {
			fields = append(fields, [2]string{"owner", string(m.Content.Owner())})
		}
		if m.Time != 0 {
			fields = append(fields, [2]string{"time", instant(m.Time.Time())})
		}
	}
	if !info.ReceptionTime.IsZero() {
		fields = append(fields, [2]string{"received", instant(info.ReceptionTime)})
	}
	for _, c := range info.Confirmations {
		fields = append(fields, [2]string{"confirmed", fmt.Sprintf("%s block %d, transaction %s", c.Chain, c.Height, c.Hash)})
	}
	if info.Invalid != nil {
		fields = append(fields, [2]string{"warning", info.Invalid.Error()})
	}
	if err := a.writeFields(w, fields...); err != nil || m == nil || m.Content == nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%s\n%s\n", a.bold(w, "content"), indented(m.Content.Raw()))
	return err
}

// instant is a point in time for people, exact and relative.
func instant(t time.Time) string {
	return t.UTC().Format("2006-01-02 15:04:05 MST") + ", " + ago(t)
}

func joinHashes(hashes []message.Hash) string {
	texts := make([]string, len(hashes))
	for i, h := range hashes {
		texts[i] = string(h)
	}
	return strings.Join(texts, " ")
}

// forgetOptions are the flags of every command that forgets messages.
type forgetOptions struct {
	publishOptions
	reason string
	yes    bool
}

func (o *forgetOptions) register(cmd *cobra.Command) {
	o.publishOptions.register(cmd)
	cmd.Flags().StringVar(&o.reason, "reason", "", "why, for others to read")
	cmd.Flags().BoolVarP(&o.yes, "yes", "y", false, "do not ask")
}

func newMessageForgetCommand(a *app) *cobra.Command {
	var opts forgetOptions
	cmd := &cobra.Command{
		Use: "forget HASH...", Short: "Remove messages from the network, for good", Args: cobra.MinimumNArgs(1),
		Long: `Publish a FORGET message. Every node deletes the content of the messages that it
names, and the files which only they kept. This cannot be undone.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			hashes, err := parseHashes(args)
			if err != nil {
				return err
			}
			return a.forget(cmd, &opts, hashes)
		},
	}
	opts.register(cmd)
	return cmd
}

// mostForgotten is how many messages one FORGET may name. // spec messages 3.7
const mostForgotten = 1000

// forget publishes one FORGET for all hashes.
func (a *app) forget(cmd *cobra.Command, opts *forgetOptions, hashes []message.Hash) error {
	if len(hashes) > mostForgotten {
		return usagef("%d messages at once: %d is the most", len(hashes), mostForgotten)
	}
	what := "this message"
	if len(hashes) > 1 {
		what = fmt.Sprintf("these %d messages", len(hashes))
	}
	if err := a.confirmOnTerminal(opts.yes, fmt.Sprintf("Forget %s for good", what)); err != nil {
		return err
	}
	c, signer, err := a.clientAndSigner()
	if err != nil {
		return err
	}
	defer c.Close()
	published, err := c.Publish(cmd.Context(), signer, message.TypeForget, client.ForgetContent{
		Address: opts.ownerOf(signer.Address()), Time: message.TimestampOf(time.Now()), Hashes: hashes, Reason: opts.reason,
	}, opts.options())
	if err != nil {
		return err
	}
	return a.showPublished(published)
}

// confirmOnTerminal asks where somebody can be asked; a script says what it
// wants by running the command.
func (a *app) confirmOnTerminal(yes bool, question string) error {
	_, asked := a.inTerminal()
	return a.confirm(yes || !asked || a.flags.json, question)
}

// rawMessages are the objects that a node sent.
func rawMessages(list []*client.Received) []json.RawMessage {
	raw := make([]json.RawMessage, len(list))
	for i, m := range list {
		raw[i] = m.Raw()
	}
	return raw
}

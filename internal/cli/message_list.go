package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aleph/client"
	"aleph/message"
)

// filterOptions are the flags that select messages.
type filterOptions struct {
	hashes, senders, owners, types, statuses, chains, channels, tags []string
	refs, contentTypes, contentKeys, contentHashes, paymentTypes     []string
	since, until                                                     timeOption
}

// register declares the flags. Lists take several values, with commas or by
// repeating the flag.
func (o *filterOptions) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringSliceVar(&o.types, "type", nil, "only of these types: post, aggregate, store, forget, program, instance")
	f.StringSliceVar(&o.senders, "sender", nil, "only signed by these addresses")
	f.StringSliceVar(&o.owners, "owner", nil, "only of these owners")
	f.StringSliceVar(&o.channels, "channel", nil, "only on these channels")
	f.StringSliceVar(&o.chains, "chain", nil, "only signed on these chains")
	f.StringSliceVar(&o.hashes, "hash", nil, "only these messages")
	f.StringSliceVar(&o.tags, "tag", nil, "only with one of these tags")
	f.StringSliceVar(&o.refs, "ref", nil, "only whose content refers to one of these")
	f.StringSliceVar(&o.contentTypes, "content-type", nil, "only posts of these types")
	f.StringSliceVar(&o.contentKeys, "key", nil, "only aggregates with these keys")
	f.StringSliceVar(&o.contentHashes, "file", nil, "only STORE messages of these files")
	f.StringSliceVar(&o.paymentTypes, "payment", nil, "only paid this way: hold, superfluid, credit")
	f.Var(&o.since, "since", "only from this `TIME` on: a date, RFC 3339, Unix seconds, or how long ago, as 2h or 7d")
	f.Var(&o.until, "until", "only before this `TIME`")
	types := make([]string, 0, len(message.Types()))
	for _, t := range message.Types() {
		types = append(types, strings.ToLower(string(t)))
	}
	complete(cmd, "type", types...)
	complete(cmd, "payment", "hold", "superfluid", "credit")
}

// complete lets a shell propose the values of a flag.
func complete(cmd *cobra.Command, flag string, values ...string) {
	if err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag was declared a line before
	}
}

// filter checks the flags.
func (o *filterOptions) filter() (client.MessageFilter, error) {
	f := client.MessageFilter{
		Senders: addresses(o.senders), Owners: addresses(o.owners), Channels: o.channels, Tags: o.tags, Refs: o.refs,
		ContentTypes: o.contentTypes, ContentKeys: o.contentKeys, Since: o.since.value, Until: o.until.value,
	}
	var err error
	if f.Hashes, err = parseHashes(o.hashes); err != nil {
		return f, err
	}
	if f.ContentHashes, err = parseHashes(o.contentHashes); err != nil {
		return f, err
	}
	for _, text := range o.types {
		t := message.Type(strings.ToUpper(text))
		if !t.Valid() {
			return f, usagef("--type %s: want one of %v", text, message.Types())
		}
		f.Types = append(f.Types, t)
	}
	for _, text := range o.statuses {
		s := message.Status(strings.ToLower(text))
		if !s.Valid() {
			return f, usagef("--status %s: want one of %v", text, message.Statuses())
		}
		f.Statuses = append(f.Statuses, s)
	}
	for _, text := range o.chains {
		c := message.Chain(strings.ToUpper(text))
		if !c.Valid() {
			return f, usagef("--chain %s is no chain of the network", text)
		}
		f.Chains = append(f.Chains, c)
	}
	for _, text := range o.paymentTypes {
		p := message.PaymentType(text)
		if !slices.Contains([]message.PaymentType{message.PaymentHold, message.PaymentSuperfluid, message.PaymentCredit}, p) {
			return f, usagef("--payment %s: want hold, superfluid or credit", text)
		}
		f.PaymentTypes = append(f.PaymentTypes, p)
	}
	return f, nil
}

func newMessageListCommand(a *app) *cobra.Command {
	var page pageOptions
	var opts filterOptions
	var oldest, all bool
	var sort string
	cmd := &cobra.Command{
		Use: "list", Short: "Show messages, the newest first", Args: cobra.NoArgs,
		Long: `Show messages, the newest first. All conditions must hold; of the values of one
condition, any. --json prints an array of the messages as the node sent them.`,
		Example: `  aleph message list --type post,aggregate --owner 0x1234… --since 2h
  aleph message list --status forgotten --json
  aleph message list --channel TEST --all --json`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := page.check(); err != nil {
				return err
			}
			filter, err := opts.filter()
			if err != nil {
				return err
			}
			if filter.Sort = client.MessageSort(sort); filter.Sort != client.SortTime && filter.Sort != client.SortTxTime {
				return usagef("--sort %s: want %s or %s", sort, client.SortTime, client.SortTxTime)
			}
			filter.Ascending = oldest
			return a.runMessageList(cmd, filter, page, all)
		},
	}
	page.register(cmd)
	opts.register(cmd)
	f := cmd.Flags()
	f.StringSliceVar(&opts.statuses, "status", nil, "only with these: processed, removing; or one of forgotten, removed alone")
	f.StringVar(&sort, "sort", string(client.SortTime), "order: time, or tx-time for the first confirmation")
	f.BoolVar(&oldest, "oldest-first", false, "list the oldest first")
	f.BoolVar(&all, "all", false, "every page")
	complete(cmd, "status", "processed", "removing", "forgotten", "removed")
	complete(cmd, "sort", string(client.SortTime), string(client.SortTxTime))
	return cmd
}

func (a *app) runMessageList(cmd *cobra.Command, filter client.MessageFilter, page pageOptions, all bool) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	defer c.Close()
	var list []*client.Received
	var total int64
	if all {
		for m, err := range c.AllMessages(cmd.Context(), filter) {
			if err != nil {
				return err
			}
			list = append(list, m)
		}
	} else {
		filter.Page, filter.PerPage = page.page, page.limit
		found, err := c.Messages(cmd.Context(), filter)
		if err != nil {
			return err
		}
		list, total = found.Messages, found.Total
	}
	return a.present(rawMessages(list), func(w io.Writer) error {
		if len(list) == 0 {
			a.note("no message")
			return nil
		}
		t := &table{columns: []column{
			{title: "MESSAGE"}, {title: "TYPE"}, {title: "SENDER", least: 10}, {title: "TIME"}, {title: "CONTENT", least: 16},
		}}
		for _, m := range list {
			t.add(string(m.ItemHash), string(m.Type), string(m.Sender), ago(m.Time.Time()), gist(m))
		}
		if err := a.writeTable(w, t); err != nil {
			return err
		}
		if !all {
			a.notePage(len(list), page, total)
		}
		return nil
	})
}

// gist is what a message is about, in a few words.
func gist(m *client.Received) string {
	switch c := m.Content.(type) {
	case *message.Post:
		if c.IsAmend() {
			return "amends " + c.Ref + " " + compact(c.Content)
		}
		return c.Type + " " + compact(c.Content)
	case *message.Aggregate:
		return c.Key + " " + compact(c.Content)
	case *message.Store:
		return "file " + string(c.ItemHash)
	case *message.Forget:
		return fmt.Sprintf("%d messages %s", len(c.Hashes)+len(c.Aggregates), c.Reason)
	case *message.Program:
		return "program " + c.Code.Entrypoint
	}
	switch {
	case m.Forgotten != nil:
		return string(m.Forgotten.Status) + " " + ago(m.Forgotten.At)
	case m.Invalid != nil:
		return "unreadable: " + m.Invalid.Error()
	}
	return ""
}

// compact is the beginning of a JSON text, more than a table shows.
func compact(raw json.RawMessage) string {
	const most = 200
	if runes := []rune(string(raw)); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return string(raw)
}

// timeOption is a point in time as people write it.
type timeOption struct {
	text  string
	value time.Time
}

// String returns the time as it was given.
func (o *timeOption) String() string { return o.text }

// Type names the kind of value in the help text.
func (o *timeOption) Type() string { return "time" }

// Set reads a date, an instant, Unix seconds, or a duration before now.
func (o *timeOption) Set(text string) error {
	o.text = text
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			o.value = t
			return nil
		}
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseFloat(days, 64); err == nil && n >= 0 && n < 1e5 {
			o.value = time.Now().Add(-time.Duration(n * 24 * float64(time.Hour)))
			return nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		o.value = time.Now().Add(-d)
		return nil
	}
	if seconds, err := strconv.ParseFloat(text, 64); err == nil && seconds > 0 && seconds < 9223372036 {
		o.value = message.TimestampFromSeconds(seconds).Time()
		return nil
	}
	return errors.New("want a date as 2026-01-31, RFC 3339, Unix seconds, or how long ago, as 90m, 2h, 7d")
}

package cli

import (
	"io"
	"maps"
	"slices"
	"strconv"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"aleph/client"
	"aleph/message"
)

// named returns the address that a command is given, or the account's.
func (a *app) named(args []string) (message.Address, error) {
	if len(args) == 0 {
		return a.ownerOrSelf("")
	}
	return a.ownerOrSelf(args[0])
}

func newAccountBalanceCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "balance [ADDRESS]", Short: "Show the tokens and credits of an address", Args: cobra.MaximumNArgs(1),
		Long: `Show the tokens and credits of an address, by default the account's: on all chains
and on each, what of the tokens its resources hold, and when credits expire.`,
		Example: "  aleph account balance\n  aleph account balance 0x2222… --json",
		RunE: func(cmd *cobra.Command, args []string) error {
			address, err := a.named(args)
			if err != nil {
				return err
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			defer c.Close()
			b, err := c.Balance(cmd.Context(), address)
			if err != nil {
				return err
			}
			return a.present(b, func(w io.Writer) error { return a.writeBalance(w, b) })
		},
	}
}

func (a *app) writeBalance(w io.Writer, b *client.Balance) error {
	fields := [][2]string{{"address", string(b.Address)}, {"tokens", tokens(b.Tokens)}}
	for _, chain := range slices.Sorted(maps.Keys(b.ByChain)) {
		fields = append(fields, [2]string{"  on " + string(chain), tokens(b.ByChain[chain])})
	}
	fields = append(fields, [2]string{"locked", tokens(b.Locked)}, [2]string{"credits", humanize.Comma(b.Credits)})
	for _, lot := range b.Lots {
		until := "  that stay"
		if lot.Expires != nil {
			until = "  until " + instant(*lot.Expires)
		}
		fields = append(fields, [2]string{until, humanize.Comma(lot.Amount)})
	}
	return a.writeFields(w, fields...)
}

// tokens prints an amount of tokens in as many digits as tell it.
func tokens(amount float64) string { return strconv.FormatFloat(amount, 'f', -1, 64) + " ALEPH" }

func newAccountHistoryCommand(a *app) *cobra.Command {
	var page, size int
	var filter client.CreditFilter
	cmd := &cobra.Command{
		Use: "history [ADDRESS]", Short: "Show the credits that an address was given and used", Args: cobra.MaximumNArgs(1),
		Example: "  aleph account history\n  aleph account history --direction outgoing --page 2",
		RunE: func(cmd *cobra.Command, args []string) error {
			if page < 1 || size < 1 {
				return usagef("--page and --page-size count from 1")
			}
			if filter.Direction != "" && filter.Direction != "incoming" && filter.Direction != "outgoing" {
				return usagef("--direction is incoming or outgoing")
			}
			address, err := a.named(args)
			if err != nil {
				return err
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			defer c.Close()
			entries, total, err := c.CreditHistory(cmd.Context(), address, filter, page, size)
			if isNotFound(err) { // how the node says that there are none
				entries, err = []client.CreditEntry{}, nil
			}
			if err != nil {
				return err
			}
			return a.present(entries, func(w io.Writer) error { return a.writeHistory(w, entries, total) })
		},
	}
	cmd.Flags().IntVar(&page, "page", 1, "which page")
	cmd.Flags().IntVar(&size, "page-size", 100, "entries on a page")
	cmd.Flags().StringVar(&filter.Direction, "direction", "", "only incoming or only outgoing credits")
	return cmd
}

func (a *app) writeHistory(w io.Writer, entries []client.CreditEntry, total int64) error {
	t := newTable("TIME", "CREDITS", "METHOD", "EXPIRES", "ABOUT")
	t.columns[1].right = true
	for i := range entries {
		e := &entries[i]
		expires, about := "–", e.Origin
		if e.Expires != nil {
			expires = instant(*e.Expires)
		}
		if about == "" {
			about = e.OriginRef
		}
		t.add(instant(e.Time), humanize.Comma(e.Amount), e.PaymentMethod, expires, about)
	}
	if len(entries) == 0 {
		a.note("no credits were given or used")
		return nil
	}
	if err := a.writeTable(w, t); err != nil {
		return err
	}
	if total > int64(len(entries)) {
		a.note("%d entries in all: see --page", total)
	}
	return nil
}

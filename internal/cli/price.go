package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"aleph/client"
	"aleph/message"
)

func newPriceCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "price HASH", Short: "Show what a message costs", Args: cobra.ExactArgs(1),
		Long: `Show what a file, program or instance costs: tokens to hold, tokens a second that
flow, or credits a second that are used up, by the way in which it is paid.`,
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
			p, err := c.Price(cmd.Context(), hash)
			if err != nil {
				return err
			}
			return a.present(p, func(w io.Writer) error { return a.writePrice(w, p) })
		},
	}
}

func (a *app) writePrice(w io.Writer, p *client.Price) error {
	if err := a.writeFields(w, [2]string{"owner", string(p.Owner)}, [2]string{"cost", digits(p.Cost) + " " + unitOf(p.Payment)}); err != nil {
		return err
	}
	t := newTable("PART", "MIB", "COST", "NAME")
	t.columns[1].right, t.columns[2].right = true, true
	for _, row := range p.Rows {
		size, cost := "–", row.Hold
		if row.MiB != nil {
			size = strings.TrimSuffix(fmt.Sprintf("%.2f", *row.MiB), ".00")
		}
		switch p.Payment {
		case message.PaymentSuperfluid:
			cost = row.Stream
		case message.PaymentCredit:
			cost = row.Credit
		case message.PaymentHold:
		}
		t.add(row.Type, size, digits(cost), row.Name)
	}
	return a.writeTable(w, t)
}

// digits drops the zeros behind a decimal.
func digits(text string) string {
	if !strings.Contains(text, ".") {
		return text
	}
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

func unitOf(payment message.PaymentType) string {
	switch payment {
	case message.PaymentSuperfluid:
		return "ALEPH a second"
	case message.PaymentCredit:
		return "credits a second"
	case message.PaymentHold:
	}
	return "ALEPH to hold"
}

func newCostCommand(a *app) *cobra.Command {
	var page, size int
	var payment string
	payments := []string{string(message.PaymentHold), string(message.PaymentSuperfluid), string(message.PaymentCredit)}
	cmd := &cobra.Command{
		Use: "cost [ADDRESS]", Short: "Show what the resources of an address cost", Args: cobra.MaximumNArgs(1),
		Long: `Show what the files, programs and instances of an address cost that are paid in one
way, by default those of the account, and the credits that they have used.`,
		Example: "  aleph cost\n  aleph cost 0x2222… --payment credit",
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(payments, payment) {
				return usagef("--payment is one of %s", strings.Join(payments, ", "))
			}
			if page < 1 || size < 10 || size > 1000 {
				return usagef("--page counts from 1, --page-size is from 10 to 1000")
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
			filter := client.CostFilter{Owner: address, Payment: message.PaymentType(payment)}
			costs, err := c.Costs(cmd.Context(), filter, page, size)
			if err != nil {
				return err
			}
			return a.present(costs, func(w io.Writer) error { return a.writeCosts(w, filter.Payment, costs) })
		},
	}
	cmd.Flags().StringVar(&payment, "payment", payments[0], "how they are paid: "+strings.Join(payments, ", "))
	cmd.Flags().IntVar(&page, "page", 1, "which page")
	cmd.Flags().IntVar(&size, "page-size", 100, "resources on a page")
	return cmd
}

func (a *app) writeCosts(w io.Writer, payment message.PaymentType, costs *client.Costs) error {
	of := func(hold, stream, credit string) string {
		switch payment {
		case message.PaymentSuperfluid:
			return digits(stream)
		case message.PaymentCredit:
			return digits(credit)
		case message.PaymentHold:
		}
		return digits(hold)
	}
	s := &costs.Summary
	err := a.writeFields(w,
		[2]string{"resources", fmt.Sprint(s.Resources)}, [2]string{"cost", of(s.Hold, s.Stream, s.Credit) + " " + unitOf(payment)},
		[2]string{"credits used", s.Consumed.String()})
	if err != nil || len(costs.Resources) == 0 {
		return err
	}
	t := newTable("COST", "CREDITS USED", "RESOURCE")
	t.columns[0].right, t.columns[1].right = true, true
	for _, r := range costs.Resources {
		t.add(of(r.Hold, r.Stream, r.Credit), r.Consumed.String(), string(r.Hash))
	}
	return a.writeTable(w, t)
}

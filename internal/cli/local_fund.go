package cli

import (
	"context"

	"github.com/spf13/cobra"

	"aleph/internal/local"
	"aleph/message"
)

// fundOptions are the flags of `aleph local fund`.
type fundOptions struct {
	aleph   int64
	credits int64
	dataDir string
}

func newLocalFundCommand(a *app) *cobra.Command {
	var opts fundOptions
	cmd := &cobra.Command{
		Use: "fund ADDRESS…", Short: "Give accounts tokens and credits on the local cloud", Args: cobra.MinimumNArgs(1),
		Long: `Give accounts tokens and credits on the local cloud, in the name of its
authority, whose key lies in the cloud's data folder.

Tokens are what the account holds from now on; storage and functions reserve
them. Credits are added to those that it has; machines that run use them up.`,
		Example: `  aleph local fund 0x2222… --aleph 5000
  aleph local fund 0x2222… --credits 1000000`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runLocalFund(cmd.Context(), a, opts, args, cmd.Flags().Changed)
		},
	}
	f := cmd.Flags()
	f.Int64Var(&opts.aleph, "aleph", 0, "tokens that each account holds from now on")
	f.Int64Var(&opts.credits, "credits", 0, "credits that each account gets; a million of them are worth a dollar")
	f.StringVar(&opts.dataDir, "data-dir", "", "folder of the cloud (default: that of the running one)")
	return cmd
}

func runLocalFund(ctx context.Context, a *app, opts fundOptions, args []string, changed func(string) bool) error {
	if !changed("aleph") && !changed("credits") {
		return usagef("say what to give: --aleph N, --credits N or both")
	}
	if opts.aleph < 0 || opts.credits < 0 || changed("credits") && opts.credits == 0 {
		return usagef("--aleph wants a number that is not negative, --credits one above zero")
	}
	at, err := a.resolveNetwork()
	if err != nil {
		return err
	}
	endpoints := local.Endpoints{API: at.api, DataDir: opts.dataDir}
	if endpoints.DataDir == "" {
		if at.local == nil {
			return usagef("no local cloud runs at %s: start one with `aleph local`, or name its folder with --data-dir", at.api)
		}
		endpoints.DataDir = at.local.DataDir
	}
	funds := local.Funds{Credits: opts.credits}
	if changed("aleph") {
		funds.Tokens = &opts.aleph
	}
	to := make([]message.Address, len(args))
	for i, arg := range args {
		if to[i], err = parseAddress(arg); err != nil {
			return err
		}
	}
	if err := local.Fund(ctx, endpoints, funds, to...); err != nil {
		return err
	}
	if a.flags.json {
		return a.writeJSON(map[string]any{"addresses": to, "aleph": funds.Tokens, "credits": opts.credits})
	}
	for _, address := range to {
		if err := a.writeFields(a.Out, [2]string{"funded", string(address)}); err != nil {
			return err
		}
	}
	return nil
}

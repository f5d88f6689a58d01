package cli

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

// The groups of the help text.
const (
	groupCloud   = "cloud"
	groupData    = "data"
	groupCompute = "compute"
	groupMore    = "more"
)

// newRootCommand lists every command of the program.
func newRootCommand(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "aleph",
		Short: "The Aleph Cloud in one program",
		Long: `The Aleph Cloud in one program: a decentralised database of signed messages,
storage, functions and virtual machines.

Start a whole cloud on this machine with ` + "`aleph local`" + `. Every other command
talks to it, unless --api and --compute point elsewhere.`,
		SilenceUsage: true, SilenceErrors: true,
		Args: noCommand,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return a.begin(cmd)
		},
		RunE: a.helpOrUsage,
	}
	root.SetIn(a.In)
	root.SetOut(a.Out)
	root.SetErr(a.Err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddGroup(
		&cobra.Group{ID: groupCloud, Title: "Run a cloud:"},
		&cobra.Group{ID: groupData, Title: "Publish and read:"},
		&cobra.Group{ID: groupCompute, Title: "Compute:"},
		&cobra.Group{ID: groupMore, Title: "More:"},
	)
	add := func(group string, commands ...*cobra.Command) {
		for _, cmd := range commands {
			cmd.GroupID = group
			root.AddCommand(cmd)
		}
	}
	add(groupCloud, newLocalCommand(a), newNodeCommand(a), newDoctorCommand(a), newConfigCommand(a), newDBCommand(a), newBenchCommand(a))
	add(groupData, newAccountCommand(a), newPostCommand(a), newAggregateCommand(a), newMessageCommand(a), newFileCommand(a),
		newPriceCommand(a), newCostCommand(a))
	add(groupCompute, newFunctionCommand(a), newRuntimeCommand(a))
	add(groupMore, newVersionCommand(a), newCompletionCommand(a))
	root.AddCommand(newExitCodesTopic(), newEnvironmentTopic(), newJSONTopic())
	root.SetHelpCommand(newHelpCommand())
	root.SetHelpCommandGroupID(groupMore)
	a.flags.register(root)
	a.completeFlags(root)
	styleHelp(root)
	markUsage(root)
	return root
}

func (f *globalFlags) register(root *cobra.Command) {
	p := root.PersistentFlags()
	p.StringVar(&f.api, "api", "", "`URL` of the node ($ALEPH_API; default: the local cloud that runs, else "+defaultAPI+")")
	p.StringVar(&f.api, "ccn", "", "same as --api")
	p.StringVar(&f.compute, "compute", "", "`URL` of the compute host ($ALEPH_COMPUTE; default: the local cloud's)")
	p.StringVar(&f.keyFile, "key-file", "", "`FILE` with the private key that signs ($ALEPH_KEY_FILE)")
	p.StringVar(&f.keyChain, "key-chain", "ETH", "`CHAIN` of the key in --key-file")
	p.StringVar(&f.account, "account", "", "`NAME` of the account that signs ($ALEPH_ACCOUNT; default: see `aleph account use`)")
	p.StringVar(&f.passphraseFile, "passphrase-file", "", "`FILE` with the passphrase of the account ($ALEPH_PASSPHRASE_FILE)")
	p.StringVar(&f.configDir, "config-dir", "", "`FOLDER` of accounts ($ALEPH_CONFIG_DIR; default: aleph in the user's configuration folder)")
	p.BoolVar(&f.json, "json", false, "print one JSON value on standard output, and no progress")
	p.BoolVarP(&f.quiet, "quiet", "q", false, "print no progress and no notes")
	p.BoolVarP(&f.verbose, "verbose", "v", false, "say which node is asked and who signs")
	p.BoolVar(&f.noColor, "no-color", false, "print no colours ($NO_COLOR)")
	p.Var(&f.timeout, "timeout", "longest `TIME` for one request, as 10s (default 30s; transfers of files and watch are not limited)")
}

// begin checks the flags that every command has.
func (a *app) begin(cmd *cobra.Command) error {
	if a.flags.keyFile != "" && a.flags.account != "" {
		return usagef("--key-file and --account exclude each other")
	}
	if cmd.Flags().Changed("api") && cmd.Flags().Changed("ccn") {
		return usagef("--api and --ccn are the same flag: give one")
	}
	return nil
}

// timeoutFlag is a duration that must be positive; zero stands for the default.
type timeoutFlag struct{ value time.Duration }

func (t *timeoutFlag) String() string {
	if t.value == 0 {
		return ""
	}
	return t.value.String()
}

// Set reads the flag.
func (t *timeoutFlag) Set(text string) error {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return errors.New("want a time like 10s or 2m")
	}
	t.value = d
	return nil
}

// Type names the value in the help text.
func (*timeoutFlag) Type() string { return "time" }

// newGroupCommand returns a command that only holds others.
func newGroupCommand(a *app, use, short string, subs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: noCommand, RunE: a.helpOrUsage}
	cmd.AddCommand(subs...)
	return cmd
}

// helpOrUsage is what a command does that only holds others: it tells people
// which there are, and a program that it named none.
func (a *app) helpOrUsage(cmd *cobra.Command, _ []string) error {
	if a.flags.json {
		return usagef("%s needs a command after it", cmd.CommandPath())
	}
	return cmd.Help()
}

// noCommand refuses the arguments of a command that only holds others.
func noCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	text := fmt.Sprintf("unknown command %q for %q", args[0], cmd.CommandPath())
	if similar := cmd.SuggestionsFor(args[0]); len(similar) > 0 {
		text += fmt.Sprintf(": did you mean %q?", similar[0])
	}
	return usagef("%s", text)
}

// markUsage makes a wrong number of arguments a usage error in every command.
func markUsage(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return usageError{err}
			}
			return nil
		}
	}
	cmd.SuggestionsMinimumDistance = 2
	for _, sub := range cmd.Commands() {
		markUsage(sub)
	}
}

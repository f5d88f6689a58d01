package cli

import (
	"io"

	"github.com/spf13/cobra"

	"aleph/message"
)

// newCompletionCommand prints the script that makes a shell complete command
// lines of this program.
func newCompletionCommand(a *app) *cobra.Command {
	shells := map[string]func(root *cobra.Command, w io.Writer) error{
		"bash":       func(root *cobra.Command, w io.Writer) error { return root.GenBashCompletionV2(w, true) },
		"zsh":        func(root *cobra.Command, w io.Writer) error { return root.GenZshCompletion(w) },
		"fish":       func(root *cobra.Command, w io.Writer) error { return root.GenFishCompletion(w, true) },
		"powershell": func(root *cobra.Command, w io.Writer) error { return root.GenPowerShellCompletionWithDesc(w) },
	}
	names := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use: "completion bash|zsh|fish|powershell", Short: "A script that makes your shell complete commands",
		Long: `Prints a script for the shell. To have it in this shell and in every new one:

  bash        source <(aleph completion bash)
              aleph completion bash > ~/.local/share/bash-completion/completions/aleph
  zsh         aleph completion zsh > "${fpath[1]}/_aleph"
  fish        aleph completion fish > ~/.config/fish/completions/aleph.fish
  powershell  aleph completion powershell | Out-String | Invoke-Expression
`,
		Args: cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs), ValidArgs: names,
		RunE: func(cmd *cobra.Command, args []string) error { return shells[args[0]](cmd.Root(), a.Out) },
	}
}

// completeFlags lets a shell propose the values of shared flags.
func (a *app) completeFlags(root *cobra.Command) {
	complete := func(flag string, values cobra.CompletionFunc) {
		if err := root.RegisterFlagCompletionFunc(flag, values); err != nil {
			panic(err) // the flag was declared a line before
		}
	}
	complete("account", func(cmd *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
		return a.completeAccounts(cmd, nil, begun)
	})
	complete("key-chain", chainNames)
	complete("config-dir", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return nil, cobra.ShellCompDirectiveFilterDirs
	})
	for _, flag := range []string{"api", "ccn", "compute", "timeout"} {
		complete(flag, cobra.NoFileCompletions)
	}
}

// chainNames proposes the chains for which keys can be made.
func chainNames(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, chain := range message.Chains() {
		if chain.Family() != message.FamilyNone {
			names = append(names, string(chain))
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

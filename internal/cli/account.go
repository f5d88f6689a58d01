package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"aleph/account"
	"aleph/message"
)

func newAccountCommand(a *app) *cobra.Command {
	return newGroupCommand(a, "account", "Keys, addresses and what they have",
		newAccountCreateCommand(a), newAccountImportCommand(a), newAccountListCommand(a),
		newAccountShowCommand(a), newAccountUseCommand(a), newAccountExportCommand(a),
		newAccountBalanceCommand(a), newAccountHistoryCommand(a), newAccountPermissionsCommand(a))
}

// shownAccount is an account as --json prints it.
type shownAccount struct {
	Name      string          `json:"name,omitempty"`
	Chain     message.Chain   `json:"chain"`
	Address   message.Address `json:"address"`
	Encrypted bool            `json:"encrypted"`
	Default   bool            `json:"default"`
	File      string          `json:"file,omitempty"`
	Error     string          `json:"error,omitempty"`
}

func showEntry(e account.Entry) shownAccount {
	s := shownAccount{Name: e.Name, Chain: e.Chain, Address: e.Address, Encrypted: e.Encrypted, Default: e.Default, File: e.Path}
	if e.Err != nil {
		s.Error = e.Err.Error()
	}
	return s
}

// newKeyOptions are the flags of the commands that keep a new key.
type newKeyOptions struct {
	chain   string
	encrypt bool
	use     bool
}

func (o *newKeyOptions) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.chain, "chain", string(message.ChainEthereum), "`CODE` of the chain: ETH or one like it, SOL, ES, DOT, CSDK, NULS, NULS2, TEZOS, AVAX")
	if err := cmd.RegisterFlagCompletionFunc("chain", chainNames); err != nil {
		panic(err) // the flag was declared a line before
	}
	cmd.Flags().BoolVar(&o.encrypt, "encrypt", false, "encrypt the key with a passphrase (asked for, or from --passphrase-file)")
	cmd.Flags().BoolVar(&o.use, "use", false, "make it the account that signs by default")
}

// secret returns the passphrase for a new key; asking twice catches slips.
func (o *newKeyOptions) secret(a *app) (string, error) {
	if !o.encrypt && a.passphraseFile() == "" {
		return "", nil
	}
	text, err := a.passphrase("New passphrase")
	if err != nil {
		return "", err
	}
	if text == "" {
		return "", usagef("the passphrase is empty: leave --encrypt out for a key that is not encrypted")
	}
	if a.passphraseFile() != "" {
		return text, nil
	}
	again, err := a.passphrase("Once more")
	if err != nil {
		return "", err
	}
	if again != text {
		return "", usagef("the two passphrases differ")
	}
	return text, nil
}

// keep stores a key and shows it.
func (o *newKeyOptions) keep(a *app, name string, obtain func() (*account.Key, error)) error {
	store, err := a.keystore()
	if err != nil {
		return err
	}
	passphrase, err := o.secret(a)
	if err != nil {
		return err
	}
	key, err := obtain()
	if err != nil {
		return err
	}
	if err := store.Import(name, key, passphrase); err != nil {
		return err
	}
	if o.use {
		if err := store.SetDefault(name); err != nil {
			return err
		}
	}
	entry, err := store.Find(name)
	if err != nil {
		return err
	}
	return a.showAccount(showEntry(entry))
}

func (a *app) showAccount(s shownAccount) error {
	if a.flags.json {
		return a.writeJSON(s)
	}
	return a.writeFields(a.Out,
		[2]string{"name", s.Name}, [2]string{"address", string(s.Address)}, [2]string{"chain", string(s.Chain)},
		[2]string{"default", yesNo(s.Default)}, [2]string{"encrypted", yesNo(s.Encrypted)}, [2]string{"file", s.File}, [2]string{"error", s.Error},
	)
}

func newAccountCreateCommand(a *app) *cobra.Command {
	var opts newKeyOptions
	cmd := &cobra.Command{
		Use: "create NAME", Short: "Make a new key", Args: cobra.ExactArgs(1),
		Example: "  aleph account create alice\n  aleph account create bob --chain SOL --encrypt",
		RunE: func(_ *cobra.Command, args []string) error {
			return opts.keep(a, args[0], func() (*account.Key, error) { return account.NewKey(message.Chain(opts.chain)) })
		},
	}
	opts.register(cmd)
	return cmd
}

func newAccountImportCommand(a *app) *cobra.Command {
	var opts newKeyOptions
	var from string
	cmd := &cobra.Command{
		Use: "import NAME", Short: "Keep a key that exists", Args: cobra.ExactArgs(1),
		Long: `Keep a key that exists. The secret is hexadecimal, base58, a mnemonic, or a file
of raw bytes. It is read from --from, from standard input with --from -, or asked
for on the terminal; it is never an argument, which other users could see.`,
		Example: "  aleph account import alice --from key.txt\n  aleph account import alice        (asks for the secret)",
		RunE: func(_ *cobra.Command, args []string) error {
			return opts.keep(a, args[0], func() (*account.Key, error) { return a.readSecret(message.Chain(opts.chain), from) })
		},
	}
	opts.register(cmd)
	cmd.Flags().StringVar(&from, "from", "", "file with the secret; - for standard input")
	return cmd
}

// readSecret reads a private key from where the user says.
func (a *app) readSecret(chain message.Chain, from string) (*account.Key, error) {
	switch from {
	case "":
		text, err := a.ask("Secret key or mnemonic", "name a file with --from, or - for standard input")
		if err != nil {
			return nil, err
		}
		return account.ImportKey(chain, text)
	case "-":
		text, err := a.readInput(from)
		if err != nil {
			return nil, err
		}
		return account.ImportKey(chain, string(text))
	}
	return account.ReadKeyFile(chain, from)
}

func newAccountListCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "Show every account", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			store, err := a.keystore()
			if err != nil {
				return err
			}
			entries, err := store.List()
			if err != nil {
				return err
			}
			shown := make([]shownAccount, len(entries))
			t := newTable("", "NAME", "CHAIN", "ADDRESS", "KEY")
			for i, e := range entries {
				shown[i] = showEntry(e)
				mark, kind := "", "plain"
				if e.Default {
					mark = "*"
				}
				if e.Encrypted {
					kind = "encrypted"
				}
				if e.Err != nil {
					kind = e.Err.Error()
				}
				t.add(mark, e.Name, string(e.Chain), string(e.Address), kind)
			}
			if a.flags.json {
				return a.writeJSON(shown)
			}
			if len(entries) == 0 {
				a.note("no account yet: make one with `aleph account create NAME`")
				return nil
			}
			return a.writeTable(a.Out, t)
		},
	}
}

func newAccountShowCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "show [NAME]", Short: "Show one account, or the one that signs", Args: cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completeAccounts,
		RunE: func(_ *cobra.Command, args []string) error {
			store, err := a.keystore()
			if err != nil {
				return err
			}
			if len(args) == 1 {
				entry, err := store.Find(args[0])
				if err != nil {
					return err
				}
				return a.showAccount(showEntry(entry))
			}
			if name, err := a.namedAccount(store); err != nil {
				return err
			} else if name != "" {
				entry, err := store.Find(name)
				if err != nil {
					return err
				}
				return a.showAccount(showEntry(entry))
			}
			key, err := a.signer()
			if err != nil {
				return err
			}
			return a.showAccount(shownAccount{Chain: key.Chain(), Address: key.Address()})
		},
	}
}

func newAccountUseCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "use NAME", Short: "Sign with an account by default", Args: cobra.ExactArgs(1),
		ValidArgsFunction: a.completeAccounts,
		RunE: func(_ *cobra.Command, args []string) error {
			store, err := a.keystore()
			if err != nil {
				return err
			}
			if err := store.SetDefault(args[0]); err != nil {
				return err
			}
			entry, err := store.Find(args[0])
			if err != nil {
				return err
			}
			return a.showAccount(showEntry(entry))
		},
	}
}

func newAccountExportCommand(a *app) *cobra.Command {
	var yes bool
	var to string
	cmd := &cobra.Command{
		Use: "export NAME", Short: "Give out the secret key of an account", Args: cobra.ExactArgs(1),
		Long: `Give out the secret key of an account, on standard output or into a new file that
only you can read. Whoever has it owns what the account owns.`,
		ValidArgsFunction: a.completeAccounts,
		RunE: func(_ *cobra.Command, args []string) error {
			if err := a.confirm(yes, "give out the secret key of "+args[0]); err != nil {
				return err
			}
			store, err := a.keystore()
			if err != nil {
				return err
			}
			key, err := a.openAccount(store, args[0])
			if err != nil {
				return err
			}
			if to != "" {
				if err := account.WriteKeyFile(key, to); err != nil {
					return err
				}
				a.note("secret key of %s written to %s", args[0], to)
				return a.present(map[string]string{"file": to}, func(io.Writer) error { return nil })
			}
			if a.flags.json {
				return a.writeJSON(map[string]string{"secret": key.Secret()})
			}
			_, err = fmt.Fprintln(a.Out, key.Secret())
			return err
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "confirm that the secret may be shown")
	cmd.Flags().StringVarP(&to, "output", "o", "", "write to this new file instead")
	return cmd
}

// completeAccounts offers account names to the shell.
func (a *app) completeAccounts(_ *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	store, err := a.keystore()
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	entries, err := store.List()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name, prefix) {
			names = append(names, fmt.Sprintf("%s\t%s", e.Name, e.Address))
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

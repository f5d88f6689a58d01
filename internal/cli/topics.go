package cli

import "github.com/spf13/cobra"

// newEnvironmentTopic returns the text of `aleph help environment`.
func newEnvironmentTopic() *cobra.Command {
	return &cobra.Command{
		Use: "environment", Short: "The variables that stand in for flags",
		Long: `A flag on the command line wins over its variable:

  ALEPH_API              --api, URL of the node
  ALEPH_COMPUTE          --compute, URL of the compute host
  ALEPH_KEY_FILE         --key-file, file with the private key that signs
  ALEPH_ACCOUNT          --account, name of the account that signs
  ALEPH_PASSPHRASE_FILE  --passphrase-file, file with its passphrase
  ALEPH_CONFIG_DIR       --config-dir, folder of accounts
  NO_COLOR               --no-color, when it is not empty

Without --api and ALEPH_API the node is the local cloud that you run now, found
through the file that ` + "`aleph local`" + ` writes while it runs
($XDG_STATE_HOME/aleph/local.json), else ` + defaultAPI + `.
The compute host follows the node; with another node it must be named.

Who signs is the first of --key-file, --account, ALEPH_KEY_FILE, ALEPH_ACCOUNT,
the account chosen with ` + "`aleph account use`" + `, and, when the node is your running
local cloud, the account which that cloud made. --verbose tells the outcome.
`,
	}
}

// newJSONTopic returns the text of `aleph help json`.
func newJSONTopic() *cobra.Command {
	return &cobra.Command{
		Use: "json", Short: "What --json prints",
		Long: `With --json a command prints exactly one JSON value, on one line of standard
output, and no progress; what is said to people goes to standard error. A failure
is a value too, see ` + "`aleph help exit-codes`" + `.

One command differs: ` + "`aleph message watch --json`" + ` prints one object per line, as
the messages arrive. With --count 1 that is one value.

Messages are the objects that the node sent, unchanged. Times are RFC 3339 or, inside
messages, Unix seconds; sizes are bytes.
`,
	}
}

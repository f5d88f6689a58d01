package cli

import (
	"cmp"
	"context"
	"log/slog"

	"github.com/spf13/cobra"

	"aleph/internal/local"
	"aleph/internal/node"
	"aleph/internal/node/store"
)

// runOptions are the flags of `aleph node`.
type runOptions struct {
	node      nodeOptions
	listen    string
	database  string
	files     string
	network   string
	role      string
	redis     string
	advertise string
}

func newNodeCommand(a *app) *cobra.Command {
	var opts runOptions
	cmd := &cobra.Command{
		Use: "node", Short: "Run a node on this machine, or operate one", Args: noCommand, Annotations: alone(),
		Long: `Run a core channel node: it keeps signed messages and files and serves them over
HTTP. Ctrl-C or SIGTERM finishes what was accepted and ends it with exit code 0.

One process does everything, with a SQLite file or PostgreSQL. Several processes
serve one database with --role api: they share a PostgreSQL database, the folder
of files and a Redis server. One of them takes messages in; when it ends, another
one does. docs/replicas.md tells how to set them up.

Which network: the public one, or that of a file, as every local cloud writes
one into its data folder (network.json).

With --json it prints one line on standard output when it answers:
  {"api": URL, "role": "all" or "api", "network": NAME, "data_dir": PATH}`,
		Example: `  aleph node --database postgres://aleph@db/aleph
  aleph node --role api --listen 10.0.0.5:4024 --database postgres://aleph@db/aleph \
    --redis redis://cache:6379/0 --files /mnt/aleph/files`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.runNode(cmd.Context(), &opts, cmd.Flags().Changed)
		},
	}
	f := cmd.Flags()
	f.StringVar(&opts.node.configFile, "config", "", "configuration `FILE` ($ALEPH_CONFIG), see `aleph config describe`")
	f.StringVar(&opts.node.dataDir, "data-dir", "", "`FOLDER` of everything that the node keeps (default: aleph/node in the user's data folder)")
	f.StringVar(&opts.listen, "listen", "", "`ADDRESS` and port of the HTTP interface; port 0 takes a free one (default 127.0.0.1:4024)")
	f.StringVar(&opts.database, "database", "", "keep messages at postgres://user@host/name, or in the SQLite file `PATH` (default: a file in the data folder)")
	f.StringVar(&opts.files, "files", "", "`FOLDER` of the files (default: in the data folder)")
	f.StringVar(&opts.network, "network", "", "public, or the `FILE` of another network (default public)")
	f.StringVar(&opts.role, "role", "", "`ROLE`: all, this process does everything, or api, one of several for one database (default all)")
	f.StringVar(&opts.redis, "redis", "", "`URL` of the Redis server of --role api: redis://host:6379/0")
	f.StringVar(&opts.advertise, "advertise", "", "`URL` by which the other processes reach this one (default: where it listens)")
	fileFlag(cmd, "config", "yaml", "yml")
	fileFlag(cmd, "database", "db")
	fileFlag(cmd, "network", "json")
	for _, flag := range []string{"data-dir", "files"} {
		if err := cmd.MarkFlagDirname(flag); err != nil {
			panic(err) // the flag was declared a line before
		}
	}
	complete(cmd, "role", string(node.RoleAll), string(node.RoleAPI))
	cmd.AddCommand(newDeadLettersCommand(a))
	return cmd
}

// nodeOptions say which node of this machine is meant.
type nodeOptions struct {
	configFile string
	dataDir    string
}

func (o *nodeOptions) register(cmd *cobra.Command) {
	f := cmd.PersistentFlags()
	f.StringVar(&o.configFile, "config", "", "configuration `FILE` of the node ($ALEPH_CONFIG)")
	f.StringVar(&o.dataDir, "data-dir", "", "data `FOLDER` of the node (default: that of the cloud that runs, else aleph/local in the user's data folder)")
	for flag, mark := range map[string]func(string) error{
		"config":   func(f string) error { return cmd.MarkPersistentFlagFilename(f, "yaml", "yml") },
		"data-dir": cmd.MarkPersistentFlagDirname,
	} {
		if err := mark(flag); err != nil {
			panic(err) // the flag was declared a line before
		}
	}
}

// nodeConfig returns the settings of the node that is meant, whether it runs or not.
func (a *app) nodeConfig(o *nodeOptions) (local.Config, error) {
	cfg, err := a.loadConfig(o.configFile)
	if err != nil {
		return local.Config{}, err
	}
	cfg.Local.DataDir = cmp.Or(o.dataDir, cfg.Local.DataDir)
	if cfg.Local.DataDir == "" {
		if cfg.Local.DataDir, err = a.cloudFolder(); err != nil {
			return local.Config{}, err
		}
	}
	completed, err := cfg.Local.Completed()
	if err != nil {
		return local.Config{}, usageError{err}
	}
	return completed, nil
}

// readStore opens the database of a node for reading, beside the node if it runs.
func (a *app) readStore(ctx context.Context, o *nodeOptions) (*store.DB, error) {
	cfg, err := a.nodeConfig(o)
	if err != nil {
		return nil, err
	}
	db := cfg.Node.Database
	db.ReadOnly = true
	return store.Open(ctx, db, slog.New(slog.DiscardHandler))
}

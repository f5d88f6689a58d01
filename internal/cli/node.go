package cli

import (
	"cmp"
	"context"
	"log/slog"

	"github.com/spf13/cobra"

	"aleph/internal/local"
	"aleph/internal/node/store"
)

func newNodeCommand(a *app) *cobra.Command {
	return newGroupCommand(a, "node", "Operate a node on this machine", newDeadLettersCommand(a))
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

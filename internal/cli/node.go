package cli

import (
	"cmp"
	"context"
	"log/slog"

	"github.com/spf13/cobra"

	"aleph/internal/config"
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
}

// nodeConfig returns the settings of the node that is meant, whether it runs or not.
func (a *app) nodeConfig(o *nodeOptions) (local.Config, error) {
	cfg, err := a.loadConfig(o.configFile)
	if err != nil {
		return local.Config{}, err
	}
	cfg.Local.DataDir = cmp.Or(o.dataDir, cfg.Local.DataDir)
	if cfg.Local.DataDir == "" {
		running, err := a.runningCloud()
		if err != nil {
			return local.Config{}, err
		}
		if running != nil {
			cfg.Local.DataDir = running.DataDir
		}
	}
	if cfg.Local.DataDir == "" {
		folders, err := config.UserFolders()
		if err != nil {
			return local.Config{}, err
		}
		cfg.Local.DataDir = folders.LocalData
	}
	return cfg.Local.Completed()
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

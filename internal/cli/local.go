package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"aleph/internal/config"
	"aleph/internal/local"
	"aleph/internal/telemetry"
)

// localOptions are the flags of `aleph local`.
type localOptions struct {
	configFile  string
	dataDir     string
	database    string
	port        int
	computePort int
	ephemeral   bool
}

func newLocalCommand(a *app) *cobra.Command {
	var opts localOptions
	cmd := &cobra.Command{
		Use: "local", Short: "Run a whole cloud on this machine", Args: cobra.NoArgs, Annotations: alone(),
		Long: `Run a whole cloud on this machine: a node that keeps signed messages and files,
and a compute host that runs functions. A restart keeps everything; Ctrl-C or
SIGTERM finishes what was accepted and ends it with exit code 0.

The cloud is a network of its own: its authority is a key in the data folder.
The account that it makes for you is a key file there too, and has the tokens and
credits that storage and machines cost; ` + "`aleph local fund`" + ` gives some to others.
Other commands of the same user find the cloud by themselves.

With --json it prints one line on standard output when both servers answer:
  {"api": URL, "compute": URL, "account": {"chain", "address",
   "private_key_file"}, "data_dir": PATH}`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runLocal(cmd.Context(), a, opts, cmd.Flags().Changed)
		},
	}
	f := cmd.Flags()
	f.StringVar(&opts.configFile, "config", "", "configuration file ($ALEPH_CONFIG), see `aleph config describe`")
	f.StringVar(&opts.dataDir, "data-dir", "", "folder of everything that the cloud keeps (default: aleph/local in the user's data folder)")
	f.StringVar(&opts.database, "database", "", "keep messages at postgres://user@host/name, or in the SQLite file `PATH` (default: a file in the data folder)")
	f.IntVar(&opts.port, "port", 4024, "port of the node; 0 takes a free one")
	f.IntVar(&opts.computePort, "compute-port", 4020, "port of the compute host; 0 takes a free one")
	f.BoolVar(&opts.ephemeral, "ephemeral", false, "take free ports and a folder that is gone afterwards")
	cmd.AddCommand(newLocalFundCommand(a))
	return cmd
}

func runLocal(ctx context.Context, a *app, opts localOptions, changed func(string) bool) (err error) {
	cfg, err := a.loadConfig(opts.configFile)
	if err != nil {
		return err
	}
	folders, err := config.UserFolders()
	if err != nil {
		return err
	}
	if err := opts.apply(cfg, changed); err != nil {
		return err
	}
	deps := local.Deps{Version: a.build.Version, Cache: folders.Cache, StateFile: folders.LocalState, Metrics: telemetry.NewRegistry()}
	switch {
	case opts.ephemeral:
		deps.StateFile = ""
		if cfg.Local.DataDir, err = os.MkdirTemp("", "aleph-local-"); err != nil {
			return fmt.Errorf("make a folder for the cloud: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(cfg.Local.DataDir)) }()
	case cfg.Local.DataDir == "":
		cfg.Local.DataDir = folders.LocalData
	}
	if deps.Log, err = telemetry.NewLogger(a.Err, cfg.Log); err != nil {
		return err
	}
	cloud, err := local.Open(cfg.Local, deps)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	stopped := make(chan struct{})
	group.Go(func() error {
		defer close(stopped)
		return cloud.Run(ctx)
	})
	group.Go(func() error {
		select {
		case <-cloud.Ready():
			return a.announceCloud(ctx, cloud)
		case <-stopped:
			return nil
		}
	})
	return group.Wait()
}

// apply puts what the user said on the command line over the configuration.
func (o localOptions) apply(cfg *config.Config, changed func(string) bool) error {
	if o.ephemeral && changed("data-dir") {
		return usagef("--ephemeral and --data-dir exclude each other")
	}
	if changed("data-dir") {
		if o.dataDir == "" {
			return usagef("--data-dir must not be empty")
		}
		cfg.Local.DataDir = o.dataDir
	}
	if changed("database") {
		if o.ephemeral {
			return usagef("--ephemeral and --database exclude each other: the files of the messages would be gone")
		}
		var err error
		if cfg.Local.Node.Database, err = databaseAt("--database", o.database, cfg.Local.Node.Database); err != nil {
			return err
		}
	}
	for _, p := range []struct {
		flag    string
		port    int
		address *string
	}{{"port", o.port, &cfg.Local.Node.Listen}, {"compute-port", o.computePort, &cfg.Local.ComputeListen}} {
		if p.port < 0 || p.port > 65535 {
			return usagef("--%s %d: want a number from 0 to 65535", p.flag, p.port)
		}
		switch {
		case changed(p.flag):
			*p.address = withPort(*p.address, p.port)
		case o.ephemeral:
			*p.address = withPort(*p.address, 0)
		}
	}
	return nil
}

// withPort replaces the port of an address.
func withPort(address string, port int) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return address // the cloud says what is wrong with it
	}
	return net.JoinHostPort(host, strconv.Itoa(port))
}

// announceCloud tells where the cloud is, and then, once that is known, what its
// sandbox can do here.
func (a *app) announceCloud(ctx context.Context, cloud *local.Cloud) error {
	e := cloud.Endpoints()
	if a.flags.json {
		return a.writeJSON(e)
	}
	err := a.writeFields(a.Out,
		[2]string{"node", e.API},
		[2]string{"compute", e.Compute},
		[2]string{"account", fmt.Sprintf("%s on %s", e.Account.Address, e.Account.Chain)},
		[2]string{"key file", e.Account.PrivateKeyFile},
		[2]string{"data", e.DataDir},
	)
	if err != nil {
		return err
	}
	probe, err := cloud.Sandbox(ctx)
	if err != nil {
		return nil //nolint:nilerr // the cloud ended before the sandbox was tried
	}
	if !probe.Usable {
		return a.writeFields(a.Out, [2]string{"sandbox", "functions cannot run here: " + probe.Reason})
	}
	rows := [][2]string{{"sandbox", fmt.Sprintf("%s, platform %s", probe.Version, probe.Platform)}}
	for _, l := range probe.Limits {
		text := "enforced: " + l.Detail
		if !l.Enforced {
			text = "NOT enforced: " + l.Detail
		}
		rows = append(rows, [2]string{"  " + l.Name, text})
	}
	return a.writeFields(a.Out, rows...)
}

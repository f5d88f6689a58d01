package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"

	"golang.org/x/sync/errgroup"

	"aleph/internal/config"
	"aleph/internal/node"
	"aleph/internal/telemetry"
	"aleph/message"
)

// publicNetwork names the network that is built in.
const publicNetwork = "public"

// runNode runs a node until ctx ends.
func (a *app) runNode(ctx context.Context, opts *runOptions, changed func(string) bool) error {
	cfg, err := a.loadConfig(opts.node.configFile)
	if err != nil {
		return err
	}
	if err := opts.apply(cfg, changed); err != nil {
		return err
	}
	if cfg.Local.DataDir == "" {
		folders, err := config.UserFolders()
		if err != nil {
			return err
		}
		cfg.Local.DataDir = folders.NodeData
	}
	completed, err := cfg.Local.Completed()
	if err != nil {
		return usageError{err}
	}
	network, err := loadNetwork(cfg.Network)
	if err != nil {
		return err
	}
	if err := completed.MakeNodeFolder(); err != nil {
		return err
	}
	log, err := telemetry.NewLogger(a.Err, cfg.Log)
	if err != nil {
		return err
	}
	metrics, health := telemetry.NewRegistry(), new(telemetry.Health)
	telemetry.RegisterHealth(metrics, health)
	completed.Node.Version, completed.Node.Health = a.build.Version, health
	n, err := node.New(completed.Node, network, log.With("part", "node"), metrics)
	if err != nil {
		return usageError{err}
	}
	group, ctx := errgroup.WithContext(ctx)
	stopped := make(chan struct{})
	group.Go(func() error {
		defer close(stopped)
		return n.Run(ctx)
	})
	group.Go(func() error {
		select {
		case <-n.Ready():
			return a.announceNode(n, completed.Node.Role, network, completed.DataDir)
		case <-stopped:
			return nil
		}
	})
	return group.Wait()
}

// apply puts what the user said on the command line over the configuration.
func (o *runOptions) apply(cfg *config.Config, changed func(string) bool) (err error) {
	n := &cfg.Local.Node
	if changed("database") {
		if n.Database, err = databaseAt("--database", o.database, n.Database); err != nil {
			return err
		}
	}
	cfg.Local.DataDir = cmp.Or(o.node.dataDir, cfg.Local.DataDir)
	cfg.Network = cmp.Or(o.network, cfg.Network)
	n.Listen = cmp.Or(o.listen, n.Listen)
	n.Files.Folder = cmp.Or(o.files, n.Files.Folder)
	n.Role = cmp.Or(node.Role(o.role), n.Role)
	n.Redis.URL = cmp.Or(o.redis, n.Redis.URL)
	n.Advertise = cmp.Or(o.advertise, n.Advertise)
	return nil
}

// loadNetwork returns the network of a name or a file.
func loadNetwork(name string) (message.Network, error) {
	if name == publicNetwork {
		return message.PublicNetwork(), nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return message.Network{}, usagef("network %q is neither %s nor a file that can be read: %v", name, publicNetwork, err)
	}
	var n message.Network
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&n); err != nil {
		return message.Network{}, usagef("network file %s: %v", name, err)
	}
	return n, nil
}

// announceNode tells where the node is.
func (a *app) announceNode(n *node.Node, role node.Role, network message.Network, folder string) error {
	api := "http://" + n.Addr().String()
	if a.flags.json {
		return a.writeJSON(struct {
			API     string    `json:"api"`
			Role    node.Role `json:"role"`
			Network string    `json:"network"`
			DataDir string    `json:"data_dir"`
		}{api, role, network.Name, folder})
	}
	return a.writeFields(a.Out,
		[2]string{"node", api}, [2]string{"role", fmt.Sprint(role)}, [2]string{"network", network.Name}, [2]string{"data", folder})
}

package local

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"aleph/internal/compute"
	"aleph/internal/compute/runtime"
	"aleph/internal/node"
	"aleph/message"
)

// Config is everything that can be configured of a local cloud.
type Config struct {
	DataDir       string         `yaml:"data_dir" doc:"Folder of everything that the cloud keeps. Empty: aleph/local in the user's data folder."`
	Node          node.Config    `yaml:"node"`
	ComputeListen string         `yaml:"compute_listen" doc:"Address and port of the compute host; port 0 takes a free one."`
	Compute       compute.Config `yaml:"compute"`
	Runtimes      runtime.Config `yaml:"runtimes"`
}

// DefaultConfig uses the network's ports on the loopback interface.
func DefaultConfig() Config {
	cfg := Config{
		Node: node.DefaultConfig(""), ComputeListen: "127.0.0.1:4020",
		Compute: compute.DefaultConfig(), Runtimes: runtime.DefaultConfig(),
	}
	cfg.Node.Database.Path, cfg.Node.Files.Folder, cfg.Node.AdminSocket = "", "", ""
	cfg.Compute.DomainName = "" // the address that its clients call
	return cfg
}

// complete fills in the folders that follow from the data folder.
func (c *Config) complete() error {
	if c.DataDir == "" {
		return errors.New("local cloud: no data folder is configured")
	}
	dir, err := filepath.Abs(c.DataDir)
	if err != nil {
		return fmt.Errorf("local cloud: data folder: %w", err)
	}
	c.DataDir = dir
	if c.Node.Database.Path == "" {
		c.Node.Database.Path = filepath.Join(c.nodeDir(), "node.db")
	}
	if c.Node.AdminSocket == "" {
		c.Node.AdminSocket = filepath.Join(c.nodeDir(), "admin.sock")
	}
	if c.Node.Files.Folder == "" {
		c.Node.Files.Folder = filepath.Join(c.nodeDir(), "files")
	}
	for what, address := range map[string]string{"node": c.Node.Listen, "compute host": c.ComputeListen} {
		if _, _, err := net.SplitHostPort(address); err != nil {
			return fmt.Errorf("local cloud: address of the %s: %w", what, err)
		}
	}
	if c.Compute.DomainName == "" {
		host, _, err := net.SplitHostPort(c.ComputeListen)
		if err != nil {
			return fmt.Errorf("local cloud: address of the compute host: %w", err)
		}
		c.Compute.DomainName = host
	}
	return nil
}

// Completed returns the configuration with the folders that follow from the data
// folder, as a cloud would use it.
func (c Config) Completed() (Config, error) {
	err := c.complete()
	return c, err
}

// MakeNodeFolder makes the folder of the node's own files.
func (c *Config) MakeNodeFolder() error {
	if err := os.MkdirAll(c.nodeDir(), 0o700); err != nil {
		return fmt.Errorf("%w: make data folder: %w: choose another with --data-dir", message.ErrInvalid, err)
	}
	return nil
}

func (c *Config) nodeDir() string    { return filepath.Join(c.DataDir, "node") }
func (c *Config) computeDir() string { return filepath.Join(c.DataDir, "compute") }

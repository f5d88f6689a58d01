package bench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"

	"aleph/internal/node"
	"aleph/internal/node/store"
	"aleph/message"
)

// OwnNode is a node that runs in this process while it is measured: a real one,
// which cleans up.
type OwnNode struct {
	// Corpus is replayed first, into an empty database; empty when the database has
	// its messages already.
	Corpus string
	// Database is where the messages are. Without a path and a URL it is an SQLite
	// database in Folder.
	Database store.Config
	// Folder holds the node's files; an empty one is made and removed.
	Folder string
	// Progress is told how many messages of the corpus are answered; it may be nil.
	Progress func(done, total int)
}

// Run starts the node, calls do with its URL, and stops it.
func (o OwnNode) Run(ctx context.Context, do func(api string) error) (err error) {
	if o.Folder == "" {
		if o.Folder, err = os.MkdirTemp("", "aleph-bench-"); err != nil {
			return fmt.Errorf("make a folder for the node: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(o.Folder)) }()
	}
	if o.Database.URL == "" && o.Database.Path == "" {
		o.Database.Path = filepath.Join(o.Folder, "node.db")
	}
	network := message.Network{Name: "bench"}
	if o.Corpus != "" {
		if network, err = o.replay(ctx); err != nil {
			return err
		}
	} else if o.Database.URL == "" {
		if _, err := os.Stat(o.Database.Path); err != nil {
			return fmt.Errorf("database to measure: %w", err)
		}
	}
	cfg := node.DefaultConfig(o.Folder)
	cfg.Listen, cfg.Database = "127.0.0.1:0", o.Database
	n, err := node.New(cfg, network, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		return err
	}
	return whileRunning(ctx, n, func() error { return do("http://" + n.Addr().String()) })
}

// replay fills the database and returns the corpus' network.
func (o OwnNode) replay(ctx context.Context) (message.Network, error) {
	report, err := Replay{Corpus: o.Corpus, Database: o.Database, Folder: o.Folder, Workers: corpusWorkers, Progress: o.Progress}.Run(ctx)
	if err != nil {
		return message.Network{}, err
	}
	if !report.AsExpected {
		return message.Network{}, fmt.Errorf("%w: the corpus did not end as it says: see `aleph bench ingest`", message.ErrConflict)
	}
	return report.Corpus.Network, nil
}

// corpusWorkers is how many messages of a corpus are on their way at once.
const corpusWorkers = 4096

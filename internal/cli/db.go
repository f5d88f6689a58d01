package cli

import (
	"fmt"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"aleph/internal/config"
	"aleph/internal/node/store"
	"aleph/message"
)

func newDBCommand(a *app) *cobra.Command {
	cmd := newGroupCommand(a, "db", "The database of a node: look, check, back up, move",
		newDBMigrateCommand(a), newDBCheckCommand(a), newDBStatsCommand(a),
		newDBExportCommand(a), newDBImportCommand(a), newDBCopyCommand(a))
	cmd.Long = `Look at the database of a node, check it, back it up, or move it to the other engine.

Which database: the one of --database, else the one that is configured, else that
of the local cloud. check, stats, export and the source of copy may be used beside
a node that runs; migrate, import and the target of copy want the database alone.`
	return cmd
}

// databaseFlags name a database and where the files are.
type databaseFlags struct {
	database string
	config   string
}

func (f *databaseFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.database, "database", "", "`PATH` of a SQLite file, or postgres://user@host/name (default: the configured one, else the local cloud's)")
	fileFlag(cmd, "database", "db")
	cmd.Flags().StringVar(&f.config, "config", "", "configuration file of the node or cloud ($ALEPH_CONFIG)")
	fileFlag(cmd, "config", "yaml", "yml")
}

// fileFlag lets a shell propose files for a flag.
func fileFlag(cmd *cobra.Command, flag string, extensions ...string) {
	if err := cmd.MarkFlagFilename(flag, extensions...); err != nil {
		panic(err) // the flag was declared a line before
	}
}

// nodeState is where a node keeps what it knows.
type nodeState struct {
	database store.Config
	files    string // empty when it is not known
}

// find decides which database is meant.
func (f *databaseFlags) find(a *app) (s nodeState, err error) {
	cfg, err := a.loadConfig(f.config)
	if err != nil {
		return s, err
	}
	return f.of(a, cfg)
}

// of decides which database is meant under a configuration, which it leaves as it
// is.
func (f *databaseFlags) of(a *app, cfg *config.Config) (s nodeState, err error) {
	if f.database != "" {
		s.database, err = databaseAt("--database", f.database, cfg.Local.Node.Database)
		return s, err
	}
	cloud := cfg.Local
	if cloud.DataDir == "" {
		if cloud.DataDir, err = a.cloudFolder(); err != nil {
			return s, err
		}
	}
	completed, err := cloud.Completed()
	if err != nil {
		return s, usageError{err}
	}
	s = nodeState{completed.Node.Database, completed.Node.Files.Folder}
	if s.database.URL == "" {
		a.detail("database %s", s.database.Path)
	}
	return s, nil
}

// cloudFolder returns the data folder of the local cloud that runs, or of the
// one that would.
func (a *app) cloudFolder() (string, error) {
	cloud, err := a.runningCloud()
	if err != nil {
		return "", err
	}
	if cloud != nil {
		return cloud.DataDir, nil
	}
	folders, err := config.UserFolders()
	return folders.LocalData, err
}

// databaseAt returns the settings of a database that the user names.
func databaseAt(flag, name string, cfg store.Config) (store.Config, error) {
	cfg.Path, cfg.URL = "", ""
	scheme, _, isURL := strings.Cut(name, "://")
	switch {
	case name == "":
		return cfg, usagef("%s must name a database: the PATH of a SQLite file, or postgres://user@host/name", flag)
	case !isURL:
		cfg.Path = name
	case scheme == "postgres" || scheme == "postgresql":
		cfg.URL = name
	default:
		// Whatever it is, it may hold a password.
		return cfg, usagef("%s: there is no database of the kind %q: give the PATH of a SQLite file, or postgres://user@host/name", flag, scheme)
	}
	return cfg, nil
}

// databaseLog tells a person what the store does.
func (a *app) databaseLog() *slog.Logger {
	if a.flags.quiet || a.flags.json {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(a.Err, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// errNoPlace says that a file would be overwritten.
func errNoPlace(path string) error {
	return fmt.Errorf("%w: %s exists already: give --force to replace it", message.ErrConflict, path)
}

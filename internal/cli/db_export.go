package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"aleph/internal/node/store"
)

func newDBExportCommand(a *app) *cobra.Command {
	var flags databaseFlags
	var out string
	var force bool
	cmd := &cobra.Command{
		Use: "export", Short: "Write everything that a database holds as text", Args: cobra.NoArgs,
		Long: `Write everything that a database holds as text: one JSON object on a line, a header
first, then each row with its table, an end with a checksum last. The text is of one
moment, also beside a node that runs, and the same rows always have the same bytes.

The files that messages store are not in it: copy the folder of files after it.`,
		Example: `  aleph db export --out backup.ndjson
  aleph db export --out - | zstd > backup.ndjson.zst`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := flags.find(a)
			if err != nil {
				return err
			}
			return a.exportDB(cmd.Context(), s.database, out, force)
		},
	}
	flags.register(cmd)
	cmd.Flags().StringVar(&out, "out", "", "`FILE` to write; - is standard output")
	fileFlag(cmd, "out", "ndjson")
	cmd.Flags().BoolVar(&force, "force", false, "replace the file if it exists")
	return cmd
}

// transferred is what an export or an import prints as JSON.
type transferred struct {
	Database string `json:"database"`
	File     string `json:"file"`
	*store.Totals
}

func (a *app) exportDB(ctx context.Context, cfg store.Config, out string, force bool) error {
	switch {
	case out == "":
		return usagef("--out must name a file, or - for standard output")
	case out == "-" && a.flags.json:
		return usagef("--json and --out - would both write to standard output: give a file")
	case out != "-" && !force:
		if _, err := os.Lstat(out); err == nil {
			return errNoPlace(out)
		}
	}
	cfg.ReadOnly, cfg.Readers = true, 1
	db, err := store.Open(ctx, cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	totals, err := a.exportTo(ctx, db, out)
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	if out == "-" {
		return nil
	}
	return a.present(transferred{db.String(), out, totals}, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s of %s are in %s\n", plural(int(totals.Rows), "row"), db, out)
		return err
	})
}

// exportTo writes to a file beside the one that is asked for, which appears when
// it is complete.
func (a *app) exportTo(ctx context.Context, db *store.DB, out string) (totals *store.Totals, err error) {
	report, done := a.rowProgress("export")
	defer func() { done(err) }()
	if out == "-" {
		return db.Export(ctx, a.Out, report)
	}
	f, err := os.CreateTemp(filepath.Dir(out), filepath.Base(out)+".part-*")
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", out, err)
	}
	totals, err = db.Export(ctx, f, report)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, errors.Join(fmt.Errorf("write %s: %w", out, err), os.Remove(f.Name()))
	}
	return totals, os.Rename(f.Name(), out)
}

func newDBImportCommand(a *app) *cobra.Command {
	var flags databaseFlags
	var in string
	cmd := &cobra.Command{
		Use: "import", Short: "Fill an empty database with an export", Args: cobra.NoArgs,
		Long: `Fill an empty database with what an export holds; it is created where it is missing.
The database is of either engine, whichever the export came from. Every line is
checked: one that an export would not write ends the import with its number.

An import commits in parts. One that was interrupted leaves a database that no node
opens; importing again begins by removing what it has left.`,
		Example: `  aleph db import --database new.db --in backup.ndjson
  zstd -dc backup.ndjson.zst | aleph db import --database postgres://aleph@localhost/aleph --in -`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := flags.find(a)
			if err != nil {
				return err
			}
			return a.importDB(cmd.Context(), s.database, in)
		},
	}
	flags.register(cmd)
	cmd.Flags().StringVar(&in, "in", "", "`FILE` that an export wrote; - is standard input")
	fileFlag(cmd, "in", "ndjson")
	return cmd
}

func (a *app) importDB(ctx context.Context, cfg store.Config, in string) (err error) {
	if in == "" {
		return usagef("--in must name a file, or - for standard input")
	}
	text := a.In
	report, done := a.rowProgress("import")
	if in != "-" {
		f, size, err := openRegular(in)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }() // it was read
		done(nil)
		bytes, end := a.progress("import", size)
		text, report, done = &countingReader{f, 0, size, bytes}, nil, end
	}
	totals, err := store.Import(ctx, cfg, text, a.databaseLog(), report)
	done(err)
	if errors.Is(err, store.ErrNoExport) {
		return fmt.Errorf("%s: %w", in, err)
	}
	if err != nil {
		return err
	}
	// The tables of an older program are brought up to this one.
	if err := store.Migrate(ctx, cfg, a.databaseLog()); err != nil {
		return fmt.Errorf("the import is complete, its tables are of an older program: %w", err)
	}
	name, err := nameOf(ctx, cfg)
	if err != nil {
		return err
	}
	return a.present(transferred{name, in, totals}, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s are in %s\n", plural(int(totals.Rows), "row"), name)
		return err
	})
}

// nameOf returns what people may read of where a database is.
func nameOf(ctx context.Context, cfg store.Config) (name string, err error) {
	err = store.Reading(ctx, cfg, func(db *store.DB, _ store.Reader) error {
		name = db.String()
		return nil
	})
	return name, err
}

// countingReader tells how much was read of a file.
type countingReader struct {
	from        io.Reader
	done, total int64
	report      func(done, total int64)
}

func (r *countingReader) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	r.done += int64(n)
	if r.report != nil {
		r.report(r.done, r.total)
	}
	return n, err
}

func newDBCopyCommand(a *app) *cobra.Command {
	var from, to, configFile string
	cmd := &cobra.Command{
		Use: "copy", Short: "Copy a database into an empty one, of either engine", Args: cobra.NoArgs,
		Long: `Copy everything that a database holds into an empty one, from one engine to the other
or not, then compare the hashes of the two states. A node may go on using the
database that is copied; what it writes meanwhile is not in the copy.`,
		Example: `  aleph db copy --from ~/.local/share/aleph/local/node/node.db --to postgres://aleph@localhost/aleph`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := a.loadConfig(configFile)
			if err != nil {
				return err
			}
			source, err := databaseAt("--from", from, cfg.Local.Node.Database)
			if err != nil {
				return err
			}
			target, err := databaseAt("--to", to, cfg.Local.Node.Database)
			if err != nil {
				return err
			}
			return a.copyDB(cmd.Context(), source, target)
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "database to copy: `PATH` of a SQLite file, or postgres://user@host/name")
	cmd.Flags().StringVar(&to, "to", "", "empty database to copy it to: `PATH` of a SQLite file, or postgres://user@host/name")
	fileFlag(cmd, "from", "db")
	fileFlag(cmd, "to", "db")
	cmd.Flags().StringVar(&configFile, "config", "", "configuration file with other settings of databases ($ALEPH_CONFIG)")
	return cmd
}

func (a *app) copyDB(ctx context.Context, from, to store.Config) error {
	from.ReadOnly, from.Readers = true, 1
	if from.URL == to.URL && from.Path == to.Path {
		return usagef("--from and --to name the same database")
	}
	db, err := store.Open(ctx, from, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	report, done := a.rowProgress("copy")
	copied, err := db.Copy(ctx, to, a.databaseLog(), report)
	done(err)
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	name, err := nameOf(ctx, to)
	if err != nil {
		return err
	}
	value := struct {
		From string `json:"from"`
		To   string `json:"to"`
		*store.Copied
	}{db.String(), name, copied}
	return a.present(value, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s of %s are in %s\nboth states have the hash %s\n",
			plural(int(copied.Rows), "row"), db, name, copied.StateHash)
		return err
	})
}

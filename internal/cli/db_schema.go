package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"aleph/internal/node/store"
)

func newDBMigrateCommand(a *app) *cobra.Command {
	var flags databaseFlags
	var dryRun bool
	cmd := &cobra.Command{
		Use: "migrate", Short: "Bring the tables of a database up to this program", Args: cobra.NoArgs,
		Long: `Bring the tables of a database up to what this program works with. A node does the
same when it starts. There is no way back: keep an export.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := flags.find(a)
			if err != nil {
				return err
			}
			return a.migrateDB(cmd.Context(), s.database, dryRun)
		},
	}
	flags.register(cmd)
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only list what would be run")
	return cmd
}

func (a *app) migrateDB(ctx context.Context, cfg store.Config, dryRun bool) error {
	before, err := store.ReadSchema(ctx, cfg)
	if err != nil {
		return err
	}
	after := before
	if !dryRun {
		if err := store.Migrate(ctx, cfg, a.databaseLog()); err != nil {
			return err
		}
		if after, err = store.ReadSchema(ctx, cfg); err != nil {
			return err
		}
	}
	report := struct {
		Before int64    `json:"before"`
		After  int64    `json:"after"`
		Latest int64    `json:"latest"`
		Run    []string `json:"migrations"`
		DryRun bool     `json:"dry_run"`
	}{before.Version, after.Version, before.Latest, before.Due, dryRun}
	return a.present(report, func(w io.Writer) error {
		for _, name := range before.Due {
			fmt.Fprintln(w, name)
		}
		switch {
		case len(before.Due) == 0:
			fmt.Fprintf(w, "the schema has version %d, which is the latest\n", before.Version)
		case dryRun:
			fmt.Fprintf(w, "the schema has version %d and would have version %d\n", before.Version, before.Latest)
		default:
			fmt.Fprintf(w, "the schema had version %d and has version %d\n", before.Version, after.Version)
		}
		return nil
	})
}

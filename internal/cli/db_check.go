package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"aleph/internal/node"
)

func newDBCheckCommand(a *app) *cobra.Command {
	var flags databaseFlags
	var files string
	cmd := &cobra.Command{
		Use: "check", Short: "Look for what is damaged, missing or contradicts itself", Args: cobra.NoArgs,
		Long: `Ask the engine whether what it stores is sound, look for records that contradict each
other, and compare the files on the disk with their records. It reads everything,
which takes a while, and changes nothing; a node may run meanwhile.

Exit code 0 when the database is sound, 1 with a list when something is wrong.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := flags.find(a)
			if err != nil {
				return err
			}
			if cmd.Flags().Changed("files") {
				s.files = files
			}
			return a.checkDB(cmd.Context(), s)
		},
	}
	flags.register(cmd)
	cmd.Flags().StringVar(&files, "files", "", "`FOLDER` of the node's files; empty leaves them out (default: the configured one, with --database none)")
	if err := cmd.MarkFlagDirname("files"); err != nil {
		panic(err) // the flag was declared a line before
	}
	return cmd
}

func (a *app) checkDB(ctx context.Context, s nodeState) error {
	report, done := a.stepProgress("check")
	found, err := node.Check(ctx, s.database, s.files, report)
	done(err)
	if err != nil {
		return err
	}
	value := struct {
		Sound    bool     `json:"sound"`
		Problems []string `json:"problems"`
		Notes    []string `json:"notes"`
	}{len(found.Problems) == 0, emptyIfNil(found.Problems), emptyIfNil(found.Notes)}
	err = a.present(value, func(w io.Writer) error {
		for _, p := range found.Problems {
			fmt.Fprintln(w, printable(p))
		}
		if value.Sound {
			fmt.Fprintln(w, "the database is sound")
		}
		return nil
	})
	for _, n := range found.Notes {
		a.note("%s", n)
	}
	if err == nil && !value.Sound {
		err = fmt.Errorf("%s found", plural(len(found.Problems), "problem"))
	}
	return err
}

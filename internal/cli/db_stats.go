package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"aleph/internal/node/store"
)

func newDBStatsCommand(a *app) *cobra.Command {
	var flags databaseFlags
	var hash, indexes bool
	cmd := &cobra.Command{
		Use: "stats", Short: "What a database holds, and how large it is", Args: cobra.NoArgs,
		Long: `Count the rows of every table and show how many bytes each table and its indexes
take, then the messages by status, type and chain, those that wait or are rejected
by the reason, and the files. A node may run meanwhile; of a SQLite file the bytes
are those of the last checkpoint.

With --hash also the hash of the state: two nodes that hold the same messages have
the same. It reads everything.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := flags.find(a)
			if err != nil {
				return err
			}
			return a.statsOfDB(cmd.Context(), s.database, hash, indexes)
		},
	}
	flags.register(cmd)
	cmd.Flags().BoolVar(&hash, "hash", false, "also the hash of the state")
	cmd.Flags().BoolVar(&indexes, "indexes", false, "a line for each index")
	return cmd
}

// dbStats is what the command prints as JSON.
type dbStats struct {
	*store.Stats
	StateHash string `json:"state_hash,omitempty"`
}

func (a *app) statsOfDB(ctx context.Context, cfg store.Config, hash, indexes bool) error {
	report, done := a.stepProgress("count")
	found, err := store.ReadStats(ctx, cfg, report)
	done(err)
	if err != nil {
		return err
	}
	s := dbStats{Stats: found}
	if hash {
		err := store.Reading(ctx, cfg, func(_ *store.DB, r store.Reader) error {
			digest, err := r.StateHash(ctx)
			if err == nil {
				s.StateHash = digest.Hash
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return a.present(s, func(w io.Writer) error { return a.writeStats(w, s, indexes) })
}

func (a *app) writeStats(w io.Writer, s dbStats, indexes bool) error {
	err := a.writeFields(w, [2]string{"database", s.Database}, [2]string{"engine", s.Engine},
		[2]string{"schema", strconv.FormatInt(s.Schema, 10)}, [2]string{"on disk", size(s.Bytes)}, [2]string{"state hash", s.StateHash})
	if err != nil {
		return err
	}
	fmt.Fprintln(w)
	t := &table{columns: []column{{title: "TABLE"}, {title: "ROWS", right: true}, {title: "SIZE", right: true}, {title: "INDEXES", right: true}}}
	for _, row := range s.Tables {
		var sum int64
		for _, i := range row.Indexes {
			sum += i.Bytes
		}
		t.add(row.Name, strconv.FormatInt(row.Rows, 10), size(row.Bytes), size(sum))
		for _, i := range row.Indexes {
			if indexes {
				t.add("  "+i.Name, "", "", size(i.Bytes))
			}
		}
	}
	if err := a.writeTable(w, t); err != nil {
		return err
	}
	fmt.Fprintln(w)
	t = &table{columns: []column{{title: "MESSAGES"}, {title: "TOTAL", right: true}}}
	addTotals(t, "status", s.Messages.ByStatus)
	addTotals(t, "type", s.Messages.ByType)
	addTotals(t, "chain", s.Messages.ByChain)
	for _, l := range s.Letters {
		t.add(fmt.Sprintf("%s: %s", l.State, l.Code), strconv.FormatInt(l.Total, 10))
	}
	t.add("files", strconv.FormatInt(s.Files.Files, 10))
	t.add("bytes of files", size(s.Files.Bytes))
	return a.writeTable(w, t)
}

// addTotals adds a row for each total.
func addTotals[K cmp.Ordered](t *table, what string, totals map[K]int64) {
	for _, k := range slices.Sorted(maps.Keys(totals)) {
		t.add(fmt.Sprintf("%s %v", what, k), strconv.FormatInt(totals[k], 10))
	}
}

package cli

import (
	"fmt"
	"io"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"aleph/internal/bench"
)

func newBenchPagesCommand(a *app) *cobra.Command {
	opts := bench.Pages{}
	var database string
	cmd := &cobra.Command{
		Use: "pages", Short: "Measure the pages of every list by every filter",
		Long: `Start a node in this process on a database that a replay has filled, see how long
it takes to answer and how much memory it needs while idle, and ask for pages of 20
by every documented filter: the first page with its total, and pages after a
cursor. The filters' values are taken from the newest and the oldest messages. The
node is a real one, which cleans up: name a copy of a database that you need.

With --json it prints messages, ready_seconds, idle_memory_mib, p99_ms (the largest)
and filters [{filter, requests, p50_ms, p99_ms}].`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if database == "" {
				return usagef("--database must name a database: the path of an SQLite file, or a postgres:// URL")
			}
			if opts.Requests < 1 {
				return usagef("--requests must be at least 1")
			}
			opts.Database = replayDatabase(database)
			report, done := a.countProgress("filters", 0)
			if report != nil {
				opts.Progress = func(n, _ int) { report(n) }
			}
			result, err := opts.Run(cmd.Context())
			done(err)
			if err != nil {
				return err
			}
			return a.present(result, func(w io.Writer) error { return a.writePages(w, result) })
		},
	}
	f := cmd.Flags()
	f.StringVar(&database, "database", "", "the path of an SQLite `FILE`, or a postgres:// URL")
	f.StringVar(&opts.Folder, "data", "", "`FOLDER` of the node's files (default: a temporary one)")
	f.IntVar(&opts.Requests, "requests", 300, "how many requests for each filter")
	f.DurationVar(&opts.Rest, "rest", 3*time.Second, "how long the node stands idle before its memory is read")
	return cmd
}

func (a *app) writePages(w io.Writer, r *bench.PagesReport) error {
	t := &table{columns: []column{{title: "WHAT"}, {title: "P50", right: true}, {title: "P99", right: true}}}
	for _, f := range r.Filters {
		t.add(f.Filter, fmt.Sprintf("%.1f ms", f.P50MS), fmt.Sprintf("%.1f ms", f.P99MS))
	}
	t.add("largest of all", "", fmt.Sprintf("%.1f ms", r.P99MS))
	if err := a.writeTable(w, t); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%s messages, ready after %.2f s, %.0f MiB when idle\n", humanize.Comma(r.Messages), r.ReadySeconds, r.IdleMemoryMiB)
	return err
}

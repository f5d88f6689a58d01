package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"aleph/internal/bench"
)

// benchAPIOptions are the flags of `aleph bench api`.
type benchAPIOptions struct {
	bench.API
	own      bench.OwnNode
	database string
	publish  bool
	sockets  bench.Sockets
}

func newBenchAPICommand(a *app) *cobra.Command {
	opts := benchAPIOptions{}
	cmd := &cobra.Command{
		Use: "api", Short: "Measure how fast a node answers, and delivers to WebSockets",
		Long: `Ask a node, whoever wrote it, for single things and for pages of 20 of every list by
every documented filter, the first and later ones, over a fixed number of connections
for a fixed time each. What is asked for is found through the node's own lists.

The node is that of --url (default: the local cloud that runs), or one that is started
in this process: on a database that is there (--database), or on a corpus of
"aleph bench generate" that is replayed into an empty one (--corpus). It is a real one,
which cleans up: name a copy of a database that you need.

The last row opens WebSockets with filters and publishes posts while they listen. Posts
stay for ever, so that a node of --url gets them only with --publish.

With --json it prints machine, url, version, messages, connections, seconds,
rows [{name, kind, paths, path, requests, requests_per_second, p50_ms, p99_ms, bytes, errors,
aim_requests_per_second, aim_p99_ms, reached}], sockets {listeners, expected, delivered,
missing, duplicates, closed, deliveries_per_second, p50_ms, p99_ms, reached} and
left_out [{name, reason}].`,
		Example: `  aleph bench api --url https://node.example.org --only "messages,balance"
  aleph bench api --corpus corpus.ndjson --database node.db`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f := cmd.Flags()
			switch {
			case f.Changed("url") && f.Changed("api"):
				return usagef("--url and --api are the same flag: give one")
			case (opts.own.Corpus != "" || opts.database != "") && a.flags.api != "":
				return usagef("--url names a node that runs, --corpus and --database start one: give one of them")
			case opts.Connections < 1 || opts.sockets.Listeners < 0 || opts.sockets.Deliveries < 1:
				return usagef("--connections and --deliveries must be at least 1, --listeners at least 0")
			case opts.Length <= 0 || opts.WarmUp < 0 || opts.sockets.Length <= 0:
				return usagef("--time and --listen-time must be more than zero, --warm-up not less")
			}
			return runBenchAPI(cmd.Context(), a, opts)
		},
	}
	f := cmd.Flags()
	f.StringVar(&a.flags.api, "url", "", "`URL` of the node, same as --api")
	f.StringVar(&opts.own.Corpus, "corpus", "", "`FILE` to replay into a node that is started here")
	f.StringVar(&opts.database, "database", "", "sqlite, the path of an SQLite `FILE`, or a postgres:// URL, for a node that is started here")
	f.StringVar(&opts.own.Folder, "data", "", "`FOLDER` of that node's files (default: a temporary one)")
	f.IntVar(&opts.Connections, "connections", 8, "connections that ask at the same time")
	f.DurationVar(&opts.Length, "time", 3*time.Second, "how long each row is measured")
	f.DurationVar(&opts.WarmUp, "warm-up", 500*time.Millisecond, "how long each row is asked for before that")
	f.StringSliceVar(&opts.Only, "only", nil, "only rows whose name contains one of these `WORDS`")
	f.IntVar(&opts.sockets.Listeners, "listeners", 5000, "WebSockets that listen; 0 leaves them out")
	f.IntVar(&opts.sockets.Deliveries, "deliveries", 20_000, "messages a second that WebSockets are sent in all")
	f.DurationVar(&opts.sockets.Length, "listen-time", 15*time.Second, "how long messages are published for the WebSockets")
	f.BoolVar(&opts.publish, "publish", false, "publish messages to the node of --url too")
	f.Uint64Var(&opts.sockets.Seed, "seed", 1, "seed of the keys of published messages")
	return cmd
}

func runBenchAPI(ctx context.Context, a *app, opts benchAPIOptions) error {
	own := opts.own.Corpus != "" || opts.database != ""
	opts.Progress = a.note
	switch {
	case opts.sockets.Listeners == 0:
	case own || opts.publish:
		opts.Sockets = &opts.sockets
	default:
		a.note("without %s: it publishes posts, which stay on the node: allow it with --publish", bench.SocketsRow)
	}
	var result *bench.APIReport
	measure := func(url string) (err error) {
		opts.URL = url
		result, err = opts.Run(ctx)
		return err
	}
	if own {
		opts.own.Database = replayDatabase(opts.database)
		report, done := a.countProgress("messages", 0)
		if report != nil {
			opts.own.Progress = func(n, _ int) { report(n) }
		}
		ended := false
		err := opts.own.Run(ctx, func(url string) error {
			done(nil)
			ended = true
			return measure(url)
		})
		if !ended {
			done(err)
		}
		if err != nil {
			return err
		}
	} else {
		at, err := a.resolveNetwork()
		if err != nil {
			return err
		}
		if err := measure(at.api); err != nil {
			return err
		}
	}
	return a.present(result, func(w io.Writer) error { return a.writeBenchAPI(w, result) })
}

func (a *app) writeBenchAPI(w io.Writer, r *bench.APIReport) error {
	a.note("%s", r.Machine)
	a.note("%s, %s, %s messages, %d connections, %.1f s for each row", r.URL, r.Version, humanize.Comma(r.Messages), r.Connections, r.Seconds)
	right := func(title string) column { return column{title: title, right: true} }
	t := &table{columns: []column{{title: "WHAT"}, right("PER SECOND"), right("P50"), right("P99"), right("SIZE"), right("ERRORS"), {title: "AIM"}, {}}}
	reached := func(aim string, ok bool) string {
		switch {
		case aim == "":
			return ""
		case ok:
			return "reached"
		}
		return "MISSED"
	}
	aimOf := func(perSecond, p99 float64) string {
		switch {
		case p99 == 0:
			return ""
		case perSecond == 0:
			return fmt.Sprintf("p99 ≤ %.0f ms", p99)
		}
		return fmt.Sprintf("≥ %.0f, p99 ≤ %.0f ms", perSecond, p99)
	}
	add := func(name string, perSecond, p50, p99 float64, bytes string, errs int, aim string, ok bool) {
		t.add(name, fmt.Sprintf("%.0f", perSecond), fmt.Sprintf("%.2f ms", p50), fmt.Sprintf("%.2f ms", p99), bytes, humanize.Comma(int64(errs)), aim, reached(aim, ok))
	}
	for _, row := range r.Rows {
		add(row.Name, row.PerSecond, row.P50MS, row.P99MS, size(row.Bytes), row.Errors, aimOf(row.AimPerSecond, row.AimP99MS), row.Reached)
		if row.Error != "" {
			a.note("%s: %s", row.Name, printable(row.Error))
		}
	}
	if s := r.Sockets; s != nil {
		lost := s.Missing + s.Duplicates + s.Unasked + s.Closed + s.Refused
		add(fmt.Sprintf("%s, %s listeners", bench.SocketsRow, humanize.Comma(int64(s.Listeners))), s.PerSecond, s.P50MS, s.P99MS, "", lost,
			aimOf(s.AimPerSecond, s.AimP99MS), s.Reached)
		a.note("%s: %d messages for %s arrivals: %d missing, %d duplicates, %d not asked for, %d listeners cut off, %d messages refused; "+
			"a publisher's p99 %.1f ms; opened in %.1f s", bench.SocketsRow, s.Published, humanize.Comma(int64(s.Expected)), s.Missing, s.Duplicates,
			s.Unasked, s.Closed, s.Refused, s.PublishP99MS, s.OpenListenersInMS/1000)
	}
	for _, row := range r.LeftOut {
		a.note("left out: %s: %s", row.Name, printable(row.Reason))
	}
	return a.writeTable(w, t)
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"aleph/internal/bench"
	"aleph/internal/bench/corpus"
	"aleph/internal/node/store"
	"aleph/message"
)

func newBenchGenerateCommand(a *app) *cobra.Command {
	opts := corpus.Options{}
	var out, mix string
	var kinds strings.Builder
	for _, k := range corpus.Kinds() {
		races := ""
		if k.Races {
			races = " (depends on order)"
		}
		fmt.Fprintf(&kinds, "  %-10s %4d  %s%s\n", k.Name, k.Weight, k.Doc, races)
	}
	cmd := &cobra.Command{
		Use: "generate", Short: "Write a file of signed messages to measure and test a node with",
		Long: `Write a corpus: messages of all types, signed by accounts of all chains, as a busy
network would see them, with a network of its own that pays for everything. The
same number, seed and version of this program give the same bytes.

What it is made of, with the usual weights:

` + kinds.String() + `
The file is text, one JSON object on a line, and says in its first line what a
node makes of it. Replay it with "aleph bench ingest".`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if out == "" {
				return usagef("--out FILE must say where the corpus goes")
			}
			var err error
			if opts.Mix, err = corpus.ParseMix(mix); err != nil {
				return usageError{err}
			}
			return runGenerate(cmd.Context(), a, out, opts)
		},
	}
	f := cmd.Flags()
	f.IntVar(&opts.Messages, "messages", 100_000, "how many messages, copies included")
	f.Uint64Var(&opts.Seed, "seed", 1, "seed of everything that is random")
	f.StringVar(&out, "out", "", "`FILE` to write")
	f.StringVar(&mix, "mix", "", "other `WEIGHTS`, as store=200,reject=0")
	f.BoolVar(&opts.OrderFree, "order-free", false, "leave out what depends on the order of the messages")
	return cmd
}

// generated is what `bench generate` reports.
type generated struct {
	File              string          `json:"file"`
	Bytes             int64           `json:"bytes"`
	Messages          int             `json:"messages"`
	Copies            int             `json:"copies"`
	Files             int             `json:"files"`
	Seed              uint64          `json:"seed"`
	OrderFree         bool            `json:"order_free"`
	Expected          corpus.Outcomes `json:"expected"`
	Seconds           float64         `json:"seconds"`
	MessagesPerSecond float64         `json:"messages_per_second"`
}

func runGenerate(ctx context.Context, a *app, out string, opts corpus.Options) error {
	report, done := a.countProgress("messages", opts.Messages)
	opts.Progress = report
	began := time.Now()
	header, err := corpus.Generate(ctx, out, opts)
	done(err)
	if err != nil {
		return err
	}
	info, err := os.Stat(out)
	if err != nil {
		return fmt.Errorf("generate corpus: %w", err)
	}
	seconds := time.Since(began).Seconds()
	g := generated{
		File: out, Bytes: info.Size(), Messages: header.Messages, Copies: header.Copies, Files: header.Files, Seed: header.Seed,
		OrderFree: header.OrderFree, Expected: header.Expected, Seconds: seconds, MessagesPerSecond: float64(header.Messages) / seconds,
	}
	return a.present(g, func(w io.Writer) error {
		t := &table{columns: []column{{title: "WHAT"}, {title: "COUNT", right: true}}}
		t.add("messages", humanize.Comma(int64(g.Messages)))
		t.add("copies among them", humanize.Comma(int64(g.Copies)))
		t.add("files", humanize.Comma(int64(g.Files)))
		t.add("will be live", humanize.Comma(int64(g.Expected.Processed)))
		t.add("will be forgotten", humanize.Comma(int64(g.Expected.Forgotten)))
		for _, code := range slices.Sorted(maps.Keys(g.Expected.Rejected)) {
			t.add("will be refused: "+code.String(), humanize.Comma(int64(g.Expected.Rejected[code])))
		}
		a.note("%s: %s in %.1f s, %.0f messages per second", g.File, humanize.IBytes(uint64(g.Bytes)), g.Seconds, g.MessagesPerSecond)
		return a.writeTable(w, t)
	})
}

func newBenchIngestCommand(a *app) *cobra.Command {
	opts := bench.Replay{}
	var database, via string
	var logs bool
	cmd := &cobra.Command{
		Use: "ingest", Short: "Replay a file of signed messages into a node and measure it",
		Long: `Start a node of the corpus' own network in this process, on an empty database, and
feed it a corpus made by "aleph bench generate". The command waits until every
message is decided; the times in which messages only wait for their next attempt
are skipped. It fails when an outcome is not what the corpus expects.

With --json it prints messages, messages_per_second, seconds, settle_seconds,
latency_ms {p50, p99}, memory_mib {peak, end}, signature_share, outcomes,
as_expected, state_hash, tables, database {engine, size_bytes} and via.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case opts.Corpus == "":
				return usagef("--corpus FILE must name a corpus")
			case via != "queue" && via != "http":
				return usagef("--via is queue or http, not %q", via)
			case opts.Workers < 1:
				return usagef("--workers must be at least 1")
			}
			opts.HTTP = via == "http"
			if logs {
				opts.Log = a.Err
			}
			opts.Database = replayDatabase(database)
			return runIngest(cmd.Context(), a, opts)
		},
	}
	f := cmd.Flags()
	f.StringVar(&opts.Corpus, "corpus", "", "`FILE` to replay")
	f.StringVar(&database, "database", "sqlite", "sqlite, the path of an SQLite `FILE`, or a postgres:// URL")
	f.StringVar(&opts.Folder, "data", "", "`FOLDER` of the node's files (default: a temporary one)")
	f.StringVar(&via, "via", "queue", "queue, or http to go through the node's interface")
	f.IntVar(&opts.Workers, "workers", 4096, "messages on their way at once")
	f.BoolVar(&opts.Resume, "resume", false, "go on with a database that is not empty")
	f.BoolVar(&logs, "logs", false, "show the log of the node")
	return cmd
}

// replayDatabase says where the state of a replay goes.
func replayDatabase(text string) store.Config {
	cfg := store.DefaultConfig()
	switch {
	case strings.HasPrefix(text, "postgres://"), strings.HasPrefix(text, "postgresql://"):
		cfg.URL = text
	case text != "sqlite":
		cfg.Path = text
	}
	return cfg
}

var errUnexpectedOutcome = errors.New("some messages did not end as the corpus expects")

func runIngest(ctx context.Context, a *app, opts bench.Replay) error {
	report, done := a.countProgress("messages", 0)
	if report != nil {
		opts.Progress = func(n, _ int) { report(n) }
	}
	result, err := opts.Run(ctx)
	done(err)
	if err != nil {
		return err
	}
	if err := a.present(result, func(w io.Writer) error { return a.writeReplay(w, result) }); err != nil {
		return err
	}
	if !result.AsExpected {
		return errUnexpectedOutcome
	}
	return nil
}

func (a *app) writeReplay(w io.Writer, r *bench.ReplayReport) error {
	t := &table{columns: []column{{title: "WHAT"}, {title: "FIGURE", right: true}, {title: "EXPECTED", right: true}}}
	t.add("messages per second", fmt.Sprintf("%.0f", r.MessagesPerSecond), "")
	t.add("messages", humanize.Comma(int64(r.Messages)), "")
	t.add("time", fmt.Sprintf("%.1f s, and %.1f s to settle", r.Seconds, r.SettleSeconds), "")
	t.add("latency p50, p99", fmt.Sprintf("%.1f ms, %.1f ms", r.Latency.P50, r.Latency.P99), "")
	t.add("memory, peak and end", fmt.Sprintf("%.0f MiB, %.0f MiB", r.Memory.Peak, r.Memory.End), "")
	t.add("share of signatures", fmt.Sprintf("%.0f %%", 100*r.SignatureShare), "")
	t.add("database", r.Database.Engine+", "+humanize.IBytes(uint64(r.Database.SizeBytes)), "")
	add := func(what string, o bench.Outcome) {
		t.add(what, humanize.Comma(int64(o.Found)), humanize.Comma(int64(o.Expected)))
	}
	add("processed", r.Outcomes.Processed)
	add("forgotten", r.Outcomes.Forgotten)
	add("pending", r.Outcomes.Pending)
	for _, code := range slices.SortedFunc(maps.Keys(r.Outcomes.Rejected), func(x, y message.Code) int { return int(x) - int(y) }) {
		add("rejected: "+code.String(), r.Outcomes.Rejected[code])
	}
	t.add("state hash", r.StateHash, "")
	for _, what := range r.Contradictions {
		a.note("%s", what)
	}
	return a.writeTable(w, t)
}

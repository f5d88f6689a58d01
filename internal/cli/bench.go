package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"aleph/internal/bench"
)

// benchOptions are the flags of `aleph bench`.
type benchOptions struct {
	bench.Suite
	markdown string
	logs     bool
}

func newBenchCommand(a *app) *cobra.Command {
	var names []string
	var about strings.Builder
	for _, m := range bench.Measurements() {
		names = append(names, m.Name)
		fmt.Fprintf(&about, "  %-10s %s\n", m.Name, m.Text)
	}
	opts := benchOptions{}
	cmd := &cobra.Command{
		Use: "bench [MEASUREMENT]...", Short: "Measure speed and memory of the program on this machine",
		Long: `Measure this program the way a user meets it. Each measurement starts a fresh
local cloud as a process of its own, unless --api names a node to load.

` + about.String() + `
Without arguments all of them run.`,
		ValidArgs: names,
		Args: func(_ *cobra.Command, args []string) error {
			for _, arg := range args {
				if !slices.Contains(names, arg) {
					return fmt.Errorf("unknown measurement %q: there are %s", arg, strings.Join(names, ", "))
				}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = names
			}
			return runBench(cmd.Context(), a, opts, args)
		},
	}
	f := cmd.Flags()
	f.IntVar(&opts.Connections, "connections", 64, "connections of the publish measurement")
	f.IntVar(&opts.Messages, "messages", 30_000, "messages of the publish measurement")
	f.IntVar(&opts.Samples, "samples", 500, "requests of the measurements that look at single ones")
	f.Uint64Var(&opts.Seed, "seed", 1, "seed of the generated messages and files")
	f.StringVar(&opts.ExamplesDir, "examples", "examples", "folder of the example functions")
	f.StringVar(&opts.markdown, "markdown", "", "also write the rows into this file, between its marks")
	f.BoolVar(&opts.logs, "logs", false, "show the logs of the clouds that are started")
	cmd.AddCommand(newBenchGenerateCommand(a), newBenchIngestCommand(a), newBenchPagesCommand(a), newBenchAPICommand(a))
	return cmd
}

func runBench(ctx context.Context, a *app, opts benchOptions, names []string) error {
	suite := opts.Suite
	if suite.Connections < 1 || suite.Messages < 1 || suite.Samples < 1 {
		return usagef("--connections, --messages and --samples must be at least 1")
	}
	binary, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	suite.Binary, suite.API, suite.Progress = binary, a.flags.api, a.note
	if opts.logs {
		suite.Stderr = a.Err
	}
	machine, err := bench.Machine()
	if err != nil {
		return err
	}
	rows := []bench.Row{}
	for _, m := range bench.Measurements() {
		if !slices.Contains(names, m.Name) {
			continue
		}
		if m.NeedsProcess && suite.API != "" {
			return usagef("%s looks at the process of a cloud: run it without --api", m.Name)
		}
		found, err := m.Run(ctx, &suite)
		if err != nil {
			return fmt.Errorf("measure %s: %w", m.Name, err)
		}
		for _, row := range found {
			row.Command = m.Command()
			rows = append(rows, row)
		}
	}
	if opts.markdown != "" {
		if err := bench.WriteMarkdown(opts.markdown, machine, rows); err != nil {
			return err
		}
	}
	return a.printBench(machine, rows)
}

func (a *app) printBench(machine string, rows []bench.Row) error {
	report := struct {
		Machine string      `json:"machine"`
		Rows    []bench.Row `json:"rows"`
	}{machine, rows}
	return a.present(report, func(w io.Writer) error {
		a.note("%s", machine)
		return a.writeTable(w, benchTable(rows))
	})
}

func benchTable(rows []bench.Row) *table {
	t := &table{columns: []column{{title: "WHAT"}, {title: "FIGURE", right: true}, {title: "AIM", right: true}, {}, {title: "DETAIL"}}}
	for _, row := range rows {
		reached := ""
		switch {
		case row.Target != 0 && row.Met:
			reached = "reached"
		case row.Target != 0:
			reached = "MISSED"
		}
		t.add(row.Name, row.Figure(), row.Aim(), reached, row.Detail)
	}
	return t
}

package cli_test

import (
	"bytes"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"aleph/internal/cli"
)

var update = flag.Bool("update", false, "write the golden files again")

// execute runs one command line that needs nothing from outside.
func execute(t *testing.T, args ...string) (out, errs string, code int) {
	t.Helper()
	var o, e bytes.Buffer
	code = cli.Run(t.Context(), args, cli.Streams{
		In: strings.NewReader(""), Out: &o, Err: &e, Env: func(string) string { return "" },
	}, cli.Build{Version: "test"})
	return o.String(), e.String(), code
}

// TestHelp keeps every help text under review.
func TestHelp(t *testing.T) {
	t.Parallel()
	var got strings.Builder
	var walk func(cmd *cobra.Command, path []string)
	walk = func(cmd *cobra.Command, path []string) {
		out, errs, code := execute(t, append(slices.Clone(path), "--help")...)
		if code != 0 || errs != "" {
			t.Errorf("aleph %s --help: code %d, %s", strings.Join(path, " "), code, errs)
		}
		got.WriteString("$ " + strings.Join(append([]string{"aleph"}, append(path, "--help")...), " ") + "\n" + out + "\n")
		for _, child := range cmd.Commands() {
			if child.Name() != "help" && !child.Hidden {
				walk(child, append(slices.Clone(path), child.Name()))
			}
		}
	}
	walk(cli.New(cli.Build{}, cli.Streams{}), nil)

	const golden = "testdata/help.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("the help texts differ from %s (go test ./internal/cli -run TestHelp -update writes it again):\n%s", golden, diff)
	}
}

// TestEveryCommandIsComplete holds what each command owes its users.
func TestEveryCommandIsComplete(t *testing.T) {
	t.Parallel()
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		if cmd.Short == "" || strings.HasSuffix(cmd.Short, ".") {
			t.Errorf("%s: its short text is %q", cmd.CommandPath(), cmd.Short)
		}
		for line := range strings.SplitSeq(cmd.Long, "\n") {
			if len([]rune(line)) > 100 {
				t.Errorf("%s: a line of its text is wider than 100 columns: %s", cmd.CommandPath(), line)
			}
		}
		if cmd.Runnable() && cmd.Args == nil {
			t.Errorf("%s: does not check its arguments", cmd.CommandPath())
		}
		for _, child := range cmd.Commands() {
			if child.Name() != "help" {
				walk(child)
			}
		}
	}
	walk(cli.New(cli.Build{}, cli.Streams{}))
}

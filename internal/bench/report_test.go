package bench_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aleph/internal/bench"
)

func TestPercentiles(t *testing.T) {
	t.Parallel()
	var took []time.Duration
	for i := 100; i >= 1; i-- {
		took = append(took, time.Duration(i)*time.Millisecond)
	}
	got := bench.PercentilesOf(took)
	want := bench.Percentiles{P50: 50 * time.Millisecond, P90: 90 * time.Millisecond, P99: 99 * time.Millisecond, Max: 100 * time.Millisecond}
	if got != want {
		t.Errorf("got %+v", got)
	}
	if got := bench.PercentilesOf(nil); got != (bench.Percentiles{}) {
		t.Errorf("of nothing: got %+v", got)
	}
	if got := bench.PercentilesOf(took[:1]); got.P50 != 100*time.Millisecond || got.Max != got.P50 {
		t.Errorf("of one: got %+v", got)
	}
}

func TestWriteMarkdownReplacesOnlyItsPart(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "benchmarks.md")
	text := "# Figures\n\n<!-- aleph bench: rows below are written by the command -->\nold\n<!-- aleph bench: end -->\n\nWords of a person.\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	rows := []bench.Row{
		{Name: "fast", Value: 12.34, Unit: "ms", Target: 15, Met: true, Detail: "p99 20ms", Command: "aleph bench sync"},
		{Name: "slow", Value: 2500, Unit: "msg/s", Target: 3000, Command: "aleph bench publish"},
		{Name: "plain", Value: 1.234, Unit: "MiB", Met: true, Command: "aleph bench idle"},
	}
	for range 2 { // the second time replaces what the first wrote
		if err := bench.WriteMarkdown(path, "a machine", rows); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"# Figures\n", "\nWords of a person.\n", "Measured on a machine.",
		"| fast | 12.3 ms | ≤ 15.0 ms | yes | p99 20ms | `aleph bench sync` |",
		"| slow | 2500 msg/s | ≥ 3000 msg/s | **no** | – | `aleph bench publish` |",
		"| plain | 1.23 MiB | – | – | – | `aleph bench idle` |",
	} {
		if strings.Count(string(got), want) != 1 {
			t.Errorf("%q is not there once:\n%s", want, got)
		}
	}
	if strings.Contains(string(got), "old") {
		t.Errorf("the old rows are still there:\n%s", got)
	}
}

func TestWriteMarkdownKeepsWhatWasNotMeasuredAgain(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "benchmarks.md")
	if err := os.WriteFile(path, []byte("<!-- aleph bench: rows below are written by the command -->\n<!-- aleph bench: end -->\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	write := func(machine string, rows ...bench.Row) string {
		if err := bench.WriteMarkdown(path, machine, rows); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	sync := bench.Row{Name: "one", Value: 1, Unit: "ms", Met: true, Command: "aleph bench sync"}
	idle := bench.Row{Name: "two", Value: 2, Unit: "MiB", Met: true, Command: "aleph bench idle"}
	write("a", sync)
	if got := write("a", idle); strings.Index(got, "| two |") > strings.Index(got, "| one |") || !strings.Contains(got, "| one |") {
		t.Errorf("a row is lost or out of order:\n%s", got)
	}
	if got := write("b", idle); strings.Contains(got, "| one |") {
		t.Errorf("a row of another machine is still there:\n%s", got)
	}
}

func TestWriteMarkdownNeedsItsMarks(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "benchmarks.md")
	if err := os.WriteFile(path, []byte("no marks\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := bench.WriteMarkdown(path, "", nil); err == nil {
		t.Error("a file without marks was written")
	}
}

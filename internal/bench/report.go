package bench

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"strings"
	"time"
)

// Row is one figure.
type Row struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	// Target is the project's aim in the same unit; 0 when there is none.
	Target float64 `json:"target,omitempty"`
	// Met says whether the aim was reached; true when there is none.
	Met    bool   `json:"met"`
	Detail string `json:"detail"`
	// Command is what measured the row.
	Command string `json:"command"`
}

// Figure prints the value with its unit.
func (r Row) Figure() string { return figure(r.Value, r.Unit) }

// Aim prints the target with its unit and direction, or "".
func (r Row) Aim() string {
	switch {
	case r.Target == 0:
		return ""
	case r.Unit == "msg/s":
		return "≥ " + figure(r.Target, r.Unit)
	}
	return "≤ " + figure(r.Target, r.Unit)
}

func figure(v float64, unit string) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f %s", v, unit)
	case v >= 10:
		return fmt.Sprintf("%.1f %s", v, unit)
	}
	return fmt.Sprintf("%.2f %s", v, unit)
}

func durationRow(name string, d, target time.Duration, detail string) Row {
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	return Row{Name: name, Value: ms(d), Unit: "ms", Target: ms(target), Met: target == 0 || d <= target, Detail: detail}
}

func bytesRow(name string, b, target int64, detail string) Row {
	return Row{
		Name: name, Value: float64(b) / (1 << 20), Unit: "MiB", Target: float64(target) / (1 << 20),
		Met: target == 0 || b <= target, Detail: detail,
	}
}

func mebibytes(b int64) string { return figure(float64(b)/(1<<20), "MiB") }

func round(d time.Duration) time.Duration {
	switch {
	case d > 10*time.Second:
		return d.Round(100 * time.Millisecond)
	case d > 100*time.Millisecond:
		return d.Round(time.Millisecond)
	}
	return d.Round(10 * time.Microsecond)
}

// The part of a Markdown file that [WriteMarkdown] replaces.
const (
	markBegin = "<!-- aleph bench: rows below are written by the command -->"
	markEnd   = "<!-- aleph bench: end -->"
)

// WriteMarkdown puts the rows as a table between the two marks of an existing
// file, together with the machine they were measured on. Rows of the same
// machine stay when their command has not been run again.
func WriteMarkdown(path, machine string, rows []Row) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("write benchmark rows: %w", err)
	}
	before, rest, found := bytes.Cut(text, []byte(markBegin))
	_, after, foundEnd := bytes.Cut(rest, []byte(markEnd))
	if !found || !foundEnd {
		return fmt.Errorf("write benchmark rows: %s lacks the line %q or %q", path, markBegin, markEnd)
	}
	origin := "Measured on " + machine + "."
	table, _, _ := bytes.Cut(rest, []byte(markEnd))
	lines := make(map[string][]string) // of the table, by command
	if strings.Contains(string(table), origin) {
		for line := range strings.Lines(string(table)) {
			if cells := strings.Split(strings.TrimSpace(line), " | "); len(cells) == columns {
				command := strings.Trim(cells[columns-1], "` |")
				lines[command] = append(lines[command], line)
			}
		}
	}
	for _, r := range rows {
		lines[r.Command] = nil
	}
	for _, r := range rows {
		lines[r.Command] = append(lines[r.Command], r.markdown())
	}
	var out bytes.Buffer
	out.Write(before)
	fmt.Fprintf(&out, "%s\n\n%s\n\n", markBegin, origin)
	out.WriteString("| what | figure | aim | reached | detail | command |\n|---|---|---|---|---|---|\n")
	for _, m := range Measurements() {
		out.WriteString(strings.Join(lines[m.Command()], ""))
	}
	fmt.Fprintf(&out, "\n%s", markEnd)
	out.Write(after)
	if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write benchmark rows: %w", err)
	}
	return nil
}

// columns of the table.
const columns = 6

// markdown is the row as a line of the table.
func (r Row) markdown() string {
	reached := "yes"
	switch {
	case !r.Met:
		reached = "**no**"
	case r.Target == 0:
		reached = "–"
	}
	cells := []string{r.Name, r.Figure(), cmp.Or(r.Aim(), "–"), reached, cmp.Or(r.Detail, "–"), "`" + r.Command + "`"}
	return "| " + strings.Join(cells, " | ") + " |\n"
}

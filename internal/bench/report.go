package bench

import (
	"bytes"
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
// file, together with the machine they were measured on.
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
	var out bytes.Buffer
	out.Write(before)
	fmt.Fprintf(&out, "%s\n\nMeasured on %s.\n\n", markBegin, machine)
	out.WriteString("| what | figure | aim | reached | detail | command |\n|---|---|---|---|---|---|\n")
	for _, r := range rows {
		reached := "yes"
		if !r.Met {
			reached = "**no**"
		} else if r.Target == 0 {
			reached = ""
		}
		cells := []string{r.Name, r.Figure(), r.Aim(), reached, r.Detail, "`" + r.Command + "`"}
		fmt.Fprintf(&out, "| %s |\n", strings.Join(cells, " | "))
	}
	fmt.Fprintf(&out, "\n%s", markEnd)
	out.Write(after)
	if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write benchmark rows: %w", err)
	}
	return nil
}

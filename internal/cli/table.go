package cli

import (
	"fmt"
	"io"
	"strings"

	"charm.land/lipgloss/v2"
	"golang.org/x/term"
)

// table is rows under a header, for people. On a terminal the columns that may
// shrink are cut to its width; elsewhere nothing is cut.
type table struct {
	columns []column
	rows    [][]string
}

// column describes one column. One with a least width may be cut down to it.
type column struct {
	title string
	least int
	right bool
}

// columnGap separates columns.
const columnGap = "  "

// newTable returns a table whose last column may be cut to the terminal.
func newTable(titles ...string) *table {
	const least = 16 // columns; less than this tells nothing
	t := &table{}
	for _, title := range titles {
		t.columns = append(t.columns, column{title: title})
	}
	t.columns[len(titles)-1].least = least
	return t
}

func (t *table) add(cells ...string) {
	for i := range cells {
		cells[i] = printable(cells[i])
	}
	t.rows = append(t.rows, cells)
}

// write prints the table.
func (a *app) writeTable(w io.Writer, t *table) error {
	widths := t.widths()
	width, onTerminal := terminalWidth(w)
	if onTerminal {
		t.shrink(widths, width)
	}
	header := make([]string, len(t.columns))
	for i, c := range t.columns {
		header[i] = c.title
	}
	var out strings.Builder
	fmt.Fprintln(&out, a.bold(w, t.line(widths, header)))
	for _, row := range t.rows {
		fmt.Fprintln(&out, t.line(widths, row))
	}
	_, err := io.WriteString(w, out.String())
	return err
}

func (t *table) widths() []int {
	widths := make([]int, len(t.columns))
	for i, c := range t.columns {
		widths[i] = lipgloss.Width(c.title)
	}
	for _, row := range t.rows {
		for i, cell := range row {
			widths[i] = max(widths[i], lipgloss.Width(cell))
		}
	}
	return widths
}

// shrink takes from the widest column that may give until the table fits.
func (t *table) shrink(widths []int, most int) {
	total := len(columnGap) * (len(widths) - 1)
	for _, w := range widths {
		total += w
	}
	for ; total > most; total-- {
		widest := -1
		for i, c := range t.columns {
			if c.least > 0 && widths[i] > c.least && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return
		}
		widths[widest]--
	}
}

// line lays one row out.
func (t *table) line(widths []int, cells []string) string {
	var line strings.Builder
	for i, cell := range cells {
		if i > 0 {
			line.WriteString(columnGap)
		}
		cell = cut(cell, widths[i])
		padding := strings.Repeat(" ", widths[i]-lipgloss.Width(cell))
		if t.columns[i].right {
			line.WriteString(padding + cell)
		} else {
			line.WriteString(cell + padding)
		}
	}
	return strings.TrimRight(line.String(), " ")
}

// cut shortens s to a width in columns of the terminal.
func cut(s string, width int) string {
	if lipgloss.Width(s) <= width {
		return s
	}
	used := 1 // of the mark that something is missing
	for i, r := range s {
		if used += lipgloss.Width(string(r)); used > width {
			return s[:i] + "…"
		}
	}
	return s
}

// fields prints a list of named values, for people. Empty values are left out.
func (a *app) writeFields(w io.Writer, fields ...[2]string) error {
	var widest int
	for _, f := range fields {
		if f[1] != "" {
			widest = max(widest, len(f[0]))
		}
	}
	var out strings.Builder
	for _, f := range fields {
		if f[1] != "" {
			name := f[0] + strings.Repeat(" ", widest-len(f[0]))
			fmt.Fprintf(&out, "%s  %s\n", a.bold(w, name), printable(f[1]))
		}
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// bold marks s where that can be seen and is wanted.
func (a *app) bold(w io.Writer, s string) string {
	if _, ok := terminal(w); !ok || a.flags.noColor || a.Env("NO_COLOR") != "" || a.Env("TERM") == "dumb" {
		return s
	}
	return "\x1b[1m" + s + "\x1b[0m"
}

func terminalWidth(w io.Writer) (int, bool) {
	f, ok := terminal(w)
	if !ok {
		return 0, false
	}
	width, _, err := term.GetSize(int(f.Fd()))
	return width, err == nil && width > 0
}

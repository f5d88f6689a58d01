package cli

import (
	"fmt"
	"io"
	"time"
)

// What tests look at that no caller needs.
var (
	ExitCode  = exitCode
	Printable = printable
	SafeName  = safeName
)

// ParseTime reads a point in time as the flags --since and --until do.
func ParseTime(text string) (time.Time, error) {
	var o timeOption
	err := o.Set(text)
	return o.value, err
}

// Columns is a table whose columns may be cut down to the given widths, cut to
// a width as on a terminal.
func Columns(w io.Writer, width int, least []int, rows ...[]string) error {
	t := &table{}
	for i, title := range rows[0] {
		t.columns = append(t.columns, column{title: title, least: least[i]})
	}
	for _, row := range rows[1:] {
		t.add(row...)
	}
	widths := t.widths()
	t.shrink(widths, width)
	for _, row := range rows {
		if _, err := fmt.Fprintln(w, t.line(widths, row)); err != nil {
			return err
		}
	}
	return nil
}

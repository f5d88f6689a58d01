package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/dustin/go-humanize"
)

// present prints what a command found out: value as JSON, or what human writes.
func (a *app) present(value any, human func(w io.Writer) error) error {
	if a.flags.json {
		return a.writeJSON(value)
	}
	return human(a.Out)
}

// writeJSON prints one value on one line.
func (a *app) writeJSON(value any) error {
	a.printed = true
	e := json.NewEncoder(a.Out)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

// note tells a person something beside the result.
func (a *app) note(format string, args ...any) {
	if !a.flags.quiet && !a.flags.json {
		fmt.Fprintf(a.Err, format+"\n", args...)
	}
}

// detail tells what only --verbose asks for.
func (a *app) detail(format string, args ...any) {
	if a.flags.verbose {
		fmt.Fprintf(a.Err, "aleph: "+format+"\n", args...)
	}
}

// confirm asks a person before something that cannot be undone. Where nobody
// can be asked, yes must be given.
func (a *app) confirm(yes bool, question string) error {
	if yes {
		return nil
	}
	in, ok := a.inTerminal()
	if !ok || a.flags.json {
		return usageError{fmt.Errorf("%s: confirm it with --yes", question)}
	}
	fmt.Fprintf(a.Err, "%s? [y/N] ", question)
	var answer string
	if _, err := fmt.Fscanln(in, &answer); err != nil && !errors.Is(err, io.EOF) && answer != "" {
		return fmt.Errorf("read the answer: %w", err)
	}
	if answer = strings.ToLower(answer); answer != "y" && answer != "yes" {
		return errDeclined
	}
	return nil
}

// errDeclined is a person's no.
var errDeclined = usageError{errors.New("nothing was done")}

// printable replaces what a terminal would obey. Names and contents come from
// strangers.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return '�'
		}
		return r
	}, s)
}

// ago is an instant for people.
func ago(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return humanize.Time(t)
}

// size is a number of bytes for people.
func size(n int64) string {
	if n < 0 {
		return "unknown"
	}
	return humanize.IBytes(uint64(n))
}

// indented lays JSON out for people. Strings keep their escapes, so that it
// cannot control the terminal.
func indented(raw json.RawMessage) string {
	var value any
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.UseNumber() // numbers as they were written
	if err := d.Decode(&value); err != nil {
		return printable(string(raw))
	}
	var out strings.Builder
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(value); err != nil {
		return printable(string(raw))
	}
	return strings.TrimSuffix(out.String(), "\n")
}

// emptyIfNil makes an empty list of none, which prints as [].
func emptyIfNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

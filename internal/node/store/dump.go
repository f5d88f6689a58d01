package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"
)

// The text form of a database is one JSON object on a line: a header that names
// the tables and their columns, every row of each table in the order of its
// primary key, and an end that says how many there were. The same rows always
// have the same bytes. docs/operating-database.md describes it for people.

// dumpVersion is the version of the text form.
const dumpVersion = 1

// maxDumpLine bounds a line, in bytes. The largest row is a message whose content
// came from a file, which the text form at most doubles.
const maxDumpLine = 256 << 20

// dumpHeader is the first line.
type dumpHeader struct {
	Version int         `json:"aleph_export"`
	Schema  int64       `json:"schema"`
	Tables  []dumpTable `json:"tables"`
}

// dumpTable describes a table: for each column its name and its kind.
type dumpTable struct {
	Name    string      `json:"name"`
	Columns [][2]string `json:"columns"`
}

// dumpEnd is the last line.
type dumpEnd struct {
	End dumpTotals `json:"end"`
}

// dumpTotals says what came before the last line.
type dumpTotals struct {
	Rows   int64            `json:"rows"`
	Tables map[string]int64 `json:"tables"`
	SHA256 string           `json:"sha256"` // of all lines before, with their line feeds
}

func newDumpHeader(schema int64, tables []table) dumpHeader {
	h := dumpHeader{Version: dumpVersion, Schema: schema}
	for _, t := range tables {
		d := dumpTable{Name: t.name}
		for _, c := range t.columns {
			d.Columns = append(d.Columns, [2]string{c.name, string(c.kind)})
		}
		h.Tables = append(h.Tables, d)
	}
	return h
}

// differs says where the tables of a header differ from those of a database, ""
// when they do not.
func (h *dumpHeader) differs(from dumpHeader) string {
	theirs := map[string]dumpTable{}
	for _, t := range h.Tables {
		theirs[t.Name] = t
	}
	for _, t := range from.Tables {
		other, ok := theirs[t.Name]
		if !ok {
			return "it has no table " + t.Name
		}
		if !slices.Equal(t.Columns, other.Columns) {
			return "its table " + t.Name + " has other columns"
		}
		delete(theirs, t.Name)
	}
	for name := range theirs {
		return "it has a table " + name + " that the schema does not have"
	}
	return ""
}

// appendRow writes a row of a table. Values are nil, string, int64 or bool, as
// the kinds of the columns say; what is NULL is left out.
func appendRow(b []byte, t *table, values []any) ([]byte, error) {
	b = append(b, `{"table":"`...)
	b = append(append(b, t.name...), `","row":{`...)
	first := true
	for i, c := range t.columns {
		if values[i] == nil {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(append(append(b, '"'), c.name...), `":`...)
		var err error
		if b, err = appendValue(b, c.kind, values[i]); err != nil {
			return nil, fmt.Errorf("column %s: %w", c.name, err)
		}
	}
	return append(b, "}}\n"...), nil
}

func appendValue(b []byte, k kind, value any) ([]byte, error) {
	switch v := value.(type) {
	case []byte:
		return appendValue(b, k, string(v))
	case string:
		if k == kindText {
			return appendString(b, v)
		}
	case int64:
		switch {
		case k == kindInt:
			return strconv.AppendInt(b, v, 10), nil
		case k == kindBool && (v == 0 || v == 1): // one of the drivers knows no others
			return strconv.AppendBool(b, v == 1), nil
		}
	case bool:
		if k == kindBool {
			return strconv.AppendBool(b, v), nil
		}
	}
	return nil, fmt.Errorf("it holds %T where %s belongs", value, k)
}

var errNotUTF8 = errors.New("it holds text that is not UTF-8")

// appendString writes a JSON string, escaping what must be.
func appendString(b []byte, s string) ([]byte, error) {
	if !utf8.ValidString(s) {
		return nil, errNotUTF8
	}
	const hex = "0123456789abcdef"
	b = append(b, '"')
	from := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, `\n`...)
		case '\r':
			b = append(b, `\r`...)
		case '\t':
			b = append(b, `\t`...)
		default:
			b = append(b, `\u00`...)
			b = append(b, hex[c>>4], hex[c&15])
		}
	}
	return append(append(b, s[from:]...), '"'), nil
}

// appendLine writes a header or an end.
func appendLine(b []byte, value any) ([]byte, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	return append(append(b, text...), '\n'), nil
}

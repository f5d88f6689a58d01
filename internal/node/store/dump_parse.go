package store

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"strconv"
	"unicode/utf8"
)

// LineError says which line of an export is wrong, and how.
type LineError struct {
	Line int64
	Err  error
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Unwrap returns what is wrong.
func (e *LineError) Unwrap() error { return e.Err }

// dumpReader reads the text form line by line and believes none of it.
type dumpReader struct {
	r    *bufio.Reader
	long []byte // a line that does not fit into the buffer of r
	line int64  // number of the line read last
	sum  hash.Hash

	tables map[string]*dumpedTable
	totals dumpTotals
}

// dumpedTable is a table that rows may be of.
type dumpedTable struct {
	table   *table
	columns map[string]int // place in table.columns
	seen    []bool         // of the row being read
}

func newDumpReader(r io.Reader) *dumpReader {
	return &dumpReader{r: bufio.NewReaderSize(r, exportBuffer), sum: sha256.New(), totals: dumpTotals{Tables: map[string]int64{}}}
}

// wrong says that the line read last is not as it should be.
func (d *dumpReader) wrong(err error) error { return &LineError{d.line, err} }

// next returns the next line without its line feed. It is valid until the call
// after it. Reading that fails is no fault of the line.
func (d *dumpReader) next() ([]byte, error) {
	d.line++
	d.long = d.long[:0]
	for {
		part, err := d.r.ReadSlice('\n')
		switch {
		case err == nil && len(d.long) == 0:
			return part[:len(part)-1], nil
		case len(d.long)+len(part) > maxDumpLine:
			return nil, d.wrong(fmt.Errorf("it is longer than %d bytes", maxDumpLine))
		case err == nil:
			d.long = append(d.long, part...)
			return d.long[:len(d.long)-1], nil
		case errors.Is(err, bufio.ErrBufferFull):
			d.long = append(d.long, part...)
		case errors.Is(err, io.EOF) && len(d.long)+len(part) == 0:
			return nil, d.wrong(errors.New("the export ends here, before its last line: it was cut off"))
		case errors.Is(err, io.EOF):
			return nil, d.wrong(errors.New("the export ends within this line: it was cut off"))
		default:
			return nil, fmt.Errorf("read line %d: %w", d.line, err)
		}
	}
}

// header reads the first line.
func (d *dumpReader) header() (h dumpHeader, err error) {
	text, err := d.next()
	if err != nil {
		return h, err
	}
	if err := strict(text, &h); err != nil || h.Version == 0 {
		return h, d.wrong(errors.New("this is no export of a node's database: its first line must be as `aleph db export` writes it"))
	}
	if h.Version != dumpVersion {
		return h, d.wrong(fmt.Errorf("this export has the form %d and this program reads %d: use the program that wrote it", h.Version, dumpVersion))
	}
	d.add(text)
	return h, nil
}

// expect says which tables there are. It is called once, before the first row.
func (d *dumpReader) expect(list []table) {
	d.tables = make(map[string]*dumpedTable, len(list))
	for i := range list {
		t := &list[i]
		known := &dumpedTable{table: t, columns: make(map[string]int, len(t.columns)), seen: make([]bool, len(t.columns))}
		for i, c := range t.columns {
			known.columns[c.name] = i
		}
		d.tables[t.name] = known
		d.totals.Tables[t.name] = 0
	}
}

// row reads the next row. The table is nil after the last one.
func (d *dumpReader) row() (t *table, values []any, size int, err error) {
	text, err := d.next()
	if err != nil {
		return nil, nil, 0, err
	}
	if bytes.HasPrefix(text, []byte(`{"end":`)) {
		return nil, nil, 0, d.end(text)
	}
	t, values, err = d.parseRow(text)
	if err != nil {
		return nil, nil, 0, d.wrong(err)
	}
	d.add(text)
	d.totals.Rows++
	d.totals.Tables[t.name]++
	return t, values, len(text), nil
}

func (d *dumpReader) add(text []byte) {
	d.sum.Write(text)
	d.sum.Write([]byte{'\n'})
}

// end compares the last line with what came before it.
func (d *dumpReader) end(text []byte) error {
	var last dumpEnd
	if err := strict(text, &last); err != nil {
		return d.wrong(fmt.Errorf("the last line is not as an export writes it: %w", err))
	}
	if last.End.Rows != d.totals.Rows {
		return d.wrong(fmt.Errorf("%d rows were announced and %d came", last.End.Rows, d.totals.Rows))
	}
	if last.End.SHA256 != hex.EncodeToString(d.sum.Sum(nil)) {
		return d.wrong(errors.New("the lines before are not those that were exported: the checksum differs"))
	}
	for name, n := range d.totals.Tables {
		if last.End.Tables[name] != n {
			return d.wrong(fmt.Errorf("table %s: %d rows were announced and %d came", name, last.End.Tables[name], n))
		}
	}
	if _, err := d.r.ReadByte(); !errors.Is(err, io.EOF) {
		d.line++
		return d.wrong(errors.New("there is something behind the last line"))
	}
	return nil
}

// strict decodes a line that is one JSON object without anything unknown.
func strict(text []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return err
	}
	if dec.InputOffset() != int64(len(text)) {
		return errors.New("something follows the object")
	}
	return nil
}

// parseRow reads {"table":"…","row":{…}} as appendRow writes it: in this order,
// without spaces.
func (d *dumpReader) parseRow(text []byte) (*table, []any, error) {
	p := rowParser{text: text}
	if err := p.literal(`{"table":`); err != nil {
		return nil, nil, err
	}
	name, err := p.string()
	if err != nil {
		return nil, nil, err
	}
	known := d.tables[name]
	if known == nil {
		return nil, nil, fmt.Errorf("there is no table %q", name)
	}
	if err := p.literal(`,"row":{`); err != nil {
		return nil, nil, err
	}
	values, err := p.columns(known)
	if err != nil {
		return nil, nil, fmt.Errorf("table %s: %w", name, err)
	}
	if err := p.literal(`}}`); err != nil {
		return nil, nil, err
	}
	if p.at != len(text) {
		return nil, nil, errors.New("something follows the row")
	}
	return known.table, values, nil
}

// rowParser stands somewhere in a line.
type rowParser struct {
	text []byte
	at   int
}

func (p *rowParser) literal(want string) error {
	if !bytes.HasPrefix(p.text[p.at:], []byte(want)) {
		return fmt.Errorf("want %s at byte %d", want, p.at+1)
	}
	p.at += len(want)
	return nil
}

// skip steps over a byte if it comes next.
func (p *rowParser) skip(c byte) bool {
	if p.at < len(p.text) && p.text[p.at] == c {
		p.at++
		return true
	}
	return false
}

// columns reads the members of a row.
func (p *rowParser) columns(known *dumpedTable) ([]any, error) {
	clear(known.seen)
	values := make([]any, len(known.table.columns))
	for n := 0; p.at < len(p.text) && p.text[p.at] != '}'; n++ {
		if n > 0 && !p.skip(',') {
			return nil, fmt.Errorf("want a comma at byte %d", p.at+1)
		}
		name, err := p.string()
		if err != nil {
			return nil, err
		}
		i, ok := known.columns[name]
		if !ok {
			return nil, fmt.Errorf("it has no column %q", name)
		}
		if known.seen[i] {
			return nil, fmt.Errorf("column %s comes twice", name)
		}
		known.seen[i] = true
		if err := p.literal(`:`); err != nil {
			return nil, err
		}
		if values[i], err = p.value(known.table.columns[i].kind); err != nil {
			return nil, fmt.Errorf("column %s: %w", name, err)
		}
	}
	for i, c := range known.table.columns {
		if values[i] == nil && !c.null {
			return nil, fmt.Errorf("column %s is missing", c.name)
		}
	}
	return values, nil
}

func (p *rowParser) value(k kind) (any, error) {
	switch k {
	case kindText:
		return p.string()
	case kindInt:
		return p.number()
	case kindBool:
		for _, b := range []bool{true, false} {
			if word := strconv.FormatBool(b); p.literal(word) == nil {
				return b, nil
			}
		}
	}
	return nil, fmt.Errorf("want %s at byte %d", k, p.at+1)
}

func (p *rowParser) number() (int64, error) {
	from := p.at
	p.skip('-')
	for p.at < len(p.text) && p.text[p.at] >= '0' && p.text[p.at] <= '9' {
		p.at++
	}
	digits := string(p.text[from:p.at])
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != digits {
		return 0, fmt.Errorf("want a whole number that fits at byte %d", from+1)
	}
	return n, nil
}

// string reads a string.
func (p *rowParser) string() (string, error) {
	from := p.at
	if !p.skip('"') {
		return "", fmt.Errorf("want a string at byte %d", from+1)
	}
	plain := true
	for p.at < len(p.text) {
		switch c := p.text[p.at]; {
		case c == '"':
			p.at++
			return unquote(p.text[from:p.at], plain, from)
		case c == '\\':
			plain = false
			p.at++ // whatever it escapes does not end the string
		case c < ' ':
			return "", fmt.Errorf("a control character at byte %d", p.at+1)
		}
		p.at++
	}
	return "", fmt.Errorf("the string at byte %d does not end", from+1)
}

func unquote(quoted []byte, plain bool, at int) (string, error) {
	if !utf8.Valid(quoted) {
		return "", fmt.Errorf("the string at byte %d is not UTF-8", at+1)
	}
	if plain {
		return string(quoted[1 : len(quoted)-1]), nil
	}
	var s string
	if err := json.Unmarshal(quoted, &s); err != nil {
		return "", fmt.Errorf("the string at byte %d: %w", at+1, err)
	}
	return s, nil
}

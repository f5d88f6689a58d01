package store

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// mostRows is how many rows one INSERT carries. Numbers of rows are powers of
// two, so that the server knows few different statements.
const mostRows = 64

// shape is what a statement does, as far as its place among others matters.
type shape struct {
	// tables are those that the statement writes or looks at, the one it writes
	// first. Without any it may look at everything.
	tables []string
	// For an INSERT whose rows may be several: the text before them, how many
	// parameters a row has, its placeholders in order, and the text behind.
	before, after string
	row           []string
	// For rows that may change one which is there: where among the parameters
	// the columns of the conflict are. One INSERT cannot change a row twice.
	key []int
}

// tableNames finds the tables of a statement of this package.
var tableNames = regexp.MustCompile(`\b(?:INTO|UPDATE|FROM|JOIN) ([a-z_]+)`)

// shapeOf reads a statement of this package.
func shapeOf(text string) shape {
	var s shape
	for _, found := range tableNames.FindAllStringSubmatch(text, -1) {
		s.tables = append(s.tables, found[1])
	}
	rest, ok := strings.CutPrefix(text, "INSERT INTO ")
	at := strings.Index(text, "VALUES (")
	if !ok || at < 0 || strings.Contains(text, "SELECT") {
		return s
	}
	open := at + len("VALUES ")
	end := strings.IndexByte(text[open:], ')')
	if end < 0 {
		return s
	}
	row := strings.Split(text[open+1:open+end], ", ")
	after := text[open+end+1:]
	for _, value := range row {
		if _, err := strconv.Atoi(strings.TrimPrefix(value, "$")); err != nil || value[0] != '$' {
			return s
		}
	}
	if strings.Contains(after, "$") {
		return s
	}
	if strings.Contains(after, "DO UPDATE") {
		columns, _, _ := strings.Cut(rest[strings.IndexByte(rest, '(')+1:], ")")
		if s.key = conflict(strings.Split(columns, ", "), row, after); s.key == nil {
			return s
		}
	}
	s.before, s.row, s.after = text[:open], row, after
	return s
}

// conflict returns which parameters the columns of a conflict have, nil when that
// cannot be seen.
func conflict(columns, row []string, after string) []int {
	_, list, ok := strings.Cut(after, "ON CONFLICT (")
	if !ok {
		return nil
	}
	list, rest, _ := strings.Cut(list, ")")
	if !strings.HasPrefix(rest, " DO UPDATE") { // only some rows conflict
		return nil
	}
	var key []int
	for column := range strings.SplitSeq(list, ", ") {
		at := slices.Index(columns, column)
		if at < 0 || at >= len(row) {
			return nil
		}
		number, _ := strconv.Atoi(row[at][1:]) // shapeOf has looked
		key = append(key, number-1)
	}
	return key
}

// keyOf names the row that a statement may change.
func (s *shape) keyOf(args []any) string {
	var b strings.Builder
	for _, at := range s.key {
		fmt.Fprintf(&b, "%v\x00", args[at]) // no text of a database has a NUL
	}
	return b.String()
}

// several returns the statement that inserts n rows.
func (s *shape) several(n, params int) string {
	var b strings.Builder
	b.WriteString(s.before)
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteByte('(')
		for j, value := range s.row {
			if j > 0 {
				b.WriteString(", ")
			}
			number, _ := strconv.Atoi(value[1:]) // shapeOf has looked
			b.WriteByte('$')
			b.WriteString(strconv.Itoa(i*params + number))
		}
		b.WriteByte(')')
	}
	b.WriteString(s.after)
	return b.String()
}

// merger turns statements that insert one row each into fewer that insert
// several. It remembers the texts it has seen.
type merger struct {
	shapes map[string]*shape
	texts  map[severalRows]string
}

type severalRows struct {
	text string
	rows int
}

func (m *merger) shape(text string) *shape {
	s, ok := m.shapes[text]
	if !ok {
		read := shapeOf(text)
		s = &read
		if m.shapes == nil {
			m.shapes, m.texts = map[string]*shape{}, map[severalRows]string{}
		}
		m.shapes[text] = s
	}
	return s
}

// merge returns statements that do the same as list. Statements that have a table
// in common stay in their order; there are no triggers, so that others may change
// places. One whose result is wanted, or that names no table, stays where it is.
func (m *merger) merge(list []queued) []queued {
	merged := make([]group, 0, len(list))
	open := map[string]int{} // by table, the group that another row may join
	for _, q := range list {
		s := m.shape(q.text)
		switch {
		case q.alone || len(s.tables) == 0:
			clear(open)
			merged = append(merged, group{first: q})
			continue
		case s.row == nil:
			for _, table := range s.tables {
				delete(open, table)
			}
			merged = append(merged, group{first: q})
			continue
		}
		table := s.tables[0]
		var key string
		if s.key != nil {
			key = s.keyOf(q.args)
		}
		if i, ok := open[table]; ok && merged[i].first.text == q.text && !merged[i].keys[key] {
			merged[i].more = append(merged[i].more, q.args)
			if s.key != nil {
				merged[i].keys[key] = true
			}
			continue
		}
		open[table] = len(merged)
		g := group{first: q}
		if s.key != nil {
			g.keys = map[string]bool{key: true}
		}
		merged = append(merged, g)
	}
	out := make([]queued, 0, len(merged))
	for _, g := range merged {
		out = m.write(out, g)
	}
	return out
}

// group is a statement with the rows that joined it.
type group struct {
	first queued
	more  [][]any
	keys  map[string]bool // of rows that may change one which is there
}

// write appends the statements of a group.
func (m *merger) write(out []queued, g group) []queued {
	if len(g.more) == 0 {
		return append(out, g.first)
	}
	s := m.shape(g.first.text)
	rows := append([][]any{g.first.args}, g.more...)
	for len(rows) > 0 {
		n := 1
		for n*2 <= min(len(rows), mostRows) {
			n *= 2
		}
		if n == 1 {
			return append(out, queued{name: g.first.name, text: g.first.text, args: rows[0]})
		}
		params := len(g.first.args)
		key := severalRows{g.first.text, n}
		text, ok := m.texts[key]
		if !ok {
			text = s.several(n, params)
			m.texts[key] = text
		}
		args := make([]any, 0, n*params)
		for _, row := range rows[:n] {
			args = append(args, row...)
		}
		out = append(out, queued{name: g.first.name, text: text, args: args})
		rows = rows[n:]
	}
	return out
}

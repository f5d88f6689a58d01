package store

import (
	"slices"
	"strconv"
	"strings"
)

// mostBranches is how many values of a filter a list is read by at once.
const mostBranches = 64

// filter is one thing that a list is restricted by: a column with one of some
// values.
type filter struct {
	column string
	values []string
	// table, when not empty, holds the values: rows of it named t with a tag, the
	// order of the list and the number of the member. Column is t's then.
	table string
	// sender says that column is the sender of a message, who is looked for
	// among the owners first.
	sender bool
	// hashes says that the values are hashes of members: all that they select is
	// read and sorted.
	hashes bool
}

// listing reads a page of a list in its order. It reads the members through the
// index of one filter, which gives the order, value by value, and looks at the
// other filters row by row: a page costs a page, however many members the list
// has.
type listing struct {
	*where
	// table names the members and their alias, "messages m".
	table, alias string
	columns      string
	// time is the column that orders the list; then comes item_hash.
	time      string
	ascending bool
	after     *After
	filters   []filter // from what selects least to what selects most
	limit     int64    // 0 for all
	offset    int64
}

// statement returns the query. The conditions gathered in where hold for every
// member.
func (l *listing) statement() (string, []any) {
	driver := l.driver()
	if driver == nil {
		return l.simple(l.table, "", l.alias)
	}
	if driver.hashes || len(driver.values) > mostBranches {
		l.search(driver)
		return l.simple(l.table, "", l.alias)
	}
	branches := l.branches(driver)
	if len(branches) == 1 {
		return l.simple(branches[0].from, branches[0].cond, branches[0].order)
	}
	return l.union(branches, driver.table != "")
}

// driver returns the first filter that restricts, nil when none does. The others
// become conditions that are looked at row by row.
func (l *listing) driver() *filter {
	var first *filter
	for i := range l.filters {
		switch f := &l.filters[i]; {
		case len(f.values) == 0:
		case first == nil:
			first = f
		default:
			l.restrict(f)
		}
	}
	return first
}

// narrow makes conditions of all filters, the first of which is searched by.
func (l *listing) narrow() {
	if driver := l.driver(); driver != nil {
		l.search(driver)
	}
}

// restrict adds a filter that is looked at row by row.
func (l *listing) restrict(f *filter) {
	if f.hashes {
		l.search(f)
		return
	}
	if f.table != "" {
		l.raw("EXISTS (SELECT 1 FROM " + f.table + " t WHERE t.id = " + l.alias + ".id AND t.tag IN (" + list(l.where, f.values) + "))")
		return
	}
	in(l.where, f.column+" || ''", f.values) // no index has this
}

// search adds a filter whose index finds all that it selects.
func (l *listing) search(f *filter) {
	switch {
	case f.hashes:
		l.raw(l.alias + ".id IN (SELECT h.id FROM messages h WHERE h.item_hash IN (" + list(l.where, f.values) + "))")
	case f.table != "":
		l.raw(l.alias + ".id IN (SELECT t.id FROM " + f.table + " t WHERE t.tag IN (" + list(l.where, f.values) + "))")
	case f.sender:
		values := list(l.where, f.values)
		l.raw("(" + l.alias + ".owner IN (" + values + ") AND " + l.alias + ".sender = " + l.alias + ".owner OR " +
			f.column + " IN (" + values + ") AND " + f.column + " <> " + l.alias + ".owner)")
	default:
		in(l.where, f.column, f.values)
	}
}

// branch is the part of a list that one value selects.
type branch struct {
	from, cond string
	order      string // the alias that the order is read from
}

func (l *listing) branches(f *filter) []branch {
	list := make([]branch, 0, len(f.values))
	for _, value := range f.values {
		at := l.param(value)
		switch {
		case f.table != "":
			list = append(list, branch{
				from: f.table + " t CROSS JOIN " + l.table, cond: "t.tag = " + at + " AND " + l.alias + ".id = t.id", order: "t",
			})
		case f.sender:
			delegated := f.column + " <> " + l.alias + ".owner" // in the words of its index
			list = append(list,
				branch{l.table, l.alias + ".owner = " + at + " AND " + l.alias + ".sender = " + at, l.alias},
				branch{l.table, "CASE WHEN " + delegated + " THEN " + f.column + " END = " + at + " AND " + delegated, l.alias})
		default:
			list = append(list, branch{l.table, f.column + " = " + at, l.alias})
		}
	}
	return list
}

// simple reads the list from one place.
func (l *listing) simple(from, cond, order string) (string, []any) {
	text := "SELECT " + l.columns + " FROM " + from + l.conditions(cond, order) + l.order(order) + pageOf(l.limit, l.offset)
	return text, l.args
}

// union reads the first members of each branch and then the page from these. A
// member of several branches counts once.
func (l *listing) union(branches []branch, repeated bool) (string, []any) {
	var b strings.Builder
	b.WriteString("SELECT " + l.columns + " FROM (")
	for i, br := range branches {
		switch {
		case i > 0 && repeated:
			b.WriteString(" UNION ")
		case i > 0:
			b.WriteString(" UNION ALL ")
		}
		most := l.limit
		if most > 0 {
			most += l.offset
		}
		b.WriteString("SELECT * FROM (SELECT " + l.alias + ".id, " + br.order + "." + l.time + ", " + br.order + ".item_hash FROM " + br.from +
			l.conditions(br.cond, br.order) + l.order(br.order) + pageOf(most, 0) + ") AS b" + strconv.Itoa(i))
	}
	b.WriteString(") AS u JOIN " + l.table + " ON " + l.alias + ".id = u.id" + l.order("u") + pageOf(l.limit, l.offset))
	return b.String(), l.args
}

// conditions returns the WHERE clause of a branch.
func (l *listing) conditions(cond, order string) string {
	conds := l.conds
	if cond != "" {
		conds = append([]string{cond}, conds...)
	}
	if l.after != nil {
		conds = append(slices.Clip(conds), l.beyond(order+"."+l.time, order+".item_hash", l.ascending, *l.after))
	}
	if len(conds) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(conds, " AND ")
}

func (l *listing) order(alias string) string {
	if l.ascending {
		return " ORDER BY " + alias + "." + l.time + ", " + alias + ".item_hash"
	}
	return " ORDER BY " + alias + "." + l.time + " DESC, " + alias + ".item_hash"
}

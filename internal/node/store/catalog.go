package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
)

// kind is a type of a column that every engine has. Migrations use no other.
type kind string

// The kinds of a column.
const (
	kindText kind = "text"
	kindInt  kind = "int"
	kindBool kind = "bool"
)

// table is a table of the state as the engine describes it, so that a table that
// a migration adds is exported, imported and counted without being named.
type table struct {
	name    string
	columns []tableColumn
	key     []string // columns of the primary key, in its order
}

// tableColumn is a column of a table.
type tableColumn struct {
	name     string
	kind     kind
	null     bool // NULL is allowed
	identity bool // the engine numbers new rows
}

// own reports whether a table is bookkeeping of this program on this machine
// and no part of what a node knows.
func own(name string) bool {
	return name == schemaTable || name == "node_check" || strings.HasPrefix(name, "sqlite_")
}

// schemaTable is where the migrations that were run are noted.
const schemaTable = "goose_db_version"

// catalogRow is one column as an engine's catalogue lists it.
type catalogRow struct {
	table, column, typ string
	key                int64 // position in the primary key, from 1; 0 when outside
	required, identity bool
}

func scanCatalog(row scanner) (c catalogRow, err error) {
	return c, row.Scan(&c.table, &c.column, &c.typ, &c.key, &c.required, &c.identity)
}

// tables lists the tables of the state and their columns, by name.
func tables(ctx context.Context, e engine, q querier) ([]table, error) {
	rows, err := q.query(ctx, "", e.catalog())
	columns, err := all(rows, err, scanCatalog)
	if err != nil {
		return nil, fmt.Errorf("list the tables: %w", err)
	}
	var list []table
	keys := map[string][]catalogRow{}
	for _, c := range columns {
		if own(c.table) {
			continue
		}
		k, err := kindOf(c.typ)
		if err != nil {
			return nil, fmt.Errorf("column %s of table %s: %w", c.column, c.table, err)
		}
		if len(list) == 0 || list[len(list)-1].name != c.table {
			list = append(list, table{name: c.table})
		}
		t := &list[len(list)-1]
		t.columns = append(t.columns, tableColumn{c.column, k, !c.required && c.key == 0, c.identity})
		if c.key > 0 {
			keys[c.table] = append(keys[c.table], c)
		}
	}
	for i := range list {
		t := &list[i]
		key := keys[t.name]
		if len(key) == 0 {
			return nil, fmt.Errorf("table %s has no primary key: its rows have no order", t.name)
		}
		slices.SortFunc(key, func(a, b catalogRow) int { return cmp.Compare(a.key, b.key) })
		for _, c := range key {
			t.key = append(t.key, c.column)
		}
	}
	slices.SortFunc(list, func(a, b table) int { return cmp.Compare(a.name, b.name) })
	return list, nil
}

// kindOf returns the kind of a column by the name that an engine has for it.
func kindOf(typ string) (kind, error) {
	switch strings.ToLower(typ) {
	case "text":
		return kindText, nil
	case "bigint", "integer":
		return kindInt, nil
	case "boolean":
		return kindBool, nil
	}
	return "", fmt.Errorf("the type %s is not one that every engine has: use TEXT, BIGINT or BOOLEAN", typ)
}

// columnList returns the names of the columns, as a statement lists them.
func (t *table) columnList() string {
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = c.name
	}
	return strings.Join(names, ", ")
}

// rowsQuery returns all rows in the order of the primary key, which is the same
// in every engine.
func (t *table) rowsQuery() string {
	return "SELECT " + t.columnList() + " FROM " + t.name + " ORDER BY " + strings.Join(t.key, ", ")
}

// countQuery returns how many rows there are.
func (t *table) countQuery() string { return "SELECT COUNT(*) FROM " + t.name }

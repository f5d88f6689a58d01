package store

import (
	"context"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// lookup is a query among several that are asked together.
type lookup struct {
	name, text string
	args       []any
	row        func(scanner) error // takes one row of the answer
}

// ask answers lookups, in their order. A transaction lets them travel together.
func ask(ctx context.Context, q querier, list []lookup) error {
	if tx, ok := q.(*Tx); ok {
		return tx.ask(list)
	}
	for _, l := range list {
		rows, err := q.query(ctx, l.name, l.text, l.args...)
		if err := l.take(rows, err); err != nil {
			return err
		}
	}
	return nil
}

// take reads the answer.
func (l *lookup) take(rows rows, err error) error {
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := l.row(rows); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return rows.Close()
}

// largestIn is how many values one IN list takes. Lists are padded to a power
// of two by repeating the last value, so that few different statements exist.
const largestIn = 256

// each returns lookups of the rows that a query with an IN list between before and
// after finds for the values: as many as the list needs. The parameters of the list
// come behind the others. Lookups of one name and size share their text.
func each[K ~string | ~int64, V any](
	name, before string, values []K, after string, scan func(scanner) (V, error), use func(V), others ...any,
) []lookup {
	var list []lookup
	for part := range slices.Chunk(values, largestIn) {
		size := 1
		for size < len(part) {
			size *= 2
		}
		list = append(list, lookup{
			name: name + "/" + strconv.Itoa(size), text: before + placeholders(len(others), size) + after, args: padded(others, part, size),
			row: func(row scanner) error {
				v, err := scan(row)
				if err == nil {
					use(v)
				}
				return err
			},
		})
	}
	return list
}

// among returns the rows that a query with an IN list finds; see [each].
func among[K ~string | ~int64, V any](
	ctx context.Context, q querier, name, before string, values []K, after string, scan func(scanner) (V, error), others ...any,
) ([]V, error) {
	var found []V
	err := ask(ctx, q, each(name, before, values, after, scan, func(v V) { found = append(found, v) }, others...))
	return found, err
}

// placeholders returns those of n parameters behind others.
func placeholders(others, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(others + i + 1))
	}
	return b.String()
}

// padded returns the values as n arguments behind others.
func padded[K ~string | ~int64](others []any, values []K, n int) []any {
	args := append(make([]any, 0, len(others)+n), others...)
	for i := range n {
		args = append(args, plain(values[min(i, len(values)-1)]))
	}
	return args
}

// plain returns a value without the type that this program gives it.
func plain[K ~string | ~int64](v K) any {
	switch v := reflect.ValueOf(v); v.Kind() {
	case reflect.String:
		return v.String()
	default:
		return v.Int()
	}
}

package store

import (
	"context"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// largestIn is how many values one IN list takes. Lists are padded to a power
// of two by repeating the last value, so that few different statements exist.
const largestIn = 256

// among returns the rows that a query with an IN list between before and after finds
// for the values, in as many queries as the list needs. The parameters of the list
// come behind the others. Statements of one name and size share their text.
func among[K ~string | ~int64, V any](
	ctx context.Context, q querier, name, before string, values []K, after string, scan func(scanner) (V, error), others ...any,
) ([]V, error) {
	var found []V
	for part := range slices.Chunk(values, largestIn) {
		size := 1
		for size < len(part) {
			size *= 2
		}
		rows, err := q.query(ctx, name+"/"+strconv.Itoa(size), before+placeholders(len(others), size)+after, padded(others, part, size)...)
		list, err := all(rows, err, scan)
		if err != nil {
			return nil, err
		}
		if found == nil {
			found = list
			continue
		}
		found = append(found, list...)
	}
	return found, nil
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

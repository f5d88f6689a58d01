package store

import (
	"iter"
	"slices"
	"strconv"
	"strings"
)

// largestIn is how many values one IN list takes. Lists are padded to a power
// of two by repeating the last value, so that few different statements exist.
const largestIn = 256

// chunks cuts values into parts that fit one IN list.
func chunks[T any](values []T) iter.Seq[[]T] { return slices.Chunk(values, largestIn) }

// inQuery returns a statement with an IN list for values, its name and its
// arguments. Statements of one name and size share their text.
func inQuery[T ~string](name, before string, values []T, after string) (string, string, []any) {
	size := 1
	for size < len(values) {
		size *= 2
	}
	args := make([]any, size)
	var b strings.Builder
	b.WriteString(before)
	for i := range size {
		args[i] = string(values[min(i, len(values)-1)])
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(i + 1))
	}
	b.WriteString(after)
	return name + "/" + strconv.Itoa(size), b.String(), args
}

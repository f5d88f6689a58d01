package store

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMergeKeepsOrder(t *testing.T) {
	t.Parallel()
	const (
		insertA = `INSERT INTO a (x, y) VALUES ($1, $2)`
		insertB = `INSERT INTO b (x) VALUES ($1) ON CONFLICT DO NOTHING`
		upsertC = `INSERT INTO c (x) VALUES ($1) ON CONFLICT (x) DO UPDATE SET n = 1`
		upsertD = `INSERT INTO d (n, x, y) VALUES ($2, $1, $2) ON CONFLICT (x) DO UPDATE SET n = d.n + excluded.n`
		partly  = `INSERT INTO e (x) VALUES ($1) ON CONFLICT (x) WHERE x > 0 DO UPDATE SET n = 1`
		twice   = `INSERT INTO a (x, y) VALUES ($1, $1)`
		update  = `UPDATE a SET x = $1`
		remove  = `DELETE FROM a WHERE x = (SELECT x FROM b WHERE y = $1)`
		derived = `INSERT INTO b SELECT x FROM a WHERE x = $1`
	)
	list := func(texts ...string) []queued {
		var list []queued
		for i, text := range texts {
			q := queued{name: "s", text: text, args: []any{i}}
			if text == insertA {
				q.args = []any{i, -i}
			}
			list = append(list, q)
		}
		return list
	}
	for name, c := range map[string]struct {
		in   []queued
		want []string
	}{
		"rows of two tables": {
			list(insertA, insertB, insertA, upsertC, insertB),
			[]string{
				"INSERT INTO a (x, y) VALUES ($1, $2), ($3, $4) [0 0 2 -2]",
				"INSERT INTO b (x) VALUES ($1), ($2) ON CONFLICT DO NOTHING [1 4]",
				upsertC + " [3]",
			},
		},
		"powers of two": {
			list(insertB, insertB, insertB),
			[]string{"INSERT INTO b (x) VALUES ($1), ($2) ON CONFLICT DO NOTHING [0 1]", insertB + " [2]"},
		},
		"an update stays between": {list(insertA, update, insertA), []string{insertA + " [0 0]", update + " [1]", insertA + " [2 -2]"}},
		"no longer than it must": {
			list(insertA, insertB, update, insertA, insertB),
			[]string{
				insertA + " [0 0]", "INSERT INTO b (x) VALUES ($1), ($2) ON CONFLICT DO NOTHING [1 4]", update + " [2]", insertA + " [3 -3]",
			},
		},
		"a table that is only read counts": {
			list(insertA, insertB, remove, insertA, insertB),
			[]string{
				insertA + " [0 0]", insertB + " [1]", remove + " [2]", insertA + " [3 -3]", insertB + " [4]",
			},
		},
		"without a table it is a border": {list(insertA, "COMMIT", insertA), []string{insertA + " [0 0]", "COMMIT [1]", insertA + " [2 -2]"}},
		"so does what reads":             {list(insertB, derived, insertB), []string{insertB + " [0]", derived + " [1]", insertB + " [2]"}},
		"one parameter twice": {
			list(twice, twice), []string{"INSERT INTO a (x, y) VALUES ($1, $1), ($2, $2) [0 1]"},
		},
		"rows that may change others": {
			list(upsertC, upsertC),
			[]string{"INSERT INTO c (x) VALUES ($1), ($2) ON CONFLICT (x) DO UPDATE SET n = 1 [0 1]"},
		},
		"no row twice in one": {
			[]queued{
				{text: upsertD, args: []any{1, 5}},
				{text: upsertD, args: []any{2, 6}},
				{text: upsertD, args: []any{1, 7}},
				{text: upsertD, args: []any{2, 8}},
				{text: upsertD, args: []any{2, 9}},
			},
			[]string{
				"INSERT INTO d (n, x, y) VALUES ($2, $1, $2), ($4, $3, $4) ON CONFLICT (x) DO UPDATE SET n = d.n + excluded.n [1 5 2 6]",
				"INSERT INTO d (n, x, y) VALUES ($2, $1, $2), ($4, $3, $4) ON CONFLICT (x) DO UPDATE SET n = d.n + excluded.n [1 7 2 8]",
				upsertD + " [2 9]",
			},
		},
		"only some rows conflict":   {list(partly, partly), []string{partly + " [0]", partly + " [1]"}},
		"another text of the table": {list(insertA, twice, insertA), []string{insertA + " [0 0]", twice + " [1]", insertA + " [2 -2]"}},
		"one whose result is wanted": {
			append(list(insertB), queued{name: "s", text: insertB, args: []any{1}, alone: true}),
			[]string{insertB + " [0]", insertB + " [1]"},
		},
	} {
		var m merger
		for range 2 { // the second time from memory
			var got []string
			for _, q := range m.merge(c.in) {
				got = append(got, fmt.Sprint(q.text, " ", q.args))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	}
	var m merger
	rows := m.merge(list(insertB))
	for range 150 {
		rows = append(rows, queued{text: insertB, args: []any{1}})
	}
	var sizes []int
	for _, q := range m.merge(rows) {
		sizes = append(sizes, len(q.args))
	}
	if diff := cmp.Diff([]int{64, 64, 16, 4, 2, 1}, sizes); diff != "" {
		t.Errorf("151 rows (-want +got):\n%s", diff)
	}
}

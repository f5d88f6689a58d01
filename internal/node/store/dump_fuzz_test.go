package store

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"testing"
)

// FuzzExportLine reads a line as an import does. What it takes must be JSON that
// says the same, and must be written again as it was.
func FuzzExportLine(f *testing.F) {
	list := []table{{name: "t", key: []string{"k"}, columns: []tableColumn{
		{name: "k", kind: kindText}, {name: "n", kind: kindInt, null: true}, {name: "b", kind: kindBool, null: true}, {name: "x", kind: kindText, null: true},
	}}}
	for _, seed := range []string{
		`{"table":"t","row":{"k":"a"}}`, `{"table":"t","row":{"k":"","n":-5,"b":true,"x":"\u0000\n\"\\é"}}`,
		`{"table":"t","row":{"k":"a","n":1.5}}`, `{"table":"t","row":{"k":"\ud800","n":0}}`, `{"table":"u","row":{}}`, `{"end":{}}`, ``,
		`{"table":"t","row":{"k":"a","k":"b"}}`, `{"table":"t","row":{"k":"a",}}`, `{"table":"t","row":{"k":"\`, `{"table":"t","row":{"k":"a"}} `,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		d := newDumpReader(bytes.NewReader(nil))
		d.expect(list)
		table, values, err := d.parseRow(line)
		if err != nil {
			return
		}
		var theirs struct {
			Table string
			Row   map[string]any
		}
		decoder := json.NewDecoder(bytes.NewReader(line))
		decoder.UseNumber()
		if err := decoder.Decode(&theirs); err != nil || theirs.Table != table.name {
			t.Fatalf("taken, and it is no JSON: %v", err)
		}
		written, err := appendRow(nil, table, values)
		if err != nil {
			t.Fatalf("taken, and it cannot be written: %v", err)
		}
		again, same, err := d.parseRow(bytes.TrimSuffix(written, []byte("\n")))
		if err != nil || again != table || !slices.Equal(values, same) {
			t.Fatalf("read %v, written and read again %v: %v", values, same, err)
		}
		ours := map[string]any{}
		for i, c := range table.columns {
			switch v := values[i].(type) {
			case nil:
			case int64:
				ours[c.name] = json.Number(strconv.FormatInt(v, 10))
			default:
				ours[c.name] = v
			}
		}
		if !maps.Equal(ours, theirs.Row) {
			t.Fatalf("read %v, JSON says %v", ours, theirs.Row)
		}
	})
}

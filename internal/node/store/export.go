package store

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"strings"
)

// Totals says what was exported or imported.
type Totals struct {
	// Schema is the version of the schema of the rows.
	Schema int64            `json:"schema"`
	Rows   int64            `json:"rows"`
	Tables map[string]int64 `json:"tables"`
}

// Report is told now and then how many rows are done, of how many.
type Report func(done, total int64)

// Export writes everything that the database holds as text, one row on a line,
// with memory for one row. It is of one moment, also beside a node that writes.
// report may be nil.
func (db *DB) Export(ctx context.Context, w io.Writer, report Report) (*Totals, error) {
	var totals *Totals
	err := db.Snapshot(ctx, func(r Reader) (err error) {
		totals, err = r.export(ctx, db.engine, w, report)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("export %s: %w", db, err)
	}
	return totals, nil
}

// exportBuffer is how much text is gathered before it is written, in bytes.
const exportBuffer = 256 << 10

func (r Reader) export(ctx context.Context, e engine, w io.Writer, report Report) (*Totals, error) {
	schema, err := r.schemaVersion(ctx)
	if err != nil {
		return nil, err
	}
	list, err := tables(ctx, e, r.q)
	if err != nil {
		return nil, err
	}
	x := exporter{w: bufio.NewWriterSize(w, exportBuffer), sum: sha256.New(), report: report}
	if report != nil {
		for i := range list {
			n, err := r.countRows(ctx, &list[i])
			if err != nil {
				return nil, err
			}
			x.expected += n
		}
	}
	x.totals = Totals{Schema: schema, Tables: make(map[string]int64, len(list))}
	header, err := appendLine(nil, newDumpHeader(schema, list))
	if err != nil {
		return nil, err
	}
	if err := x.write(header); err != nil {
		return nil, err
	}
	for i := range list {
		if err := x.table(ctx, r, &list[i]); err != nil {
			return nil, fmt.Errorf("table %s: %w", list[i].name, err)
		}
	}
	end := dumpEnd{dumpTotals{Rows: x.totals.Rows, Tables: x.totals.Tables, SHA256: hex.EncodeToString(x.sum.Sum(nil))}}
	last, err := appendLine(nil, end)
	if err != nil {
		return nil, err
	}
	if err := x.write(last); err != nil {
		return nil, err
	}
	return &x.totals, x.w.Flush()
}

// countRows returns how many rows a table has.
func (r Reader) countRows(ctx context.Context, t *table) (int64, error) {
	rows, err := r.q.query(ctx, "", t.countQuery())
	return one(rows, err, column[int64])
}

const sqlSchemaVersion = `SELECT MAX(version_id) FROM goose_db_version`

// schemaVersion returns the version of the schema.
func (r Reader) schemaVersion(ctx context.Context) (int64, error) {
	rows, err := r.q.query(ctx, "", sqlSchemaVersion)
	return one(rows, err, column[int64])
}

// exporter writes the text form.
type exporter struct {
	w        *bufio.Writer
	sum      hash.Hash
	totals   Totals
	expected int64
	report   Report
	line     []byte
}

// reportEvery is the number of rows between two reports.
const reportEvery = 1000

func (x *exporter) write(line []byte) error {
	x.sum.Write(line)
	_, err := x.w.Write(line)
	return err
}

func (x *exporter) table(ctx context.Context, r Reader, t *table) error {
	rows, err := r.q.query(ctx, "", t.rowsQuery())
	if err != nil {
		return err
	}
	defer rows.Close()
	x.totals.Tables[t.name] = 0
	values := make([]any, len(t.columns))
	into := make([]any, len(t.columns))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		if x.line, err = appendRow(x.line[:0], t, values); err != nil {
			return fmt.Errorf("row %s: %w", nameOfRow(t, values), err)
		}
		if len(x.line) > maxDumpLine {
			return fmt.Errorf("row %s: its text has %d bytes, more than an import reads", nameOfRow(t, values), len(x.line))
		}
		if err := x.write(x.line); err != nil {
			return err
		}
		x.totals.Tables[t.name]++
		x.totals.Rows++
		if x.report != nil && x.totals.Rows%reportEvery == 0 {
			x.report(x.totals.Rows, x.expected)
		}
	}
	return rows.Err()
}

// nameOfRow returns the primary key of a row, for people.
func nameOfRow(t *table, values []any) string {
	var name strings.Builder
	for _, key := range t.key {
		for i, c := range t.columns {
			if c.name == key {
				fmt.Fprintf(&name, "%s=%q ", key, fmt.Sprint(values[i]))
			}
		}
	}
	return name.String()[:max(len(name.String())-1, 0)]
}

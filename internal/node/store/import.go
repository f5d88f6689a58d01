package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"

	"aleph/message"
)

// ErrNotEmpty marks a database that holds something where an empty one is asked
// for.
var ErrNotEmpty = fmt.Errorf("%w: the database is not empty", message.ErrConflict)

// ErrUnfinished marks a database into which an import began that did not end.
var ErrUnfinished = fmt.Errorf("%w: an import into this database has not finished", message.ErrConflict)

// ErrNoExport marks text that is not an export, or no longer the one that was
// written.
var ErrNoExport = fmt.Errorf("%w: the export cannot be used", message.ErrInvalid)

// unfinished is the version that the schema has while an import runs. No program
// opens such a database.
const unfinished = 999_999_999

// The bounds of a transaction of an import.
const (
	importRows  = 2000
	importBytes = 4 << 20
)

// Import reads what [DB.Export] wrote into an empty database, which it creates
// and migrates to the schema of the export; the next one that opens it brings it
// forward. It commits in parts. Until the last one the database cannot be opened
// and a new import into it begins by taking the rows of the old one out.
func Import(ctx context.Context, cfg Config, r io.Reader, log *slog.Logger, report Report) (*Totals, error) {
	d := newDumpReader(r)
	header, err := d.header()
	if err != nil {
		return nil, refused(err)
	}
	if header.Schema < 1 || header.Schema >= unfinished {
		return nil, refused(d.wrong(fmt.Errorf("there is no schema %d", header.Schema)))
	}
	db, list, err := openForImport(ctx, cfg, header, log)
	if err != nil {
		return nil, err
	}
	d.expect(list)
	i := importer{db: db, d: d, report: report}
	if err := errors.Join(i.run(ctx, header.Schema), db.Close()); err != nil {
		return nil, fmt.Errorf("import into %s: %w", db, err)
	}
	return &Totals{Schema: header.Schema, Rows: d.totals.Rows, Tables: d.totals.Tables}, nil
}

// refused marks an error of a line as one of what was given.
func refused(err error) error {
	if _, ok := errors.AsType[*LineError](err); ok {
		return fmt.Errorf("%w: %w", ErrNoExport, err)
	}
	return err
}

// importer writes rows in batches.
type importer struct {
	db     *DB
	d      *dumpReader
	report Report

	batch []importRow
	bytes int
}

// importRow is a row that was read.
type importRow struct {
	table  *table
	values []any
	line   int64
}

func (i *importer) run(ctx context.Context, schema int64) error {
	for {
		t, values, size, err := i.d.row()
		if err != nil {
			return refused(err)
		}
		if t == nil {
			break
		}
		i.batch = append(i.batch, importRow{t, values, i.d.line})
		if i.bytes += size; len(i.batch) < importRows && i.bytes < importBytes {
			continue
		}
		if err := i.flush(ctx); err != nil {
			return err
		}
	}
	if err := i.flush(ctx); err != nil {
		return err
	}
	return i.finish(ctx, schema)
}

// flush commits the batch. When it fails it is tried row by row, to find the one
// that does not fit.
func (i *importer) flush(ctx context.Context) error {
	err := i.db.Update(ctx, func(tx *Tx) error {
		for _, row := range i.batch {
			if err := tx.exec(row.table.insert(), row.table.insert(), row.values...); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil && !Temporary(err) {
		if found := i.find(ctx); found != nil {
			return found
		}
	}
	if err != nil {
		return err
	}
	if i.report != nil {
		i.report(i.d.totals.Rows, 0)
	}
	clear(i.batch)
	i.batch, i.bytes = i.batch[:0], 0
	return nil
}

// find returns the error of the first row of the batch that cannot be written.
func (i *importer) find(ctx context.Context) error {
	return i.db.Update(ctx, func(tx *Tx) error {
		for _, row := range i.batch {
			if _, err := tx.changed(row.table.insert(), row.table.insert(), row.values...); err != nil {
				if Temporary(err) {
					return err
				}
				return refused(&LineError{row.line, err})
			}
		}
		return errors.New("the rows can be written one by one")
	})
}

const sqlImported = `DELETE FROM goose_db_version WHERE version_id = $1`

// finish lets the database be opened.
func (i *importer) finish(ctx context.Context, schema int64) error {
	return i.db.Update(ctx, func(tx *Tx) error {
		for _, t := range i.d.tables {
			for _, c := range t.table.columns {
				reset := i.db.engine.identityReset(t.table.name, c.name)
				if !c.identity || reset == "" {
					continue
				}
				rows, err := tx.query(ctx, "", reset)
				if _, err := one(rows, err, column[int64]); err != nil {
					return err
				}
			}
		}
		if err := tx.exec("import.done", sqlImported, int64(unfinished)); err != nil {
			return err
		}
		rows, err := tx.query(ctx, "", sqlSchemaVersion)
		if have, err := one(rows, err, column[int64]); err != nil || have != schema {
			return fmt.Errorf("the schema has version %d at the end, want %d: %w", have, schema, err)
		}
		return nil
	})
}

// insert is the statement that writes a row of a table.
func (t *table) insert() string {
	var b strings.Builder
	b.WriteString("INSERT INTO " + t.name + " (" + t.columnList() + ") VALUES (")
	for i := range t.columns {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("$" + strconv.Itoa(i+1))
	}
	b.WriteString(")")
	return b.String()
}

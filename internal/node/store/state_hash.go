package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"slices"
	"strconv"
	"strings"
)

// StateVersion is the version of the definition of the state hash, and begins
// its text: hashes of different versions say nothing about each other.
const StateVersion = 1

// StateDigest is the digest of everything that messages have made of the state,
// and of nothing else: docs/state-hash.md defines it.
type StateDigest struct {
	// Hash is "v1:" and 64 hexadecimal digits.
	Hash string `json:"state_hash"`
	// Tables say where two states differ.
	Tables []TableDigest `json:"tables"`
}

// TableDigest is the digest of one table of the definition.
type TableDigest struct {
	Name   string `json:"name"`
	Rows   int64  `json:"rows"`
	Digest string `json:"digest"`
}

// StateHash reads the whole state in one pass over each table, with memory for
// one row. Two databases that hold the effects of the same messages have the
// same hash, whatever engine they are in. Inside a transaction all tables are of
// one moment; on a database that is written meanwhile they may not be.
func (r Reader) StateHash(ctx context.Context) (*StateDigest, error) {
	digest := &StateDigest{}
	whole := sha256.New()
	fmt.Fprintf(whole, "aleph state %d\n", StateVersion)
	for i := range stateTables {
		table, err := r.digestTable(ctx, &stateTables[i])
		if err != nil {
			return nil, fmt.Errorf("hash of the state, table %s: %w", stateTables[i].name, err)
		}
		fmt.Fprintf(whole, "%s %d %s\n", table.Name, table.Rows, table.Digest)
		digest.Tables = append(digest.Tables, table)
	}
	digest.Hash = fmt.Sprintf("v%d:%s", StateVersion, hex.EncodeToString(whole.Sum(nil)))
	return digest, nil
}

// digestTable hashes the rows of one table in their canonical order.
func (r Reader) digestTable(ctx context.Context, t *stateTable) (TableDigest, error) {
	d := TableDigest{Name: t.name}
	columns := t.parse()
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.name
	}
	text := "SELECT " + strings.Join(names, ", ") + " FROM " + t.from() + " ORDER BY " + t.order
	rows, err := r.q.query(ctx, "", text)
	if err != nil {
		return d, err
	}
	defer rows.Close()
	row := newStateRow(columns)
	for rows.Next() {
		if err := rows.Scan(row.into...); err != nil {
			return d, err
		}
		if err := row.write(); err != nil {
			return d, err
		}
		d.Rows++
	}
	d.Digest = hex.EncodeToString(row.sum.Sum(nil))
	return d, rows.Err()
}

// stateColumn is one value of a row.
type stateColumn struct {
	name string
	kind string // text, int, bool or set
}

// stateRow turns rows into the bytes that are hashed.
type stateRow struct {
	columns []stateColumn
	texts   []stateText
	ints    []sql.NullInt64
	bools   []sql.NullBool
	into    []any // the place of each column in one of the three

	sum    hash.Hash
	buffer []byte
}

func newStateRow(columns []stateColumn) *stateRow {
	n := len(columns)
	r := &stateRow{
		columns: columns, texts: make([]stateText, n), ints: make([]sql.NullInt64, n), bools: make([]sql.NullBool, n),
		into: make([]any, n), sum: sha256.New(),
	}
	for i, c := range columns {
		switch c.kind {
		case "int":
			r.into[i] = &r.ints[i]
		case "bool":
			r.into[i] = &r.bools[i]
		default:
			r.into[i] = &r.texts[i]
		}
	}
	return r
}

// write hashes the row that was scanned: each value as its kind, its length
// where it has one and itself, then a line feed.
func (r *stateRow) write() error {
	b := r.buffer[:0]
	for i, c := range r.columns {
		switch c.kind {
		case "int":
			b = appendStateInt(b, r.ints[i])
		case "bool":
			b = appendStateBool(b, r.bools[i])
		case "set":
			var list []string
			if err := json.Unmarshal(r.texts[i].bytes, &list); err != nil {
				return fmt.Errorf("column %s is no list of texts: %w", c.name, err)
			}
			slices.Sort(list)
			b = append(strconv.AppendInt(append(b, 'l'), int64(len(list)), 10), ':')
			for _, s := range list {
				b = appendStateText(b, []byte(s))
			}
		default:
			if r.texts[i].null {
				b = append(b, 'n')
			} else {
				b = appendStateText(b, r.texts[i].bytes)
			}
		}
	}
	b = append(b, '\n')
	r.buffer = b
	_, err := r.sum.Write(b)
	return err
}

func appendStateText(b, text []byte) []byte {
	b = append(strconv.AppendInt(append(b, 's'), int64(len(text)), 10), ':')
	return append(b, text...)
}

func appendStateInt(b []byte, v sql.NullInt64) []byte {
	if !v.Valid {
		return append(b, 'n')
	}
	return append(strconv.AppendInt(append(b, 'i'), v.Int64, 10), ';')
}

func appendStateBool(b []byte, v sql.NullBool) []byte {
	switch {
	case !v.Valid:
		return append(b, 'n')
	case v.Bool:
		return append(b, 't')
	}
	return append(b, 'f')
}

// stateText is a text that is scanned into the same memory again and again.
type stateText struct {
	bytes []byte
	null  bool
}

// Scan implements [sql.Scanner].
func (t *stateText) Scan(v any) error {
	t.bytes, t.null = t.bytes[:0], v == nil
	switch v := v.(type) {
	case nil:
	case string:
		t.bytes = append(t.bytes, v...)
	case []byte:
		t.bytes = append(t.bytes, v...)
	default:
		return errNotText(v)
	}
	return nil
}

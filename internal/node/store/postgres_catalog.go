package store

import "context"

// catalog lists the columns of all tables of the schema that the connection
// works in.
func (e *postgres) catalog() string {
	return `SELECT c.relname::text, a.attname::text, format_type(a.atttypid, NULL),
COALESCE(array_position(string_to_array(i.indkey::text, ' ')::int[], a.attnum::int), 0)::bigint, a.attnotnull, a.attidentity <> ''
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace ORDER BY c.relname COLLATE "C", a.attnum`
}

// identityReset makes the numbers of new rows go on after the largest.
func (e *postgres) identityReset(table, column string) string {
	return `SELECT setval(pg_get_serial_sequence('` + table + `', '` + column + `'), (SELECT COALESCE(MAX(` + column + `), 0) + 1 FROM ` + table + `), FALSE)`
}

func (e *postgres) kind() string { return "PostgreSQL" }

// integrity finds indexes that a failed command has left behind unfinished,
// texts that are not compared by their bytes, and pages whose checksum was wrong.
// What is on the pages is for the server's own tools, such as pg_amcheck.
func (e *postgres) integrity() string {
	return `SELECT 'index ' || c.relname || ' is not usable: REINDEX INDEX ' || c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE c.relnamespace = current_schema()::regnamespace AND NOT (i.indisvalid AND i.indisready AND i.indislive)
UNION ALL SELECT 'column ' || a.attname || ' of table ' || c.relname || ' is not compared by its bytes' FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid JOIN pg_collation l ON l.oid = a.attcollation
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped AND l.collname NOT IN ('C', 'POSIX')
UNION ALL SELECT checksum_failures || ' pages had a wrong checksum' FROM pg_stat_database
WHERE datname = current_database() AND checksum_failures > 0`
}

const pgSizes = `SELECT t.relname::text, c.relname::text, c.relkind = 'i', CASE WHEN c.relkind = 'i' THEN pg_relation_size(c.oid) ELSE pg_table_size(c.oid) END
FROM pg_class c LEFT JOIN pg_index i ON i.indexrelid = c.oid JOIN pg_class t ON t.oid = COALESCE(i.indrelid, c.oid)
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'i') ORDER BY c.relname`

func (e *postgres) sizes(ctx context.Context) (list []objectSize, bytes int64, err error) {
	db, err := e.open(true)
	if err != nil {
		return nil, 0, err
	}
	defer db.Close()
	if err := db.QueryRowContext(ctx, `SELECT pg_database_size(current_database())`).Scan(&bytes); err != nil {
		return nil, 0, e.wrap("connect", err)
	}
	found, err := db.QueryContext(ctx, pgSizes)
	if err != nil {
		return nil, 0, e.wrap("sizes", err)
	}
	list, err = all[objectSize](sqlRows{found, "sizes", e.wrap}, nil, func(row scanner) (s objectSize, err error) {
		return s, row.Scan(&s.table, &s.name, &s.index, &s.bytes)
	})
	return list, bytes, err
}

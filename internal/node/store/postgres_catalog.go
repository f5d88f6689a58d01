package store

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

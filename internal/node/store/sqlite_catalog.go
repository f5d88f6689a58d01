package store

// catalog lists the columns of all tables.
func (e *sqlite) catalog() string {
	return `SELECT m.name, c.name, c.type, c.pk, c."notnull", c.pk > 0 AND c.type = 'INTEGER'
FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' ORDER BY m.name, c.cid`
}

// identityReset is empty: the next number is one more than the largest.
func (e *sqlite) identityReset(string, string) string { return "" }

func (e *sqlite) kind() string { return Engine }

// integrity answers ok, or what is wrong.
func (e *sqlite) integrity() string { return `PRAGMA integrity_check(20)` }

package store

import "context"

// sized is an engine that can say how much space the database takes.
type sized interface {
	// name is that of the engine.
	name() string
	// size is a query for the bytes of the database.
	size() string
}

func (*sqlite) name() string { return "sqlite" }

// size counts the pages that are still in the log too.
func (*sqlite) size() string {
	return `SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()`
}

func (*postgres) name() string { return "postgresql" }

func (*postgres) size() string { return `SELECT pg_database_size(current_database())` }

// Engine names the engine: sqlite or postgresql.
func (db *DB) Engine() string { return db.engine.(sized).name() }

// Size returns the bytes that the database takes, indexes included.
func (db *DB) Size(ctx context.Context) (int64, error) {
	rows, err := db.q.query(ctx, "", db.engine.(sized).size())
	return one(rows, err, column[int64])
}

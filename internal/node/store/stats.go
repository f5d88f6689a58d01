package store

import (
	"context"
	"fmt"

	"aleph/message"
)

// Stats says what a database holds and how large it is.
type Stats struct {
	Database string `json:"database"`
	Engine   string `json:"engine"`
	Schema   int64  `json:"schema"`
	// Bytes is what the database takes on the disk, with its log.
	Bytes  int64        `json:"bytes"`
	Tables []TableStats `json:"tables"`
	// Messages are the live ones, by status, type and chain.
	Messages MessageStats `json:"messages"`
	// Letters are the messages that wait or are rejected, by the reason.
	Letters []LetterStats `json:"letters"`
	Files   FileStats     `json:"files"`
}

// TableStats describes a table.
type TableStats struct {
	Name    string `json:"name"`
	Rows    int64  `json:"rows"`
	Bytes   int64  `json:"bytes"` // without its indexes
	Indexes []Size `json:"indexes"`
}

// Size is how large an index is.
type Size struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
}

// MessageStats counts live messages.
type MessageStats struct {
	ByStatus map[message.Status]int64 `json:"by_status"`
	ByType   map[message.Type]int64   `json:"by_type"`
	ByChain  map[message.Chain]int64  `json:"by_chain"`
}

// LetterStats counts messages that wait or are rejected for one reason.
type LetterStats struct {
	State LetterState  `json:"state"`
	Code  message.Code `json:"error_code"`
	Total int64        `json:"total"`
}

// FileStats counts the files that the node answers for.
type FileStats struct {
	Files int64 `json:"files"`
	Bytes int64 `json:"bytes"`
}

// objectSize is the size of a table or an index.
type objectSize struct {
	table, name string
	index       bool
	bytes       int64
}

// ReadStats reads the figures of a database, also beside a node that writes it.
// It counts the rows of every table.
func ReadStats(ctx context.Context, cfg Config, report Report) (*Stats, error) {
	cfg.ReadOnly = true
	sizes, bytes, err := readSizes(ctx, cfg)
	if err != nil {
		return nil, err
	}
	var s *Stats
	err = Reading(ctx, cfg, func(db *DB, r Reader) (err error) {
		s, err = r.stats(ctx, db.engine, sizes, report)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.Bytes = bytes
	return s, nil
}

func (r Reader) stats(ctx context.Context, e engine, sizes []objectSize, report Report) (*Stats, error) {
	s := &Stats{Database: e.String(), Engine: e.kind(), Letters: []LetterStats{}}
	var err error
	if s.Schema, err = r.schemaVersion(ctx); err != nil {
		return nil, err
	}
	list, err := tables(ctx, e, r.q)
	if err != nil {
		return nil, err
	}
	for i := range list {
		report(int64(i), int64(len(list)+1))
		n, err := r.countRows(ctx, &list[i])
		if err != nil {
			return nil, err
		}
		t := TableStats{Name: list[i].name, Rows: n, Indexes: []Size{}}
		for _, size := range sizes {
			switch {
			case size.table != t.Name:
			case size.index:
				t.Indexes = append(t.Indexes, Size{size.name, size.bytes})
			default:
				t.Bytes += size.bytes
			}
		}
		s.Tables = append(s.Tables, t)
	}
	report(int64(len(list)), int64(len(list)+1))
	return s, r.totals(ctx, s)
}

const (
	sqlLiveTotals = `SELECT type, status, total FROM message_counts WHERE sender = '' AND owner = '' AND total <> 0`
	sqlByChain    = `SELECT value, total FROM list_counts WHERE list = 'messages' AND dimension = 'chain' AND total <> 0`
	sqlAllFiles   = `SELECT COUNT(*), COALESCE(CAST(SUM(size) AS BIGINT), 0) FROM files`
)

// totals fills in what is counted by kind.
func (r Reader) totals(ctx context.Context, s *Stats) error {
	s.Messages = MessageStats{map[message.Status]int64{}, map[message.Type]int64{}, map[message.Chain]int64{}}
	rows, err := r.q.query(ctx, "", sqlLiveTotals)
	_, err = all(rows, err, func(row scanner) (n int64, err error) {
		var typ message.Type
		var status message.Status
		if err := row.Scan(&typ, &status, &n); err != nil {
			return 0, err
		}
		if typ == "" {
			s.Messages.ByStatus[status] += n
		} else {
			s.Messages.ByType[typ] += n
		}
		return n, nil
	})
	if err != nil {
		return fmt.Errorf("totals of messages: %w", err)
	}
	rows, err = r.q.query(ctx, "", sqlByChain)
	_, err = all(rows, err, func(row scanner) (n int64, err error) {
		var chain message.Chain
		err = row.Scan(&chain, &n)
		s.Messages.ByChain[chain] = n
		return n, err
	})
	if err != nil {
		return fmt.Errorf("messages by chain: %w", err)
	}
	rows, err = r.q.query(ctx, "", sqlLetterTotals)
	s.Letters, err = all(rows, err, func(row scanner) (l LetterStats, err error) {
		var bytes int64
		return l, row.Scan(&l.State, &l.Code, &l.Total, &bytes)
	})
	if err != nil {
		return fmt.Errorf("totals of waiting and rejected messages: %w", err)
	}
	if s.Letters == nil {
		s.Letters = []LetterStats{}
	}
	rows, err = r.q.query(ctx, "", sqlAllFiles)
	s.Files, err = one(rows, err, func(row scanner) (f FileStats, err error) {
		return f, row.Scan(&f.Files, &f.Bytes)
	})
	return err
}

package store

import (
	"context"
	"errors"

	"aleph/message"
)

// Place is a message in the order in which this database took messages in. The
// zero Place is before all of them.
type Place struct {
	number int64
	hash   message.Hash
}

const sqlLastPlace = `SELECT id, item_hash FROM messages ORDER BY id DESC LIMIT 1`

// LastPlace returns the place of the message that was taken in last.
func (r Reader) LastPlace(ctx context.Context) (Place, error) {
	rows, err := r.q.query(ctx, "message.last", sqlLastPlace)
	place, err := one(rows, err, scanPlace)
	if errors.Is(err, message.ErrNotFound) {
		return Place{}, nil
	}
	return place, err
}

func scanPlace(row scanner) (p Place, err error) { return p, row.Scan(&p.number, &p.hash) }

const sqlPlace = `SELECT id, item_hash FROM messages WHERE id = $1`

// Holds reports whether the message of a place is still there. When the newest
// messages are removed, others get their numbers.
func (r Reader) Holds(ctx context.Context, p Place) (bool, error) {
	if p == (Place{}) {
		return true, nil
	}
	rows, err := r.q.query(ctx, "message.place", sqlPlace, p.number)
	at, err := one(rows, err, scanPlace)
	if errors.Is(err, message.ErrNotFound) {
		return false, nil
	}
	return at == p, err
}

var sqlNews = `SELECT ` + messageColumns + `, m.id FROM messages m WHERE m.id > $1 ORDER BY m.id LIMIT $2`

// News is a message with its place.
type News struct {
	*MessageRow
	Place Place
}

// MessagesAfter returns at most limit messages behind a place, in the order in
// which they were taken in, with what confirms them.
func (r Reader) MessagesAfter(ctx context.Context, p Place, limit int64) ([]News, error) {
	rows, err := r.q.query(ctx, "message.news", sqlNews, p.number, limit)
	news, err := all(rows, err, func(row scanner) (News, error) {
		var number int64
		m, err := scanMessage(withColumn{row, &number})
		if err != nil {
			return News{}, err
		}
		return News{m, Place{number, m.Message.ItemHash}}, nil
	})
	if err != nil {
		return nil, err
	}
	list := make([]*MessageRow, len(news))
	for i, n := range news {
		list[i] = n.MessageRow
	}
	return news, r.AddConfirmations(ctx, list...)
}

// withColumn is a row with one more column at its end.
type withColumn struct {
	scanner
	last any
}

// Scan implements scanner.
func (w withColumn) Scan(dest ...any) error { return w.scanner.Scan(append(dest, w.last)...) }

package store

import (
	"context"

	"aleph/message"
)

// Outcomes counts messages by where they stand.
type Outcomes struct {
	Status map[message.Status]int64
	// Rejected counts rejected messages by the code of the rejection.
	Rejected map[message.Code]int64
}

// Total is the number of messages that the database knows.
func (o *Outcomes) Total() int64 {
	var total int64
	for _, n := range o.Status {
		total += n
	}
	return total
}

const (
	sqlOutcomes = `SELECT status, COUNT(*) FROM messages GROUP BY status
UNION ALL SELECT status, COUNT(*) FROM message_status GROUP BY status`
	sqlRejections = `SELECT r.error_code, COUNT(*) FROM rejected_messages r JOIN message_status s ON s.item_hash = r.item_hash
WHERE s.status = 'rejected' GROUP BY r.error_code`
)

// OutcomeCounts counts every message by where it stands. It reads whole tables
// and is meant for measurements and tests.
func (r Reader) OutcomeCounts(ctx context.Context) (*Outcomes, error) {
	o := &Outcomes{Status: map[message.Status]int64{}, Rejected: map[message.Code]int64{}}
	rows, err := r.q.query(ctx, "", sqlOutcomes)
	_, err = all(rows, err, func(row scanner) (struct{}, error) {
		var status message.Status
		var n int64
		err := row.Scan(&status, &n)
		o.Status[status] += n
		return struct{}{}, err
	})
	if err != nil {
		return nil, err
	}
	rows, err = r.q.query(ctx, "", sqlRejections)
	_, err = all(rows, err, func(row scanner) (struct{}, error) {
		var code message.Code
		var n int64
		err := row.Scan(&code, &n)
		o.Rejected[code] += n
		return struct{}{}, err
	})
	return o, err
}

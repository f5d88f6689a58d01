package store

import "context"

const (
	sqlTriggered = `SELECT ` + messageColumns + ` FROM vms v JOIN messages m ON m.item_hash = v.item_hash
WHERE v.on_message ORDER BY m.time`
	sqlTriggeredUp   = sqlTriggered + `, m.item_hash`
	sqlTriggeredDown = sqlTriggered + ` DESC, m.item_hash`
)

// TriggeredPrograms returns the PROGRAM messages with message triggers, ordered
// by time. Of a database that an older node has written it returns more: the
// caller looks into the content.
func (r Reader) TriggeredPrograms(ctx context.Context, ascending bool) ([]*MessageRow, error) {
	if ascending {
		rows, err := r.q.query(ctx, "program.up", sqlTriggeredUp)
		return all(rows, err, scanMessage)
	}
	rows, err := r.q.query(ctx, "program.down", sqlTriggeredDown)
	return all(rows, err, scanMessage)
}

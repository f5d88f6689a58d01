package store

import "context"

const (
	sqlTriggered = `SELECT ` + messageColumns + ` FROM messages m WHERE m.type = 'PROGRAM'
AND (m.item_content LIKE '%"message"%' OR m.content LIKE '%"message"%') ORDER BY m.time`
	sqlTriggeredUp   = sqlTriggered + `, m.item_hash`
	sqlTriggeredDown = sqlTriggered + ` DESC, m.item_hash`
)

// TriggeredPrograms returns the PROGRAM messages that may have message
// triggers, ordered by time. The caller looks into the content.
func (r Reader) TriggeredPrograms(ctx context.Context, ascending bool) ([]*MessageRow, error) {
	if ascending {
		rows, err := r.q.query(ctx, "program.up", sqlTriggeredUp)
		return all(rows, err, scanMessage)
	}
	rows, err := r.q.query(ctx, "program.down", sqlTriggeredDown)
	return all(rows, err, scanMessage)
}

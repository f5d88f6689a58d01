package store

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"strings"

	"aleph/message"
)

// PendingRow is a message that waits. // spec messages 4.2 step 5
type PendingRow struct {
	ID            int64
	Message       message.Message
	ReceptionTime message.Timestamp
	Origin        string
	CheckMessage  bool // verify the signature
	Fetched       bool // content and file are here
	Retries       int
	NextAttempt   message.Timestamp
	// WaitsFor is the file or message whose arrival is worth an attempt at
	// once; "" when unknown.
	WaitsFor message.Hash
	// Code says why the message waits, and Details and Traceback say more, as in
	// a [RejectedRow].
	Code      message.Code
	Details   json.RawMessage
	Traceback string
	// Body is the fetched content of a storage or ipfs message.
	Body string
}

const pendingColumns = `id, item_hash, type, chain, sender, signature, item_type, time, channel, reception_time, origin,
check_message, fetched, retries, next_attempt, waits_for, error_code, details, traceback, item_content, content`

// pendingHeadColumns are pendingColumns without the contents.
var pendingHeadColumns = strings.TrimSuffix(pendingColumns, "item_content, content") + "NULL, NULL"

func scanPending(row scanner) (*PendingRow, error) {
	var p PendingRow
	var waits, details, traceback, itemContent, body text
	m := &p.Message
	err := row.Scan(&p.ID, &m.ItemHash, &m.Type, &m.Chain, &m.Sender, &m.Signature, &m.ItemType, &m.Time, &m.Channel,
		&p.ReceptionTime, &p.Origin, &p.CheckMessage, &p.Fetched, &p.Retries, &p.NextAttempt, &waits,
		&p.Code, &details, &traceback, &itemContent, &body)
	if err != nil {
		return nil, err
	}
	p.Details, p.Traceback = jsonOrNull(details), string(traceback)
	p.WaitsFor, p.Body, m.ItemContent = message.Hash(waits), string(body), string(itemContent)
	return &p, nil
}

const sqlInsertPending = `INSERT INTO pending_messages (item_hash, type, chain, sender, signature, item_type, time, channel,
reception_time, origin, check_message, fetched, retries, next_attempt, waits_for, error_code, details, traceback,
item_content, content) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)`

// InsertPending queues a message. The same copy must not be queued already; see
// [Reader.PendingCopy].
func (tx *Tx) InsertPending(p *PendingRow) error {
	// The row may get a number that another one had.
	maps.DeleteFunc(tx.known.progress, func(_ int64, known *PendingProgress) bool { return known == nil })
	m := &p.Message
	return tx.exec("pending.insert", sqlInsertPending,
		string(m.ItemHash), string(m.Type), string(m.Chain), string(m.Sender), m.Signature, string(m.ItemType),
		int64(m.Time), nullPtr(m.Channel), int64(p.ReceptionTime), p.Origin, p.CheckMessage, p.Fetched, p.Retries,
		int64(p.NextAttempt), null(p.WaitsFor), int64(p.Code), nullJSON(p.Details), null(p.Traceback), null(m.ItemContent), null(p.Body))
}

const sqlUpdatePending = `UPDATE pending_messages SET fetched = $2, retries = $3, next_attempt = $4, waits_for = $5, content = $6,
error_code = $7, details = $8, traceback = $9 WHERE id = $1`

// UpdatePending saves the progress of a queued message.
func (tx *Tx) UpdatePending(p *PendingRow) error {
	delete(tx.known.progress, p.ID)
	return tx.exec("pending.update", sqlUpdatePending, p.ID, p.Fetched, p.Retries, int64(p.NextAttempt), null(p.WaitsFor),
		null(p.Body), int64(p.Code), nullJSON(p.Details), null(p.Traceback))
}

const sqlDeletePending = `DELETE FROM pending_messages WHERE id = $1`

// DeletePending takes a message out of the queue.
func (tx *Tx) DeletePending(id int64) error {
	delete(tx.known.progress, id)
	return tx.exec("pending.delete", sqlDeletePending, id)
}

const sqlWakePending = `UPDATE pending_messages SET next_attempt = $2 WHERE waits_for = $1 AND next_attempt > $2`

// WakePending makes the messages that wait for hash due at once, and returns
// how many there are.
func (tx *Tx) WakePending(hash message.Hash, now message.Timestamp) (int64, error) {
	return tx.changed("pending.wake", sqlWakePending, string(hash), int64(now))
}

const sqlPendingByID = `SELECT ` + pendingColumns + ` FROM pending_messages WHERE id = $1`

// PendingByID returns a queued message, or [message.ErrNotFound].
func (r Reader) PendingByID(ctx context.Context, id int64) (*PendingRow, error) {
	rows, err := r.q.query(ctx, "pending.id", sqlPendingByID, id)
	return one(rows, err, scanPending)
}

// PendingProgress is how far a queued message has come.
type PendingProgress struct {
	Fetched bool
	Retries int
}

const sqlPendingProgress = `SELECT fetched, retries FROM pending_messages WHERE id = $1`

// PendingProgress returns how far a queued message has come, or
// [message.ErrNotFound].
func (r Reader) PendingProgress(ctx context.Context, id int64) (PendingProgress, error) {
	if row, ok, err := recall(r.known.progress, id); ok {
		return deref(row), err
	}
	rows, err := r.q.query(ctx, "pending.progress", sqlPendingProgress, id)
	return one(rows, err, func(row scanner) (PendingProgress, error) {
		var p PendingProgress
		return p, row.Scan(&p.Fetched, &p.Retries)
	})
}

const sqlPendingCopy = `SELECT ` + pendingColumns + ` FROM pending_messages WHERE item_hash = $1 AND sender = $2 AND signature = $3`

// PendingCopy returns the queued message that has this sender and signature, or
// [message.ErrNotFound].
func (r Reader) PendingCopy(ctx context.Context, m *message.Message) (*PendingRow, error) {
	rows, err := r.q.query(ctx, "pending.copy", sqlPendingCopy, string(m.ItemHash), string(m.Sender), m.Signature)
	return one(rows, err, scanPending)
}

const sqlOtherPending = `SELECT id FROM pending_messages WHERE item_hash = $1 AND id <> $2 LIMIT 1`

// OtherPending reports whether a copy of a message is queued besides one.
func (r Reader) OtherPending(ctx context.Context, hash message.Hash, id int64) (bool, error) {
	rows, err := r.q.query(ctx, "pending.other", sqlOtherPending, string(hash), id)
	_, err = one(rows, err, column[int64])
	if errors.Is(err, message.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// mostCopies bounds the copies of one message that are shown: anybody can make
// copies with other signatures.
const mostCopies = "100"

const sqlPendingOf = `SELECT ` + pendingColumns + ` FROM pending_messages WHERE item_hash = $1 ORDER BY time, id LIMIT ` + mostCopies

// PendingOf returns the queued copies of a message, oldest time first, as far
// as they are shown.
func (r Reader) PendingOf(ctx context.Context, hash message.Hash) ([]*PendingRow, error) {
	rows, err := r.q.query(ctx, "pending.of", sqlPendingOf, string(hash))
	return all(rows, err, scanPending)
}

const sqlRetried = `SELECT 1 FROM pending_messages WHERE item_hash = $1 AND retries > 0 LIMIT 1`

// Retried reports whether an attempt at a queued copy of a message has failed.
func (r Reader) Retried(ctx context.Context, hash message.Hash) (bool, error) {
	rows, err := r.q.query(ctx, "pending.retried", sqlRetried, string(hash))
	_, err = one(rows, err, column[int])
	if errors.Is(err, message.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// Due is a queued message whose time has come.
type Due struct {
	ID          int64
	ItemHash    message.Hash
	NextAttempt message.Timestamp
}

const sqlDue = `SELECT id, item_hash, next_attempt FROM pending_messages WHERE fetched = $1 AND next_attempt <= $2
AND (next_attempt, id) > ($3, $4) ORDER BY next_attempt, id LIMIT $5`

// Due returns queued messages whose next attempt is not after now, in order,
// after one that was returned before; the zero Due begins.
func (r Reader) Due(ctx context.Context, fetched bool, now message.Timestamp, after Due, limit int) ([]Due, error) {
	begin := int64(after.NextAttempt)
	if after.ID == 0 {
		begin = math.MinInt64
	}
	rows, err := r.q.query(ctx, "pending.due", sqlDue, fetched, int64(now), begin, after.ID, limit)
	return all(rows, err, func(row scanner) (Due, error) {
		var d Due
		return d, row.Scan(&d.ID, &d.ItemHash, &d.NextAttempt)
	})
}

const sqlNextDue = `SELECT next_attempt FROM pending_messages WHERE fetched = $1 AND next_attempt > $2 ORDER BY next_attempt LIMIT 1`

// NextDue returns the first time after now at which a queued message is due;
// the second result is false when there is none.
func (r Reader) NextDue(ctx context.Context, fetched bool, now message.Timestamp) (message.Timestamp, bool, error) {
	rows, err := r.q.query(ctx, "pending.next", sqlNextDue, fetched, int64(now))
	t, err := one(rows, err, column[message.Timestamp])
	if errors.Is(err, message.ErrNotFound) {
		return 0, false, nil
	}
	return t, err == nil, err
}

const sqlLastDue = `SELECT next_attempt FROM pending_messages WHERE fetched = $1 ORDER BY next_attempt DESC LIMIT 1`

// LastDue returns the latest time at which a queued message is due; the second
// result is false when none is queued.
func (r Reader) LastDue(ctx context.Context, fetched bool) (message.Timestamp, bool, error) {
	rows, err := r.q.query(ctx, "pending.last", sqlLastDue, fetched)
	t, err := one(rows, err, column[message.Timestamp])
	if errors.Is(err, message.ErrNotFound) {
		return 0, false, nil
	}
	return t, err == nil, err
}

const sqlCountPending = `SELECT CAST(COALESCE(SUM(total), 0) AS BIGINT) FROM letter_totals WHERE state = 'pending'`

// CountPending returns how many messages wait.
func (r Reader) CountPending(ctx context.Context) (int64, error) {
	rows, err := r.q.query(ctx, "pending.count", sqlCountPending)
	return one(rows, err, column[int64])
}

const sqlRewindPending = `UPDATE pending_messages SET next_attempt = $1 WHERE id IN
(SELECT id FROM pending_messages WHERE fetched = $3 AND next_attempt > $2 ORDER BY next_attempt LIMIT $4)`

// RewindPending makes up to limit messages due now whose next attempt is later
// than a queue of this clock would have set it, and returns how many there were.
func (tx *Tx) RewindPending(now, latest message.Timestamp, fetched bool, limit int) (int64, error) {
	return tx.changed("pending.rewind", sqlRewindPending, int64(now), int64(latest), fetched, limit)
}

const sqlRefreshPending = `UPDATE pending_messages SET next_attempt = $2, retries = 0 WHERE id = $1`

// RefreshPending makes a message due now that has not been tried yet.
func (tx *Tx) RefreshPending(id int64, now message.Timestamp) error {
	delete(tx.known.progress, id)
	return tx.exec("pending.refresh", sqlRefreshPending, id, int64(now))
}

const sqlWaitedFor = `SELECT waits_for, COUNT(*) FROM pending_messages WHERE waits_for IS NOT NULL GROUP BY waits_for`

// WaitedFor returns what queued messages wait for, and how many do.
func (r Reader) WaitedFor(ctx context.Context) (map[message.Hash]int, error) {
	rows, err := r.q.query(ctx, "pending.waited", sqlWaitedFor)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	waited := map[message.Hash]int{}
	for rows.Next() {
		var hash message.Hash
		var n int
		if err := rows.Scan(&hash, &n); err != nil {
			return nil, err
		}
		waited[hash] = n
	}
	return waited, rows.Err()
}

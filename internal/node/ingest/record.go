package ingest

import (
	"encoding/json"
	"errors"
	"math"

	"aleph/internal/node/store"
	"aleph/message"
)

// setRecord records why a message is rejected.
func (b *batch) setRecord(j *job, rej *message.Rejection) error {
	row := &store.RejectedRow{
		ItemHash: j.hash, Message: rejectedObject(j), Code: rej.Code, Details: rej.Details(), Traceback: traceback(rej),
		At: b.now, Trusted: j.trusted,
	}
	if j.msg != nil {
		row.Sender, row.Type = j.msg.Sender, j.msg.Type
	}
	if j.tx != nil {
		if err := b.record(j); err != nil {
			return err
		}
		row.TxHash = j.tx.Hash
	} else if j.row != nil {
		txs, err := b.tx.RememberedConfirmations(b.ctx, j.msg)
		if err != nil {
			return err
		}
		if len(txs) > 0 {
			row.TxHash = txs[len(txs)-1].Hash
		}
	}
	row.Size = int64(len(row.Message))
	if _, known := b.status[j.hash]; known {
		old, err := b.tx.RejectedHead(b.ctx, j.hash)
		if err == nil {
			row.Size = old.Size // the message of the first rejection is kept
			b.countLetter(old.State(), old.Code, -1, -old.Size)
		} else if !errors.Is(err, message.ErrNotFound) {
			return err
		}
	}
	b.countLetter(store.LetterRejected, row.Code, 1, row.Size)
	return b.tx.SetRejected(row)
}

// recordWaits notes that a message waits again after it was rejected.
func (b *batch) recordWaits(hash message.Hash) error {
	if b.status[hash].Status != message.StatusRejected {
		return nil
	}
	row, err := b.tx.RejectedHead(b.ctx, hash)
	if err != nil {
		return ignoreNotFound(err)
	}
	b.countLetter(row.State(), row.Code, -1, -row.Size)
	b.countLetter(store.LetterRetried, row.Code, 1, row.Size)
	return b.tx.RejectedWaits(hash)
}

// dropRecord removes the record of a message, if there is one.
func (b *batch) dropRecord(hash message.Hash) error {
	row, err := b.tx.RejectedHead(b.ctx, hash)
	if err != nil {
		return ignoreNotFound(err)
	}
	return b.deleteRecord(row)
}

func (b *batch) deleteRecord(row *store.RejectedRow) error {
	b.countLetter(row.State(), row.Code, -1, -row.Size)
	return b.tx.DeleteRejected(row.ItemHash)
}

// dropRejected forgets that a message was rejected: the node knows nothing of it
// any more. Of a message that waits again only the record goes.
func (b *batch) dropRejected(row *store.RejectedRow) error {
	if err := b.deleteRecord(row); err != nil || row.Waiting {
		return err
	}
	delete(b.status, row.ItemHash)
	if err := b.tx.DropRemembered(row.ItemHash); err != nil {
		return err
	}
	return b.tx.ClearStatus(row.ItemHash)
}

// trimBatch is how many records are dropped at once.
const trimBatch = 64

// trimRecords keeps the records of rejected messages within their bounds: the
// oldest go first. Anybody can make a node reject messages.
func (b *batch) trimRecords() error {
	cfg := &b.q.cfg
	for {
		kept := b.q.records
		for key, d := range b.letters {
			if key.State != store.LetterPending {
				kept.Total, kept.Bytes = kept.Total+d.Total, kept.Bytes+d.Bytes
			}
		}
		over := kept.Total - cfg.MaxRejected
		if over <= 0 && kept.Bytes > cfg.MaxRejectedBytes {
			over = 1
		}
		if over <= 0 {
			return nil
		}
		n, err := b.dropOldest(math.MaxInt64, int(min(over, trimBatch)))
		if err != nil || n == 0 {
			return err
		}
		b.trimmed += n
	}
}

// dropOldest drops up to limit records from before an instant.
func (b *batch) dropOldest(before message.Timestamp, limit int) (int, error) {
	rows, err := b.tx.OldestRejected(b.ctx, before, limit)
	if err != nil {
		return 0, err
	}
	for _, row := range rows {
		if err := b.dropRejected(row); err != nil {
			return 0, err
		}
	}
	return len(rows), nil
}

// countLetter changes a total of messages that wait or are rejected.
func (b *batch) countLetter(state store.LetterState, code message.Code, n, bytes int64) {
	key := store.LetterKey{State: state, Code: code}
	d := b.letters[key]
	d.Total, d.Bytes = d.Total+n, d.Bytes+bytes
	b.letters[key] = d
}

// rejectedMessage is a message as its rejection keeps it. // spec ccn-http-api 3.6
type rejectedMessage struct {
	ItemHash    message.Hash      `json:"item_hash"`
	Type        message.Type      `json:"type"`
	Chain       message.Chain     `json:"chain"`
	Sender      message.Address   `json:"sender"`
	Signature   *string           `json:"signature"`
	ItemType    message.ItemType  `json:"item_type"`
	ItemContent *string           `json:"item_content"`
	Content     json.RawMessage   `json:"content"`
	Time        message.Timestamp `json:"time"`
	Channel     *string           `json:"channel"`
	Origin      Origin            `json:"origin"`
}

// mostRecorded is 1 MiB: a content outside its envelope that is longer is not
// kept with a rejection. No envelope can be much longer.
const mostRecorded = 1 << 20

// rejectedObject returns the object that a rejection keeps: the message, or the
// submitted object as it came when it never became one.
func rejectedObject(j *job) json.RawMessage {
	if j.msg == nil {
		return j.raw
	}
	m := j.msg
	r := rejectedMessage{
		ItemHash: m.ItemHash, Type: m.Type, Chain: m.Chain, Sender: m.Sender, ItemType: m.ItemType,
		Time: m.Time, Channel: m.Channel, Origin: j.origin,
	}
	if m.Signature != "" {
		r.Signature = &m.Signature
	}
	if m.ItemType == message.ItemInline {
		r.ItemContent = &m.ItemContent
	}
	if m.Content != nil && len(m.Content.Raw()) <= mostRecorded {
		r.Content = m.Content.Raw()
	}
	b, err := json.Marshal(r)
	if err != nil {
		panic(err) // parsed values always encode
	}
	return b
}

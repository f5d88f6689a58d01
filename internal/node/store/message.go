package store

import (
	"context"
	"encoding/json"
	"iter"
	"strings"

	"aleph/message"
)

// MessageRow is a live message: processed or removing.
type MessageRow struct {
	// Message is the envelope; its Content is not parsed.
	Message       message.Message
	Size          int64 // code points of an inline content, else bytes. // spec messages 1.5
	Status        message.Status
	ReceptionTime message.Timestamp

	// Columns derived from the content; empty means absent. // spec messages 3.13
	Owner           message.Address
	ContentType     string
	ContentRef      string
	ContentKey      *string // nil when absent: the empty key is a key
	ContentItemHash message.Hash
	PaymentType     message.PaymentType
	Tags            []string

	// First confirmation on a chain; nil when there is none.
	FirstConfirmedAt     *message.Timestamp
	FirstConfirmedHeight *int64
	// Confirmations are filled in by [Reader.AddConfirmations].
	Confirmations []Confirmation

	// Body is the content of a storage or ipfs message, "" for inline ones.
	Body string
}

// Content returns the content as it was sent.
func (m *MessageRow) Content() json.RawMessage {
	if m.Message.ItemType == message.ItemInline {
		return json.RawMessage(m.Message.ItemContent)
	}
	return json.RawMessage(m.Body)
}

// messageColumns are the columns of messages in the order of scanMessage; the
// alias is m.
const messageColumns = `m.item_hash, m.type, m.chain, m.sender, m.signature, m.item_type, m.time, m.channel, m.size, m.status,
m.reception_time, m.owner, m.content_type, m.content_ref, m.content_key, m.content_item_hash, m.payment_type, m.tags,
m.first_confirmed_at, m.first_confirmed_height, m.item_content, m.content`

// messageBareColumns are messageColumns without any content.
var messageBareColumns = strings.TrimSuffix(messageColumns, "m.item_content, m.content") + "NULL, NULL"

func scanMessage(row scanner) (*MessageRow, error) {
	var m MessageRow
	var signature, contentType, ref, fileHash, payment, tags, itemContent, body text
	err := row.Scan(&m.Message.ItemHash, &m.Message.Type, &m.Message.Chain, &m.Message.Sender, &signature,
		&m.Message.ItemType, &m.Message.Time, &m.Message.Channel, &m.Size, &m.Status,
		&m.ReceptionTime, &m.Owner, &contentType, &ref, &m.ContentKey, &fileHash, &payment, &tags,
		&m.FirstConfirmedAt, &m.FirstConfirmedHeight, &itemContent, &body)
	if err != nil {
		return nil, err
	}
	m.Message.Signature = string(signature)
	m.Message.ItemContent = string(itemContent)
	m.ContentType, m.ContentRef = string(contentType), string(ref)
	m.ContentItemHash = message.Hash(fileHash)
	m.PaymentType = message.PaymentType(payment)
	m.Tags, m.Body = decodeStrings(string(tags)), string(body)
	return &m, nil
}

const sqlMessage = `SELECT ` + messageColumns + ` FROM messages m WHERE m.item_hash = $1`

// Message returns a live message, or [message.ErrNotFound].
func (r Reader) Message(ctx context.Context, hash message.Hash) (*MessageRow, error) {
	rows, err := r.q.query(ctx, "message.get", sqlMessage, string(hash))
	return one(rows, err, scanMessage)
}

// Messages returns the live ones of hashes.
func (r Reader) Messages(ctx context.Context, hashes []message.Hash) (map[message.Hash]*MessageRow, error) {
	return r.messages(ctx, "message.batch", messageColumns, hashes)
}

// MessageHeads returns the live ones of hashes without their contents.
func (r Reader) MessageHeads(ctx context.Context, hashes []message.Hash) (map[message.Hash]*MessageRow, error) {
	rows, err := r.messages(ctx, "message.heads", messageBareColumns, unknown(r.known.heads, hashes))
	if err != nil {
		return nil, err
	}
	for _, hash := range hashes {
		if row := r.known.heads[hash]; row != nil {
			rows[hash] = row
		}
	}
	return rows, nil
}

func (r Reader) messages(ctx context.Context, statement, columns string, hashes []message.Hash) (map[message.Hash]*MessageRow, error) {
	list, err := among(ctx, r.q, statement, `SELECT `+columns+` FROM messages m WHERE m.item_hash IN (`, hashes, `)`, scanMessage)
	found := make(map[message.Hash]*MessageRow, len(list))
	for _, m := range list {
		found[m.Message.ItemHash] = m
	}
	return found, err
}

const sqlInsertMessage = `INSERT INTO messages (id, item_hash, type, chain, sender, signature, item_type, time, channel, size, status,
reception_time, owner, content_type, content_ref, content_key, content_item_hash, payment_type, tags,
item_content, content) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)`

const sqlInsertTag = `INSERT INTO message_tags (id, tag, time, item_hash) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`

// InsertMessage records a message whose effects are being applied, its tags
// and its share of the totals.
func (tx *Tx) InsertMessage(m *MessageRow) error {
	env := &m.Message
	var itemContent any
	if env.ItemType == message.ItemInline {
		itemContent = env.ItemContent
	}
	id, err := tx.nextNumber(env.ItemHash)
	if err != nil {
		return err
	}
	err = tx.exec("message.insert", sqlInsertMessage,
		id, string(env.ItemHash), string(env.Type), string(env.Chain), string(env.Sender), null(env.Signature),
		string(env.ItemType), int64(env.Time), nullPtr(env.Channel), m.Size, string(m.Status),
		int64(m.ReceptionTime), string(m.Owner), null(m.ContentType), null(m.ContentRef), nullPtr(m.ContentKey),
		null(m.ContentItemHash), null(m.PaymentType), null(encodeStrings(m.Tags)),
		itemContent, null(m.Body))
	if err != nil {
		return err
	}
	for _, tag := range m.Tags {
		if err := tx.exec("message.tag", sqlInsertTag, id, tag, int64(env.Time), string(env.ItemHash)); err != nil {
			return err
		}
	}
	tx.count(m, 1)
	tx.countMessage(m, 1)
	delete(tx.known.statuses, env.ItemHash)
	if _, ok := tx.known.heads[env.ItemHash]; ok {
		tx.known.heads[env.ItemHash] = m
	}
	return nil
}

const (
	sqlDeleteMessage = `DELETE FROM messages WHERE item_hash = $1`
	sqlDeleteTags    = `DELETE FROM message_tags WHERE id = (SELECT id FROM messages WHERE item_hash = $1)`
)

// DeleteMessage removes a live message, its tags, its confirmations and its share
// of the totals.
func (tx *Tx) DeleteMessage(m *MessageRow) error {
	hash := string(m.Message.ItemHash)
	if len(m.Tags) > 0 {
		if err := tx.exec("message.untag", sqlDeleteTags, hash); err != nil {
			return err
		}
	}
	if m.FirstConfirmedAt != nil {
		if err := tx.exec("confirmation.drop", sqlDropConfirmations, hash); err != nil {
			return err
		}
	}
	if err := tx.exec("message.delete", sqlDeleteMessage, hash); err != nil {
		return err
	}
	tx.count(m, -1)
	tx.countMessage(m, -1)
	tx.known.heads[m.Message.ItemHash] = nil
	delete(tx.known.tagsOf, m.Message.ItemHash)
	return nil
}

const sqlSignature = `SELECT sender, signature FROM messages WHERE item_hash = $1`

// Signature returns who signed a live message and how, or [message.ErrNotFound].
func (r Reader) Signature(ctx context.Context, hash message.Hash) (message.Address, string, error) {
	type signed struct {
		sender    message.Address
		signature text
	}
	rows, err := r.q.query(ctx, "message.signature", sqlSignature, string(hash))
	s, err := one(rows, err, func(row scanner) (signed, error) {
		var s signed
		return s, row.Scan(&s.sender, &s.signature)
	})
	return s.sender, string(s.signature), err
}

// text is a string column in which NULL reads as "".
type text string

// Scan implements [database/sql.Scanner].
func (t *text) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*t = ""
	case string:
		*t = text(v)
	case []byte:
		*t = text(v)
	default:
		return errNotText(v)
	}
	return nil
}

// null returns NULL for "".
func null[T ~string](s T) any {
	if s == "" {
		return nil
	}
	return string(s)
}

func nullPtr(s *string) any {
	if s == nil {
		return nil
	}
	return *s
}

// encodeStrings writes a list as a JSON array, "" when it is empty.
func encodeStrings[T ~string](list []T) string {
	if len(list) == 0 {
		return ""
	}
	b, err := json.Marshal(list)
	if err != nil {
		panic(err) // strings always encode
	}
	return string(b)
}

func decodeStrings(s string) []string {
	if s == "" || s == "[]" {
		return nil
	}
	var list []string
	if json.NewDecoder(strings.NewReader(s)).Decode(&list) != nil {
		return nil
	}
	return list
}

// hashesOf yields strings as hashes.
func hashesOf(list []string) iter.Seq[message.Hash] {
	return func(yield func(message.Hash) bool) {
		for _, s := range list {
			if !yield(message.Hash(s)) {
				return
			}
		}
	}
}

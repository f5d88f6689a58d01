package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"aleph/message"
)

// AggregateKey names an aggregate.
type AggregateKey struct {
	Owner message.Address
	Key   string
}

// AggregateRow is an aggregate without its content.
type AggregateRow struct {
	AggregateKey
	Created      message.Timestamp // time of the oldest element
	LastUpdated  message.Timestamp // time of the newest element
	LastRevision message.Hash      // the newest element
}

const aggregateColumns = `a.owner, a.key, a.creation_datetime, a.last_updated, a.last_revision_hash`

func scanAggregate(row scanner) (AggregateRow, error) {
	var a AggregateRow
	return a, row.Scan(&a.Owner, &a.Key, &a.Created, &a.LastUpdated, &a.LastRevision)
}

const sqlAggregate = `SELECT ` + aggregateColumns + ` FROM aggregates a WHERE a.owner = $1 AND a.key = $2`

// Aggregate returns an aggregate, or [message.ErrNotFound].
func (r Reader) Aggregate(ctx context.Context, key AggregateKey) (AggregateRow, error) {
	rows, err := r.q.query(ctx, "aggregate.get", sqlAggregate, string(key.Owner), key.Key)
	return one(rows, err, scanAggregate)
}

const sqlAggregatesOf = `SELECT ` + aggregateColumns + ` FROM aggregates a WHERE a.owner = $1 ORDER BY a.key`

// AggregatesOf returns every aggregate of an owner, by key.
func (r Reader) AggregatesOf(ctx context.Context, owner message.Address) ([]AggregateRow, error) {
	rows, err := r.q.query(ctx, "aggregate.owner", sqlAggregatesOf, string(owner))
	return all(rows, err, scanAggregate)
}

// membersFormat is a part of a statement: the place of an aggregate, and the
// parameters that name it.
const membersFormat = `SELECT %[1]d, member, value FROM aggregate_members WHERE owner = $%[2]d AND key = $%[3]d`

// contentsAtOnce is how many aggregates one statement reads. Their contents are in
// memory together.
const contentsAtOnce = 10

// AggregateContent returns the merged content of an aggregate as a JSON
// object, its members in the order of their names. An aggregate that does not
// exist reads as {}.
func (r Reader) AggregateContent(ctx context.Context, key AggregateKey) (json.RawMessage, error) {
	contents, err := r.aggregateContents(ctx, "aggregate.members", []AggregateKey{key})
	if err != nil {
		return nil, err
	}
	return contents[0], nil
}

// EachAggregateContent calls use for each aggregate in turn, with its content as
// [Reader.AggregateContent] returns it.
func (r Reader) EachAggregateContent(ctx context.Context, list []AggregateRow, use func(AggregateRow, json.RawMessage) error) error {
	for part := range slices.Chunk(list, contentsAtOnce) {
		keys := make([]AggregateKey, len(part))
		for i, row := range part {
			keys[i] = row.AggregateKey
		}
		contents, err := r.aggregateContents(ctx, "", keys)
		if err != nil {
			return err
		}
		for i, row := range part {
			if err := use(row, contents[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// aggregateContents reads the contents of a few aggregates in one statement.
func (r Reader) aggregateContents(ctx context.Context, name string, keys []AggregateKey) ([]json.RawMessage, error) {
	var text strings.Builder
	args := make([]any, 0, 2*len(keys))
	for i, key := range keys {
		if i > 0 {
			text.WriteString(" UNION ALL ")
		}
		fmt.Fprintf(&text, membersFormat, i, 2*i+1, 2*i+2)
		args = append(args, string(key.Owner), key.Key)
	}
	text.WriteString(" ORDER BY 1, 2")
	rows, err := r.q.query(ctx, name, text.String(), args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	contents := make([]json.RawMessage, len(keys))
	for i := range contents {
		contents[i] = json.RawMessage{'{'}
	}
	for rows.Next() {
		var of int
		var member string
		var value []byte
		if err := rows.Scan(&of, &member, &value); err != nil {
			return nil, err
		}
		b := contents[of]
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = appendJSONString(b, member)
		b = append(b, ':')
		contents[of] = append(b, value...)
	}
	for i := range contents {
		contents[i] = append(contents[i], '}')
	}
	return contents, rows.Err()
}

// AggregateMembers returns one top-level member of the aggregates of that name, by
// owner.
func (r Reader) AggregateMembers(ctx context.Context, owners []message.Address, key, member string) (map[message.Address]json.RawMessage, error) {
	type owned struct {
		owner message.Address
		value []byte
	}
	list, err := among(ctx, r.q, "aggregate.member", `SELECT owner, value FROM aggregate_members WHERE key = $1 AND member = $2 AND owner IN (`,
		owners, `)`, func(row scanner) (owned, error) {
			var o owned
			return o, row.Scan(&o.owner, &o.value)
		}, key, member)
	members := make(map[message.Address]json.RawMessage, len(list))
	for _, o := range list {
		members[o.owner] = o.value
	}
	return members, err
}

// ElementRow is an AGGREGATE message. Its content is in the message.
type ElementRow struct {
	AggregateKey
	ItemHash message.Hash
	Created  message.Timestamp
}

const sqlElements = `SELECT item_hash, owner, key, creation_datetime FROM aggregate_elements
WHERE owner = $1 AND key = $2 ORDER BY creation_datetime, item_hash`

// Elements returns the elements of an aggregate, the oldest first.
func (r Reader) Elements(ctx context.Context, key AggregateKey) ([]ElementRow, error) {
	rows, err := r.q.query(ctx, "element.list", sqlElements, string(key.Owner), key.Key)
	return all(rows, err, func(row scanner) (ElementRow, error) {
		var e ElementRow
		return e, row.Scan(&e.ItemHash, &e.Owner, &e.Key, &e.Created)
	})
}

const sqlInsertElement = `INSERT INTO aggregate_elements (id, item_hash, owner, key, creation_datetime) VALUES ($1, $2, $3, $4, $5)`

// InsertElement records an AGGREGATE message that was inserted before.
func (tx *Tx) InsertElement(e *ElementRow) error {
	id, err := tx.number(e.ItemHash)
	if err != nil {
		return err
	}
	return tx.exec("element.insert", sqlInsertElement, id, string(e.ItemHash), string(e.Owner), e.Key, int64(e.Created))
}

// The newest element by (time, hash) is the last revision, whatever the order of arrival.
const sqlMergeAggregate = `INSERT INTO aggregates (owner, key, creation_datetime, last_updated, last_revision_hash) VALUES ($1, $2, $3, $3, $4)
ON CONFLICT (owner, key) DO UPDATE SET
creation_datetime = CASE WHEN excluded.creation_datetime < aggregates.creation_datetime
  THEN excluded.creation_datetime ELSE aggregates.creation_datetime END,
last_revision_hash = CASE WHEN (excluded.last_updated, excluded.last_revision_hash) > (aggregates.last_updated, aggregates.last_revision_hash)
  THEN excluded.last_revision_hash ELSE aggregates.last_revision_hash END,
last_updated = CASE WHEN excluded.last_updated > aggregates.last_updated THEN excluded.last_updated ELSE aggregates.last_updated END`

const sqlMergeMember = `INSERT INTO aggregate_members (owner, key, member, time, item_hash, value) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (owner, key, member) DO UPDATE SET time = excluded.time, item_hash = excluded.item_hash, value = excluded.value
WHERE (excluded.time, excluded.item_hash) > (aggregate_members.time, aggregate_members.item_hash)`

// MergeElement merges the top-level members of an element into its aggregate:
// a member keeps the value of the newest element that has it.
func (tx *Tx) MergeElement(e *ElementRow, members map[string]json.RawMessage) error {
	owner, hash := string(e.Owner), string(e.ItemHash)
	if err := tx.exec("aggregate.merge", sqlMergeAggregate, owner, e.Key, int64(e.Created), hash); err != nil {
		return err
	}
	for member, value := range members {
		args := []any{owner, e.Key, member, int64(e.Created), hash, string(value)}
		if e.Key == securityKey && member == authorizationsMember {
			n, err := tx.changed("member.merge", sqlMergeMember, args...)
			if err != nil {
				return err
			}
			if n > 0 {
				tx.authorize(e.Owner)
			}
			continue
		}
		if err := tx.exec("member.merge", sqlMergeMember, args...); err != nil {
			return err
		}
	}
	return nil
}

const (
	sqlDeleteElement   = `DELETE FROM aggregate_elements WHERE id = (SELECT id FROM messages WHERE item_hash = $1)`
	sqlDeleteAggregate = `DELETE FROM aggregates WHERE owner = $1 AND key = $2`
	sqlDeleteMembers   = `DELETE FROM aggregate_members WHERE owner = $1 AND key = $2`
)

// DeleteElement removes the record of an AGGREGATE message, not its effect. The
// message must still be there.
func (tx *Tx) DeleteElement(hash message.Hash) error {
	return tx.exec("element.delete", sqlDeleteElement, string(hash))
}

// DeleteAggregate removes an aggregate and its content, not its elements.
func (tx *Tx) DeleteAggregate(key AggregateKey) error {
	if key.Key == securityKey {
		tx.authorize(key.Owner)
	}
	if err := tx.exec("aggregate.delete", sqlDeleteAggregate, string(key.Owner), key.Key); err != nil {
		return err
	}
	return tx.exec("member.delete", sqlDeleteMembers, string(key.Owner), key.Key)
}

// appendJSONString appends s as a JSON string, without the escapes that
// encoding/json adds for HTML.
func appendJSONString(b []byte, s string) []byte {
	var out strings.Builder
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		panic(err) // a string always encodes
	}
	return append(b, strings.TrimSuffix(out.String(), "\n")...)
}

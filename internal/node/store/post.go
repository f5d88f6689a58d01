package store

import (
	"context"
	"errors"

	"aleph/message"
)

// PostRow is a post or an amend. The content is in the message of ItemHash.
type PostRow struct {
	ItemHash message.Hash
	Owner    message.Address
	Type     string
	Ref      *string      // "" is not the same as none
	Amends   message.Hash // the original, for an amend
	Channel  *string
	Created  message.Timestamp

	// What an original shows now.
	LatestAmend message.Hash      // "" when not amended
	LastUpdated message.Timestamp // time of the latest amend, else Created
	TagsFrom    message.Hash      // the message whose tags count
}

const postColumns = `p.item_hash, p.owner, p.type, p.ref, p.amends, p.channel, p.creation_datetime, p.latest_amend, p.last_updated, p.tags_from`

func scanPost(row scanner) (*PostRow, error) {
	var p PostRow
	var amends, latest, tags text
	err := row.Scan(&p.ItemHash, &p.Owner, &p.Type, &p.Ref, &amends, &p.Channel, &p.Created, &latest, &p.LastUpdated, &tags)
	if err != nil {
		return nil, err
	}
	p.Amends, p.LatestAmend, p.TagsFrom = message.Hash(amends), message.Hash(latest), message.Hash(tags)
	return &p, nil
}

const sqlPost = `SELECT ` + postColumns + ` FROM posts p WHERE p.item_hash = $1`

// Post returns a post or an amend, or [message.ErrNotFound].
func (r Reader) Post(ctx context.Context, hash message.Hash) (*PostRow, error) {
	rows, err := r.q.query(ctx, "post.get", sqlPost, string(hash))
	return one(rows, err, scanPost)
}

const sqlAmends = `SELECT ` + postColumns + ` FROM posts p WHERE p.amends = $1 ORDER BY p.creation_datetime DESC, p.item_hash`

// Amends returns the amends of a post, the newest first.
func (r Reader) Amends(ctx context.Context, original message.Hash) ([]*PostRow, error) {
	rows, err := r.q.query(ctx, "post.amends", sqlAmends, string(original))
	return all(rows, err, scanPost)
}

const sqlInsertPost = `INSERT INTO posts (item_hash, owner, type, ref, amends, channel, creation_datetime, last_updated, tags_from)
VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8)`

// InsertPost records a post or an amend.
func (tx *Tx) InsertPost(p *PostRow) error {
	return tx.exec("post.insert", sqlInsertPost, string(p.ItemHash), string(p.Owner), p.Type, nullPtr(p.Ref), null(p.Amends),
		nullPtr(p.Channel), int64(p.Created), null(p.TagsFrom))
}

const sqlShowAmend = `UPDATE posts SET latest_amend = $2, last_updated = $3, tags_from = $4 WHERE item_hash = $1`

// ShowAmend makes an original show an amend, or itself when amend is "".
func (tx *Tx) ShowAmend(original, amend message.Hash, updated message.Timestamp, tagsFrom message.Hash) error {
	return tx.exec("post.show", sqlShowAmend, string(original), null(amend), int64(updated), null(tagsFrom))
}

const sqlDeletePost = `DELETE FROM posts WHERE item_hash = $1`

// DeletePost removes a post or an amend.
func (tx *Tx) DeletePost(hash message.Hash) error {
	return tx.exec("post.delete", sqlDeletePost, string(hash))
}

const sqlOwnTags = `SELECT item_hash FROM message_tags WHERE item_hash = $1 LIMIT 1`

// OwnTags returns hash when that message has tags of its own, else "".
func (r Reader) OwnTags(ctx context.Context, hash message.Hash) (message.Hash, error) {
	rows, err := r.q.query(ctx, "message.tagged", sqlOwnTags, string(hash))
	own, err := one(rows, err, column[message.Hash])
	if errors.Is(err, message.ErrNotFound) {
		return "", nil
	}
	return own, err
}

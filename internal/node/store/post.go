package store

import (
	"context"
	"errors"
	"slices"

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
	Tags     []string // of its own message; not read back

	// What an original shows now.
	LatestAmend message.Hash      // "" when not amended
	LastUpdated message.Timestamp // time of the latest amend, else Created
	TagsFrom    message.Hash      // the message whose tags count

	id int64 // its number, when it was read
}

const postColumns = `p.id, p.item_hash, p.owner, p.type, p.ref, p.amends, p.channel, p.creation_datetime, p.latest_amend, p.last_updated, p.tags_from`

func scanPost(row scanner) (*PostRow, error) {
	var p PostRow
	var amends, latest, tags text
	err := row.Scan(&p.id, &p.ItemHash, &p.Owner, &p.Type, &p.Ref, &amends, &p.Channel, &p.Created, &latest, &p.LastUpdated, &tags)
	if err != nil {
		return nil, err
	}
	p.Amends, p.LatestAmend, p.TagsFrom = message.Hash(amends), message.Hash(latest), message.Hash(tags)
	return &p, nil
}

const sqlPost = `SELECT ` + postColumns + ` FROM posts p WHERE p.id = (SELECT m.id FROM messages m WHERE m.item_hash = $1)`

// Post returns a post or an amend, or [message.ErrNotFound].
func (r Reader) Post(ctx context.Context, hash message.Hash) (*PostRow, error) {
	if row, ok, err := recall(r.known.posts, hash); ok {
		return row, err
	}
	rows, err := r.q.query(ctx, "post.get", sqlPost, string(hash))
	return one(rows, err, scanPost)
}

const sqlAmends = `SELECT ` + postColumns + ` FROM posts p WHERE p.amends = $1 ORDER BY p.creation_datetime DESC, p.item_hash`

// Amends returns the amends of a post, the newest first.
func (r Reader) Amends(ctx context.Context, original message.Hash) ([]*PostRow, error) {
	if list, ok := r.known.amends[original]; ok {
		return slices.Clone(list), nil
	}
	rows, err := r.q.query(ctx, "post.amends", sqlAmends, string(original))
	return all(rows, err, scanPost)
}

const (
	sqlInsertPost = `INSERT INTO posts (id, item_hash, owner, type, ref, amends, channel, creation_datetime, last_updated, tags_from)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9)`
	sqlTagPost = `INSERT INTO post_tags (id, tag, last_updated, item_hash) VALUES ($1, $2, $3, $4)`
)

// InsertPost records a post or an amend, whose message was inserted just before.
func (tx *Tx) InsertPost(p *PostRow) error {
	id, err := tx.number(p.ItemHash)
	if err != nil {
		return err
	}
	err = tx.exec("post.insert", sqlInsertPost, id, string(p.ItemHash), string(p.Owner), p.Type, nullPtr(p.Ref), null(p.Amends),
		nullPtr(p.Channel), int64(p.Created), null(p.TagsFrom))
	if err != nil {
		return err
	}
	tx.learnPost(id, p)
	if p.Amends != "" {
		return nil
	}
	tx.countPost(p, p.Created, 1)
	return tx.tagPost(id, p.ItemHash, p.Created, p.Tags)
}

// learnPost keeps in mind a post that was inserted.
func (tx *Tx) learnPost(id int64, p *PostRow) {
	row := *p
	row.id, row.LastUpdated = id, p.Created
	tx.known.posts[p.ItemHash] = &row
	delete(tx.known.amends, p.Amends)
	if p.TagsFrom != "" {
		tx.known.tagsOf[p.TagsFrom] = p.Tags
	}
}

// tagPost records the tags that a post shows.
func (tx *Tx) tagPost(id int64, hash message.Hash, updated message.Timestamp, tags []string) error {
	for _, tag := range tags {
		if err := tx.exec("post.tag", sqlTagPost, id, tag, int64(updated), string(hash)); err != nil {
			return err
		}
		tx.countValue(listPosts, "tag", tag, 1)
	}
	return nil
}

const (
	sqlPostTags  = `SELECT tag FROM post_tags WHERE id = $1`
	sqlUntagPost = `DELETE FROM post_tags WHERE id = $1`
)

// untagPost takes away the tags that a post shows.
func (tx *Tx) untagPost(p *PostRow) error {
	tags, ok := tx.known.tagsOf[p.TagsFrom]
	if !ok {
		rows, err := tx.query(tx.ctx, "post.tags", sqlPostTags, p.id)
		if tags, err = all(rows, err, column[string]); err != nil {
			return err
		}
	}
	if len(tags) == 0 {
		return nil
	}
	for _, tag := range tags {
		tx.countValue(listPosts, "tag", tag, -1)
	}
	return tx.exec("post.untag", sqlUntagPost, p.id)
}

// tagsOf returns the tags of a live message.
func (tx *Tx) tagsOf(hash message.Hash) ([]string, error) {
	if tags, ok := tx.known.tagsOf[hash]; ok {
		return tags, nil
	}
	rows, err := tx.query(tx.ctx, "message.tags", sqlTagsOf, string(hash))
	return all(rows, err, column[string])
}

const (
	sqlShowAmend = `UPDATE posts SET latest_amend = $2, last_updated = $3, tags_from = $4 WHERE id = $1`
	sqlTagsOf    = `SELECT t.tag FROM messages m JOIN message_tags t ON t.id = m.id WHERE m.item_hash = $1`
)

// ShowAmend makes an original show an amend, or itself when amend is "".
func (tx *Tx) ShowAmend(original *PostRow, amend message.Hash, updated message.Timestamp, tagsFrom message.Hash) error {
	tx.countHour(listPosts, original.LastUpdated, -1)
	tx.countHour(listPosts, updated, 1)
	if err := tx.exec("post.show", sqlShowAmend, original.id, null(amend), int64(updated), null(tagsFrom)); err != nil {
		return err
	}
	if original.TagsFrom != "" {
		if err := tx.untagPost(original); err != nil {
			return err
		}
	}
	now := *original
	now.LatestAmend, now.LastUpdated, now.TagsFrom = amend, updated, tagsFrom
	tx.known.posts[original.ItemHash] = &now
	if tagsFrom == "" {
		return nil
	}
	tags, err := tx.tagsOf(tagsFrom)
	if err != nil {
		return err
	}
	return tx.tagPost(original.id, original.ItemHash, updated, tags)
}

const sqlDeletePost = `DELETE FROM posts WHERE id = $1`

// DeletePost removes a post or an amend that was read.
func (tx *Tx) DeletePost(p *PostRow) error {
	if p.Amends == "" {
		tx.countPost(p, p.LastUpdated, -1)
		if p.TagsFrom != "" {
			if err := tx.untagPost(p); err != nil {
				return err
			}
		}
	}
	tx.known.posts[p.ItemHash] = nil
	if list, ok := tx.known.amends[p.Amends]; ok {
		tx.known.amends[p.Amends] = slices.DeleteFunc(slices.Clone(list), func(other *PostRow) bool { return other.id == p.id })
	}
	return tx.exec("post.delete", sqlDeletePost, p.id)
}

const sqlOwnTags = `SELECT t.item_hash FROM messages m JOIN message_tags t ON t.id = m.id WHERE m.item_hash = $1 LIMIT 1`

// OwnTags returns hash when that message has tags of its own, else "".
func (r Reader) OwnTags(ctx context.Context, hash message.Hash) (message.Hash, error) {
	switch tags, ok := r.known.tagsOf[hash]; {
	case ok && len(tags) > 0:
		return hash, nil
	case ok:
		return "", nil
	}
	rows, err := r.q.query(ctx, "message.tagged", sqlOwnTags, string(hash))
	own, err := one(rows, err, column[message.Hash])
	if errors.Is(err, message.ErrNotFound) {
		return "", nil
	}
	return own, err
}

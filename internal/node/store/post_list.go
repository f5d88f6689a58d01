package store

import (
	"context"

	"aleph/message"
)

// PostFilter selects posts by what their originals say; amends are not listed
// on their own. // spec ccn-http-api 6.1
type PostFilter struct {
	Owners   []message.Address
	Hashes   []message.Hash
	Refs     []string
	Types    []string
	Tags     []string // of what the post shows now
	Channels []string
	Chains   []message.Chain
	// From and Until bound the time of what the post shows now.
	From, Until message.Timestamp
}

// PostList is one page of posts.
type PostList struct {
	PostFilter
	// ByConfirmation orders by the first confirmation of the original:
	// unconfirmed posts are newer than all others.
	ByConfirmation bool
	Ascending      bool
	// After begins the page after a place in the order by last update.
	After  *After
	Offset int64
	// Limit is the most rows, 0 for all.
	Limit int64
}

// ListedPost is a post with the messages it comes from. Both are nil when it was
// forgotten while the list was read: the post counts as a place in the list,
// after which the next page begins, and is not shown.
type ListedPost struct {
	PostRow
	Original *MessageRow
	// Latest is the amend that the post shows, else the original.
	Latest *MessageRow
}

// ListPosts returns a page of posts.
func (r Reader) ListPosts(ctx context.Context, l PostList) ([]ListedPost, error) {
	text, args := l.statement()
	rows, err := r.q.query(ctx, "", text, args...)
	posts, err := all(rows, err, scanPost)
	if err != nil {
		return nil, err
	}
	return r.postMessages(ctx, posts)
}

func (l PostList) statement() (string, []any) {
	w := l.where()
	if l.After != nil {
		w.after("p.last_updated", "p.item_hash", l.Ascending, *l.After)
	}
	from := ` FROM posts p`
	if l.ByConfirmation {
		from += ` LEFT JOIN messages m ON m.item_hash = p.item_hash`
	}
	text := `SELECT ` + postColumns + from + w.clause() + l.order() + w.limit(l.Limit, l.Offset)
	return text, w.args
}

func (l PostList) order() string {
	switch {
	case l.ByConfirmation && l.Ascending:
		return ` ORDER BY m.first_confirmed_at IS NULL, m.first_confirmed_at, p.creation_datetime, p.item_hash`
	case l.ByConfirmation:
		return ` ORDER BY m.first_confirmed_at IS NOT NULL, m.first_confirmed_at DESC, p.creation_datetime DESC, p.item_hash`
	case l.Ascending:
		return ` ORDER BY p.last_updated, p.item_hash`
	}
	return ` ORDER BY p.last_updated DESC, p.item_hash`
}

// postMessages joins the messages of a page.
func (r Reader) postMessages(ctx context.Context, posts []*PostRow) ([]ListedPost, error) {
	hashes := make([]message.Hash, 0, 2*len(posts))
	for _, p := range posts {
		hashes = append(hashes, p.ItemHash)
		if p.LatestAmend != "" {
			hashes = append(hashes, p.LatestAmend)
		}
	}
	messages, err := r.Messages(ctx, hashes)
	if err != nil {
		return nil, err
	}
	listed := make([]ListedPost, len(posts))
	for i, p := range posts {
		listed[i].PostRow = *p
		original := messages[p.ItemHash]
		latest := original
		if p.LatestAmend != "" {
			latest = messages[p.LatestAmend]
		}
		if original != nil && latest != nil {
			listed[i].Original, listed[i].Latest = original, latest
		}
	}
	return listed, nil
}

// CountPosts returns how many posts a filter selects.
func (r Reader) CountPosts(ctx context.Context, f PostFilter) (int64, error) {
	w := f.where()
	rows, err := r.q.query(ctx, "", `SELECT COUNT(*) FROM posts p`+w.clause(), w.args...)
	return one(rows, err, column[int64])
}

func (f PostFilter) where() *where {
	w := new(where)
	w.raw("p.amends IS NULL")
	// From what selects least to what selects most.
	narrow(w, "p.item_hash", unique(f.Hashes))
	narrow(w, "p.ref", unique(f.Refs))
	narrow(w, "p.owner", unique(f.Owners))
	w.tagged("p.tags_from", unique(f.Tags))
	narrow(w, "p.channel", unique(f.Channels))
	narrow(w, "p.type", unique(f.Types))
	if chains := unique(f.Chains); len(chains) > 0 {
		w.raw("EXISTS (SELECT 1 FROM messages c WHERE c.item_hash = p.item_hash AND c.chain IN (" + list(w, chains) + "))")
	}
	w.between("p.last_updated", f.From, f.Until)
	return w
}

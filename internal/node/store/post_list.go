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
	w := new(where)
	l.PostFilter.rest(w)
	list := listing{
		where: w, table: "posts p", alias: "p", columns: postColumns, time: "last_updated", ascending: l.Ascending, after: l.After,
		filters: l.PostFilter.filters(), limit: l.Limit, offset: l.Offset,
	}
	if !l.ByConfirmation {
		return list.statement()
	}
	list.narrow()
	order := ` ORDER BY m.first_confirmed_at IS NOT NULL, m.first_confirmed_at DESC, p.creation_datetime DESC, p.item_hash`
	if l.Ascending {
		order = ` ORDER BY m.first_confirmed_at IS NULL, m.first_confirmed_at, p.creation_datetime, p.item_hash`
	}
	text := `SELECT ` + postColumns + ` FROM posts p JOIN messages m ON m.id = p.id` + w.clause() + order + pageOf(l.Limit, l.Offset)
	return text, w.args
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

// CountPosts returns how many posts a filter selects. A filter by one thing reads
// a total that is kept on write.
func (r Reader) CountPosts(ctx context.Context, f PostFilter) (int64, error) {
	if dimension, values, ok := f.kept(); ok && f.From == 0 && f.Until == 0 {
		return r.valueTotal(ctx, listPosts, dimension, values...)
	} else if ok && dimension == "" {
		return r.between(ctx, listPosts, sqlPostsWithin, f.From, f.Until)
	}
	w := new(where)
	f.rest(w)
	list := listing{where: w, table: "posts p", alias: "p", filters: f.filters()}
	list.narrow()
	rows, err := r.q.query(ctx, "", `SELECT COUNT(*) FROM posts p`+w.clause(), w.args...)
	return one(rows, err, column[int64])
}

// kept returns the dimension of a filter by at most one thing, besides time.
func (f PostFilter) kept() (string, []string, bool) {
	if len(f.Hashes)+len(f.Refs)+len(f.Chains) > 0 || len(f.Tags) > 1 {
		return "", nil, false
	}
	dimension, values := "", []string{""}
	for _, d := range []struct {
		name   string
		values []string
	}{{"owner", unique(f.Owners)}, {"type", unique(f.Types)}, {"channel", unique(f.Channels)}, {"tag", unique(f.Tags)}} {
		if len(d.values) == 0 {
			continue
		}
		if dimension != "" {
			return "", nil, false
		}
		dimension, values = d.name, d.values
	}
	return dimension, values, true
}

// filters returns what has an index, from what selects least to what selects
// most.
func (f PostFilter) filters() []filter {
	return []filter{
		{hashes: true, values: unique(f.Hashes)},
		{column: "p.ref", values: unique(f.Refs)},
		{column: "p.owner", values: unique(f.Owners)},
		{table: "post_tags", values: unique(f.Tags)},
		{column: "p.channel", values: unique(f.Channels)},
		{column: "p.type", values: unique(f.Types)},
	}
}

// rest adds the conditions that are looked at row by row.
func (f PostFilter) rest(w *where) {
	w.raw("p.amends IS NULL")
	if chains := unique(f.Chains); len(chains) > 0 {
		w.raw("EXISTS (SELECT 1 FROM messages c WHERE c.id = p.id AND c.chain IN (" + list(w, chains) + "))")
	}
	w.between("p.last_updated", f.From, f.Until)
}

package client

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/url"
	"time"

	"aleph/message"
)

// PostFilter selects posts. Fields combine with AND, the elements of a list
// with OR. // spec ccn-http-api 6.1
type PostFilter struct {
	// Hashes are those of the original messages.
	Hashes    []message.Hash
	Addresses []message.Address // owners
	Types     []string
	Refs      []string
	Tags      []string
	Channels  []string
	// Since and Until bound the time of the last change; Until is exclusive.
	Since, Until time.Time
	Ascending    bool
	// Page counts from 1, PerPage is the page's size; zero is the node's default.
	Page, PerPage int
}

func (f *PostFilter) query() (url.Values, error) {
	q := make(query)
	putList(q, "hashes", f.Hashes)
	putList(q, "addresses", f.Addresses)
	putList(q, "types", f.Types)
	putList(q, "refs", f.Refs)
	putList(q, "tags", f.Tags)
	putList(q, "channels", f.Channels)
	q.putTime("startDate", f.Since)
	q.putTime("endDate", f.Until)
	if f.Ascending {
		q.put("sortOrder", "1")
	}
	q.putPage(f.Page, f.PerPage)
	return q.values()
}

// Post is a document as it stands after its latest amend.
// // spec ccn-http-api 6.3
type Post struct {
	// Hash is the original message's; Latest is that of the newest amend, or
	// the same.
	Hash    message.Hash    `json:"original_item_hash"`
	Latest  message.Hash    `json:"item_hash"`
	Type    string          `json:"original_type"`
	Owner   message.Address `json:"address"`
	Content json.RawMessage `json:"content"`
	Ref     *string         `json:"ref"`
	Channel *string         `json:"channel"`
	Created time.Time       `json:"created"`
	Updated time.Time       `json:"last_updated"`
}

// PostPage is one page of posts.
type PostPage struct {
	Posts         []Post
	Page, PerPage int
	Total         int64
}

// Posts returns one page of the posts that a filter selects.
func (c *Client) Posts(ctx context.Context, f PostFilter) (*PostPage, error) {
	q, err := f.query()
	if err != nil {
		return nil, err
	}
	page, _, err := c.postPage(ctx, q)
	return page, err
}

func (c *Client) postPage(ctx context.Context, q url.Values) (page *PostPage, next string, err error) {
	var w struct {
		Posts []Post `json:"posts"`
		pageMembers
	}
	if err := c.getJSON(ctx, "/api/v1/posts.json", q, listLimit, &w); err != nil {
		return nil, "", err
	}
	return &PostPage{Posts: w.Posts, Page: w.Page, PerPage: w.PerPage, Total: w.Total}, w.NextCursor, nil
}

// AllPosts walks through every post that a filter selects. It ends after the
// first error. The filter's Page is ignored.
func (c *Client) AllPosts(ctx context.Context, f PostFilter) iter.Seq2[Post, error] {
	if f.PerPage <= 0 || f.PerPage > cursorPage {
		f.PerPage = cursorPage
	}
	f.Page = 0
	return walkCursor(func(cursor string) ([]Post, string, error) {
		q, err := f.query()
		if err != nil {
			return nil, "", err
		}
		q.Set("cursor", cursor)
		page, next, err := c.postPage(ctx, q)
		if err != nil {
			return nil, "", err
		}
		return page.Posts, next, nil
	})
}

// Post returns one post by the hash of its original message.
func (c *Client) Post(ctx context.Context, original message.Hash) (*Post, error) {
	page, err := c.Posts(ctx, PostFilter{Hashes: []message.Hash{original}, PerPage: 1})
	if err != nil {
		return nil, err
	}
	if len(page.Posts) == 0 {
		return nil, fmt.Errorf("post %s: %w", original, message.ErrNotFound)
	}
	return &page.Posts[0], nil
}

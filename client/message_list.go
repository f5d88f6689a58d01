package client

import (
	"context"
	"encoding/json"
	"iter"
	"net/url"
)

// cursorPage is the largest page of a walk by cursor. // spec ccn-http-api 2.9
const cursorPage = 200

// MessagePage is one page of a list of messages.
type MessagePage struct {
	Messages []*Received
	// Page, PerPage and Total are set in page mode only.
	Page, PerPage int
	Total         int64
	// NextCursor continues a walk by cursor; empty on its last page and in page
	// mode.
	NextCursor string
	raw        json.RawMessage
}

// Raw returns the JSON object that the node answered.
func (p *MessagePage) Raw() json.RawMessage { return p.raw }

// Messages returns one page of the messages that a filter selects.
// // spec ccn-http-api 5.1
func (c *Client) Messages(ctx context.Context, f MessageFilter) (*MessagePage, error) {
	q, err := f.query()
	if err != nil {
		return nil, err
	}
	query(q).putPage(f.Page, f.PerPage)
	return c.messagePage(ctx, q)
}

// MessagesAfter returns the page that a cursor points at: the first one for an
// empty cursor, then each page's NextCursor. Unlike numbered pages, pages by
// cursor neither repeat nor skip when messages arrive in between. The filter's
// Page is ignored and its PerPage is at most 200. // spec ccn-http-api 2.9
func (c *Client) MessagesAfter(ctx context.Context, f MessageFilter, cursor string) (*MessagePage, error) {
	q, err := f.query()
	if err != nil {
		return nil, err
	}
	query(q).putPage(0, f.PerPage)
	q.Set("cursor", cursor)
	return c.messagePage(ctx, q)
}

func (c *Client) messagePage(ctx context.Context, q url.Values) (*MessagePage, error) {
	var raw json.RawMessage
	const path = "/api/v0/messages.json"
	if err := c.getJSON(ctx, path, q, listLimit, &raw); err != nil {
		return nil, err
	}
	var w struct {
		Messages []json.RawMessage `json:"messages"`
		pageMembers
	}
	if err := json.Unmarshal(raw, &w); err != nil {
		return nil, decodeError(path, err)
	}
	page := &MessagePage{
		Messages: make([]*Received, len(w.Messages)),
		Page:     w.Page, PerPage: w.PerPage, Total: w.Total, NextCursor: w.NextCursor, raw: raw,
	}
	for i, entry := range w.Messages {
		received, err := decodeReceived(entry)
		if err != nil {
			return nil, decodeError(path, err)
		}
		page.Messages[i] = received
	}
	return page, nil
}

// pageMembers are what every list carries next to its items.
// // spec ccn-http-api 2.8
type pageMembers struct {
	Page       int    `json:"pagination_page"`
	PerPage    int    `json:"pagination_per_page"`
	Total      int64  `json:"pagination_total"`
	NextCursor string `json:"next_cursor"`
}

// AllMessages walks through every message that a filter selects, page by page.
// It ends after the first error. The filter's Page is ignored.
func (c *Client) AllMessages(ctx context.Context, f MessageFilter) iter.Seq2[*Received, error] {
	if f.PerPage <= 0 || f.PerPage > cursorPage {
		f.PerPage = cursorPage
	}
	if f.pagesOnly() {
		return walkPages(func(number int) ([]*Received, int64, error) {
			f.Page = number
			page, err := c.Messages(ctx, f)
			if err != nil {
				return nil, 0, err
			}
			return page.Messages, page.Total, nil
		})
	}
	return walkCursor(func(cursor string) ([]*Received, string, error) {
		page, err := c.MessagesAfter(ctx, f, cursor)
		if err != nil {
			return nil, "", err
		}
		return page.Messages, page.NextCursor, nil
	})
}

// walkCursor yields the items of one page after the other until a page names no
// next one.
func walkCursor[T any](fetch func(cursor string) ([]T, string, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for cursor := ""; ; {
			items, next, err := fetch(cursor)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
			}
			if next == "" || next == cursor {
				return
			}
			cursor = next
		}
	}
}

// walkPages yields the items of numbered pages until the total is reached.
func walkPages[T any](fetch func(number int) ([]T, int64, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var seen int64
		for page := 1; ; page++ {
			items, total, err := fetch(page)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
			}
			seen += int64(len(items))
			if len(items) == 0 || seen >= total {
				return
			}
		}
	}
}

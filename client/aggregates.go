package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"time"

	"aleph/message"
)

// Aggregates returns the documents of an owner by key; all of them when no key
// is named. None at all is [message.ErrNotFound]. // spec ccn-http-api 7.1
func (c *Client) Aggregates(ctx context.Context, owner message.Address, keys ...string) (map[string]json.RawMessage, error) {
	q := make(query)
	putList(q, "keys", keys)
	values, err := q.values()
	if err != nil {
		return nil, err
	}
	var answer struct {
		Data map[string]json.RawMessage `json:"data"`
	}
	path := "/api/v0/aggregates/" + url.PathEscape(string(owner)) + ".json"
	if err := c.getJSON(ctx, path, values, listLimit, &answer); err != nil {
		return nil, fmt.Errorf("aggregates of %s: %w", owner, err)
	}
	if len(answer.Data) == 0 {
		return nil, fmt.Errorf("aggregates of %s: %w", owner, message.ErrNotFound)
	}
	return answer.Data, nil
}

// Aggregate returns one document.
func (c *Client) Aggregate(ctx context.Context, owner message.Address, key string) (json.RawMessage, error) {
	data, err := c.Aggregates(ctx, owner, key)
	if err != nil {
		return nil, err
	}
	content, ok := data[key]
	if !ok {
		return nil, fmt.Errorf("aggregate %q of %s: %w", key, owner, message.ErrNotFound)
	}
	return content, nil
}

// AggregateEntry is one document of a list.
type AggregateEntry struct {
	Owner   message.Address `json:"address"`
	Key     string          `json:"key"`
	Content json.RawMessage `json:"content"`
	Created time.Time       `json:"created"`
	Updated time.Time       `json:"last_updated"`
}

// ListAggregates returns one page of documents of any owner, the last changed
// first. // spec ccn-http-api 7.2
func (c *Client) ListAggregates(ctx context.Context, owners []message.Address, keys []string, page, perPage int) ([]AggregateEntry, error) {
	q := make(query)
	putList(q, "addresses", owners)
	putList(q, "keys", keys)
	q.putPage(page, perPage)
	values, err := q.values()
	if err != nil {
		return nil, err
	}
	var answer struct {
		Aggregates []AggregateEntry `json:"aggregates"`
	}
	err = c.getJSON(ctx, "/api/v0/aggregates.json", values, listLimit, &answer)
	return answer.Aggregates, err
}

// AddressFile is a file that an owner keeps.
type AddressFile struct {
	File    message.Hash `json:"file_hash"`
	Size    int64        `json:"size"`
	Type    string       `json:"type"`
	Created time.Time    `json:"created"`
	// Message is the STORE message.
	Message message.Hash `json:"item_hash"`
}

// Files returns one page of the files that an owner keeps, newest first, and
// the size of all of them in bytes. // spec ccn-http-api 8.6
func (c *Client) Files(ctx context.Context, owner message.Address, page, perPage int) ([]AddressFile, int64, error) {
	q := make(query)
	q.putPage(page, perPage)
	values, err := q.values()
	if err != nil {
		return nil, 0, err
	}
	var answer struct {
		Files     []AddressFile `json:"files"`
		TotalSize int64         `json:"total_size"`
	}
	path := "/api/v0/addresses/" + url.PathEscape(string(owner)) + "/files"
	if err := c.getJSON(ctx, path, values, listLimit, &answer); err != nil {
		return nil, 0, fmt.Errorf("files of %s: %w", owner, err)
	}
	return answer.Files, answer.TotalSize, nil
}

// AllFiles walks through every file that an owner keeps, newest first. It ends
// after the first error.
func (c *Client) AllFiles(ctx context.Context, owner message.Address) iter.Seq2[AddressFile, error] {
	return func(yield func(AddressFile, error) bool) {
		for page := 1; ; page++ {
			files, _, err := c.Files(ctx, owner, page, cursorPage)
			if errors.Is(err, message.ErrNotFound) { // how the node says that the page is empty
				return
			}
			if err != nil {
				yield(AddressFile{}, err)
				return
			}
			for _, file := range files {
				if !yield(file, nil) {
					return
				}
			}
			if len(files) < cursorPage {
				return
			}
		}
	}
}

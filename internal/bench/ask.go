package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// asker asks a node for pages of its lists, one request after the other.
type asker struct {
	api    string
	client *http.Client
}

func newAsker(api string) *asker {
	return &asker{api: api, client: &http.Client{Timeout: time.Minute}}
}

func (a *asker) close() { a.client.CloseIdleConnections() }

// listPage is what the measurements read of a page.
type listPage struct {
	Messages []listedMessage `json:"messages"`
	Next     *string         `json:"next_cursor"`
	Total    int64           `json:"pagination_total"`
}

// listedMessage is what the measurement learns values from.
type listedMessage struct {
	ItemHash string          `json:"item_hash"`
	Type     string          `json:"type"`
	Chain    string          `json:"chain"`
	Sender   string          `json:"sender"`
	Channel  *string         `json:"channel"`
	Time     float64         `json:"time"`
	Content  json.RawMessage `json:"content"`
}

// mostPage is the largest answer that is read.
const mostPage = 256 << 20

// body returns what a path answers, when that is 200.
func (a *asker) body(ctx context.Context, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.api+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	res, err := a.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, mostPage))
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s: %.300s", path, res.Status, body)
	}
	return body, nil
}

// page reads a page of a list.
func (a *asker) page(ctx context.Context, path string, query url.Values) (*listPage, error) {
	var page listPage
	return &page, a.read(ctx, path+"?"+query.Encode(), &page)
}

// read reads what a path answers into a value.
func (a *asker) read(ctx context.Context, path string, into any) error {
	body, err := a.body(ctx, path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// sample returns the newest and the oldest messages, a thousand of each.
func (a *asker) sample(ctx context.Context) ([]listedMessage, error) {
	var messages []listedMessage
	for _, order := range []string{"-1", "1"} {
		for page := range 5 {
			got, err := a.page(ctx, messagesPath, url.Values{
				"pagination": {"200"}, "page": {strconv.Itoa(page + 1)}, "sortOrder": {order},
			})
			if err != nil {
				return nil, err
			}
			messages = append(messages, got.Messages...)
		}
	}
	return messages, nil
}

package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"syscall"

	"aleph/message"
)

// Client asks a running node on the same machine.
type Client struct {
	path string
	http *http.Client
}

// NewClient returns a client of the node whose socket has this path. It asks
// nothing yet.
func NewClient(path string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		dialer := net.Dialer{Timeout: dialTime}
		return dialer.DialContext(ctx, "unix", path)
	}
	return &Client{path: path, http: &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}}
}

// Retry tries dead letters again.
func (c *Client) Retry(ctx context.Context, s Selection) (Answer, error) {
	return c.ask(ctx, pathRetry, s)
}

// Drop drops dead letters.
func (c *Client) Drop(ctx context.Context, s Selection) (Answer, error) {
	return c.ask(ctx, pathDrop, s)
}

func (c *Client) ask(ctx context.Context, path string, s Selection) (Answer, error) {
	var a Answer
	body, err := json.Marshal(s)
	if err != nil {
		return a, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://node"+path, bytes.NewReader(body))
	if err != nil {
		return a, err
	}
	res, err := c.http.Do(req)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return a, fmt.Errorf("%w: no node answers on %s: start it, or name its data folder with --data-dir", message.ErrUnavailable, c.path)
	case errors.Is(err, fs.ErrPermission):
		return a, fmt.Errorf("%w: only the user who runs the node may open %s", message.ErrForbidden, c.path)
	case err != nil:
		return a, fmt.Errorf("ask the node on %s: %w", c.path, err)
	}
	defer res.Body.Close()
	dec := json.NewDecoder(res.Body)
	if res.StatusCode != http.StatusOK {
		var f failure
		if err := dec.Decode(&f); err != nil {
			return a, fmt.Errorf("the node on %s answers %s", c.path, res.Status)
		}
		return a, fmt.Errorf("%w: %s", message.ErrUnavailable, f.Error)
	}
	if err := dec.Decode(&a); err != nil {
		return a, fmt.Errorf("read the answer of the node on %s: %w", c.path, err)
	}
	return a, nil
}

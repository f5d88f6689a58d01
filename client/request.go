package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"aleph/message"
)

// Limits of what is read into memory. Files are streamed and not among them.
const (
	listLimit   = 256 << 20 // a page of any size that a node would serve
	objectLimit = 32 << 20  // one message, post or aggregate document
)

// A read is tried this often when the node does not answer or is overloaded.
const readAttempts = 3

// retryPause is how long to wait before the first repetition; it doubles.
const retryPause = 100 * time.Millisecond

// apiURL returns the URL of a route of the node.
func (c *Client) apiURL(path string, query url.Values) (string, error) {
	if c.api == "" {
		return "", fmt.Errorf("%w: no node is configured: set Config.API", message.ErrInvalid)
	}
	return withQuery(c.api+path, query), nil
}

func withQuery(target string, query url.Values) string {
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	return target
}

// getJSON reads a route of the node into a value.
func (c *Client) getJSON(ctx context.Context, path string, query url.Values, limit int64, into any) error {
	target, err := c.apiURL(path, query)
	if err != nil {
		return err
	}
	return c.readJSON(ctx, target, limit, into)
}

// readJSON reads an absolute URL into a value, with repetitions.
func (c *Client) readJSON(ctx context.Context, target string, limit int64, into any) error {
	ctx, cancel := deadline(ctx, c.timeout)
	defer cancel()
	body, err := c.readRepeatedly(ctx, target, limit)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return decodeError(target, err)
	}
	return nil
}

func (c *Client) readRepeatedly(ctx context.Context, target string, limit int64) ([]byte, error) {
	for attempt := 1; ; attempt++ {
		body, err := c.read(ctx, target, limit)
		if err == nil || attempt == readAttempts || !worthRepeating(ctx, err) {
			return body, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(pause(attempt)):
		}
	}
}

func (c *Client) read(ctx context.Context, target string, limit int64) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", message.ErrInvalid, err)
	}
	req.Header.Set("Accept", "application/json")
	res, err := c.send(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, answerError(res, req.Method, target)
	}
	return readBody(ctx, res, target, limit)
}

// send makes one request and explains why there is no answer.
func (c *Client) send(req *http.Request) (*http.Response, error) {
	req.Header.Set("User-Agent", c.userAgent)
	res, err := c.http.Do(req)
	if err != nil {
		return nil, unreachable(req.Context(), req.URL.String(), err)
	}
	return res, nil
}

// postJSON sends a value and returns the answer whatever its status.
func (c *Client) postJSON(ctx context.Context, target string, value any) (status int, body []byte, fail error, err error) {
	sent, err := compactJSON(value)
	if err != nil {
		return 0, nil, nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(sent))
	if err != nil {
		return 0, nil, nil, fmt.Errorf("%w: %w", message.ErrInvalid, err)
	}
	req.Header.Set("Content-Type", "application/json")
	return c.exchange(req)
}

// exchange sends a request that changes something, once. fail describes the
// answer when its status is not a success; err says that there is no answer.
func (c *Client) exchange(req *http.Request) (status int, body []byte, fail error, err error) {
	target := req.URL.String()
	res, err := c.send(req)
	if err != nil {
		return 0, nil, nil, err
	}
	defer res.Body.Close()
	body, err = readBody(req.Context(), res, target, objectLimit)
	if err != nil {
		return 0, nil, nil, err
	}
	if res.StatusCode/100 != 2 {
		res.Body = io.NopCloser(bytes.NewReader(body))
		fail = answerError(res, req.Method, target)
	}
	return res.StatusCode, body, fail, nil
}

func readBody(ctx context.Context, res *http.Response, target string, limit int64) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	if err != nil {
		return nil, unreachable(ctx, target, err)
	}
	if int64(len(body)) > limit {
		return nil, decodeError(target, fmt.Errorf("larger than %d bytes", limit))
	}
	return body, nil
}

// worthRepeating reports whether the same read may succeed a moment later.
func worthRepeating(ctx context.Context, err error) bool {
	if ctx.Err() != nil {
		return false
	}
	if answer, ok := errors.AsType[*Error](err); ok {
		switch answer.Status {
		case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return true
		}
		return false
	}
	_, ok := errors.AsType[*UnreachableError](err)
	return ok
}

// pause grows with each attempt; the random part keeps many clients from
// coming back at the same moment.
func pause(attempt int) time.Duration {
	d := retryPause << (attempt - 1)
	return d/2 + rand.N(d)
}

// compactJSON serialises without white space and without escaping HTML, as
// every other client of the network does. // spec messages 3.12
func compactJSON(value any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return nil, fmt.Errorf("%w: %w", message.ErrInvalid, err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// number formats an integer for a query.
func number[N int | int64](n N) string { return strconv.FormatInt(int64(n), 10) }

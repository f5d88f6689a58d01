package client

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"aleph/message"
)

// DefaultTimeout bounds a call whose context has no deadline.
const DefaultTimeout = 30 * time.Second

// syncTimeout bounds a call that waits for the network to process a message:
// a node may publish for 20 s and wait 30 s more. // spec ccn-http-api 5.7
const syncTimeout = 75 * time.Second

// Config says where the network is and how to talk to it.
type Config struct {
	// API is the base URL of a core channel node, such as http://127.0.0.1:4024.
	API string
	// Compute is the base URL of a compute host. Empty when none is needed.
	Compute string
	// HTTP makes the requests. Nil means a client of its own, without a total
	// timeout, since downloads and uploads may last.
	HTTP *http.Client
	// UserAgent names the program to the node.
	UserAgent string
	// Timeout bounds each call whose context has no deadline. Zero means
	// [DefaultTimeout], and more for a publication, which may wait until the
	// message is processed. Transfers of files are bounded by standing still,
	// not by their length.
	Timeout time.Duration
}

// Client calls one node and one compute host.
type Client struct {
	api       string
	compute   string
	http      *http.Client
	userAgent string
	timeout   time.Duration
	// publishTimeout bounds a publication.
	publishTimeout time.Duration
}

// New returns a client. It opens no connection.
func New(cfg Config) (*Client, error) {
	api, err := parseBase("node", cfg.API)
	if err != nil {
		return nil, err
	}
	compute, err := parseBase("compute host", cfg.Compute)
	if err != nil {
		return nil, err
	}
	c := &Client{api: api, compute: compute, http: cfg.HTTP, userAgent: cfg.UserAgent, timeout: cfg.Timeout, publishTimeout: cfg.Timeout}
	if c.http == nil {
		c.http = &http.Client{Transport: newTransport()}
	}
	if c.userAgent == "" {
		c.userAgent = "aleph-go"
	}
	if c.timeout <= 0 {
		c.timeout, c.publishTimeout = DefaultTimeout, syncTimeout
	}
	return c, nil
}

// API returns the base URL of the node, without a slash at the end.
func (c *Client) API() string { return c.api }

// Compute returns the base URL of the compute host, without a slash at the end.
func (c *Client) Compute() string { return c.compute }

// Close drops the idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// parseBase checks a base URL and removes the slash at its end.
func parseBase(what, text string) (string, error) {
	if text == "" {
		return "", nil
	}
	u, err := url.Parse(text)
	if err != nil {
		return "", fmt.Errorf("%w: address of the %s: %w", message.ErrInvalid, what, err)
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("%w: address of the %s %q: want a URL like http://host:port", message.ErrInvalid, what, text)
	}
	return strings.TrimRight(u.String(), "/"), nil
}

// newTransport returns connections with deadlines for everything that comes
// before an answer's body, except the wait for the answer itself, which the
// context of the call bounds.
func newTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           dialer.DialContext,
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          128,
		MaxIdleConnsPerHost:   64,
		IdleConnTimeout:       60 * time.Second,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: 2 * time.Second,
	}
}

// deadline returns ctx bounded by d, unless the caller already bounded it.
func deadline(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, d)
}

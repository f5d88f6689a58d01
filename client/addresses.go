package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"aleph/message"
)

// SenderTotals are how many messages an address sent. // spec ccn-http-api 8.1
type SenderTotals struct {
	Messages  int64 `json:"messages"`
	Aggregate int64 `json:"aggregate"`
	Forget    int64 `json:"forget"`
	Instance  int64 `json:"instance"`
	Post      int64 `json:"post"`
	Program   int64 `json:"program"`
	Store     int64 `json:"store"`
}

// Totals returns how many messages addresses sent. One that sent none is absent.
// // spec ccn-http-api 8.1
func (c *Client) Totals(ctx context.Context, addresses ...message.Address) (map[message.Address]SenderTotals, error) {
	values := url.Values{}
	for _, address := range addresses {
		values.Add("addresses[]", string(address))
	}
	var answer struct {
		Data map[message.Address]SenderTotals `json:"data"`
	}
	err := c.getJSON(ctx, "/api/v0/addresses/stats.json", values, listLimit, &answer)
	return answer.Data, err
}

// PostTypes returns the types of the posts that an address sent, in code-point
// order. // spec ccn-http-api 8.7
func (c *Client) PostTypes(ctx context.Context, sender message.Address) ([]string, error) {
	var answer struct {
		Types []string `json:"post_types"`
	}
	if err := c.getJSON(ctx, addressPath(sender, "post_types"), nil, listLimit, &answer); err != nil {
		return nil, fmt.Errorf("post types of %s: %w", sender, err)
	}
	return answer.Types, nil
}

// ChannelsOf returns the channels that an address used. // spec ccn-http-api 8.7
func (c *Client) ChannelsOf(ctx context.Context, sender message.Address) ([]string, error) {
	return c.channels(ctx, addressPath(sender, "channels"))
}

// Channels returns the channels of all live messages, in code-point order.
// // spec ccn-http-api 5.10
func (c *Client) Channels(ctx context.Context) ([]string, error) {
	return c.channels(ctx, "/api/v0/channels/list.json")
}

func (c *Client) channels(ctx context.Context, path string) ([]string, error) {
	var answer struct {
		Channels []string `json:"channels"`
	}
	err := c.getJSON(ctx, path, nil, listLimit, &answer)
	return answer.Channels, err
}

// TriggeredProgram is a program that starts when a message matches.
type TriggeredProgram struct {
	Message message.Hash
	// Triggers are the filters that the program declares.
	Triggers []json.RawMessage
}

// TriggeredPrograms returns the programs that declare message triggers, the newest
// first. // spec ccn-http-api 5.9
func (c *Client) TriggeredPrograms(ctx context.Context) ([]TriggeredProgram, error) {
	var answer []struct {
		Hash    message.Hash `json:"item_hash"`
		Content struct {
			On struct {
				Message []json.RawMessage `json:"message"`
			} `json:"on"`
		} `json:"content"`
	}
	if err := c.getJSON(ctx, "/api/v0/programs/on/message", nil, listLimit, &answer); err != nil {
		return nil, err
	}
	programs := make([]TriggeredProgram, len(answer))
	for i := range answer {
		programs[i] = TriggeredProgram{answer[i].Hash, answer[i].Content.On.Message}
	}
	return programs, nil
}

// NodeKind is what a measured node is.
type NodeKind string

// The kinds of nodes.
const (
	CoreNode    NodeKind = "core"
	ComputeNode NodeKind = "compute"
)

// NodeMetrics returns the measurements of a node since a time, by the names of
// what was measured: parallel lists, the oldest first. A zero time is two weeks
// ago. One without measurements is [message.ErrNotFound]. // spec ccn-http-api 4.7
func (c *Client) NodeMetrics(ctx context.Context, kind NodeKind, node string, since time.Time) (map[string][]json.RawMessage, error) {
	values := url.Values{}
	if !since.IsZero() {
		values.Set("start_date", strconv.FormatInt(since.Unix(), 10))
	}
	var answer struct {
		Metrics map[string][]json.RawMessage `json:"metrics"`
	}
	path := "/api/v0/" + string(kind) + "/" + url.PathEscape(node) + "/metrics"
	if err := c.getJSON(ctx, path, values, listLimit, &answer); err != nil {
		return nil, fmt.Errorf("measurements of node %s: %w", node, err)
	}
	return answer.Metrics, nil
}

package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"

	"aleph/message"
)

// Authorized is an address and what it may do, or lets somebody do: the entries of
// a `security` aggregate, without their address.
type Authorized struct {
	Address message.Address   `json:"address"`
	Entries []json.RawMessage `json:"entries"`
}

// Granted returns a page of whom an address lets act for it, in the order of its
// list, and how many there are. // spec ccn-http-api 7.3
func (c *Client) Granted(ctx context.Context, owner message.Address, page, perPage int) ([]Authorized, int64, error) {
	return c.authorizations(ctx, "granted", owner, page, perPage)
}

// Received returns a page of for whom an address may act, by their addresses, and
// how many there are. // spec ccn-http-api 7.3
func (c *Client) Received(ctx context.Context, grantee message.Address, page, perPage int) ([]Authorized, int64, error) {
	return c.authorizations(ctx, "received", grantee, page, perPage)
}

func (c *Client) authorizations(ctx context.Context, side string, address message.Address, page, perPage int) ([]Authorized, int64, error) {
	q := make(query)
	q.putPage(page, perPage)
	values, err := q.values()
	if err != nil {
		return nil, 0, err
	}
	var answer struct {
		Authorizations authorizedList `json:"authorizations"`
		Total          int64          `json:"pagination_total"`
	}
	path := "/api/v0/authorizations/" + side + "/" + url.PathEscape(string(address)) + ".json"
	if err := c.getJSON(ctx, path, values, listLimit, &answer); err != nil {
		return nil, 0, fmt.Errorf("authorizations %s by %s: %w", side, address, err)
	}
	return answer.Authorizations, answer.Total, nil
}

// authorizedList reads an object whose members have an order.
type authorizedList []Authorized

// UnmarshalJSON implements [json.Unmarshaler].
func (l *authorizedList) UnmarshalJSON(text []byte) error {
	in := json.NewDecoder(bytes.NewReader(text))
	if start, err := in.Token(); err != nil || start != json.Delim('{') {
		return fmt.Errorf("%w: authorizations are no object", message.ErrInvalid)
	}
	*l = authorizedList{}
	for in.More() {
		name, err := in.Token()
		if err != nil {
			return err
		}
		var entries []json.RawMessage
		if err := in.Decode(&entries); err != nil {
			return err
		}
		address, _ := name.(string)
		*l = append(*l, Authorized{message.Address(address), entries})
	}
	return nil
}

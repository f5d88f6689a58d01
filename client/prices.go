package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"

	"aleph/message"
)

// Price is what a message costs: tokens to hold, or tokens or credits a second.
// Costs are decimals with 18 digits. // spec ccn-http-api 9
type Price struct {
	Owner   message.Address     `json:"charged_address"`
	Payment message.PaymentType `json:"payment_type"`
	Cost    string              `json:"cost"`
	Rows    []PriceRow          `json:"detail"`
}

// PriceRow is a part of a price, by each way of paying.
type PriceRow struct {
	Type   string   `json:"type"`
	Name   string   `json:"name"`
	Hold   string   `json:"cost_hold"`
	Stream string   `json:"cost_stream"`
	Credit string   `json:"cost_credit"`
	MiB    *float64 `json:"size_mib"`
}

// Price returns what a message costs, with the sizes of its parts.
// // spec ccn-http-api 9.1
func (c *Client) Price(ctx context.Context, hash message.Hash) (*Price, error) {
	p := new(Price)
	path := "/api/v0/price/" + url.PathEscape(string(hash))
	if err := c.getJSON(ctx, path, url.Values{"include_size": {"true"}}, objectLimit, p); err != nil {
		return nil, fmt.Errorf("price of %s: %w", hash, err)
	}
	return p, nil
}

// EstimatePrice returns what a message would cost. It need not be signed, and its
// files need not be there when its content says their sizes as
// estimated_size_mib. // spec ccn-http-api 9.2
func (c *Client) EstimatePrice(ctx context.Context, m *message.Message) (*Price, error) {
	return c.estimate(ctx, "/api/v0/price/estimate", map[string]any{"message": m})
}

// EstimateInstance returns what an INSTANCE with that content would cost.
// // spec ccn-http-api 9.3
func (c *Client) EstimateInstance(ctx context.Context, content any) (*Price, error) {
	return c.estimate(ctx, "/api/v0/price/estimate/instance", content)
}

func (c *Client) estimate(ctx context.Context, path string, value any) (*Price, error) {
	target, err := c.apiURL(path, nil)
	if err != nil {
		return nil, err
	}
	ctx, cancel := deadline(ctx, c.timeout)
	defer cancel()
	_, body, fail, err := c.postJSON(ctx, target, value)
	if err == nil {
		err = fail
	}
	if err != nil {
		return nil, fmt.Errorf("estimate: %w", err)
	}
	p := new(Price)
	if err := json.Unmarshal(body, p); err != nil {
		return nil, decodeError(target, err)
	}
	return p, nil
}

// CostFilter selects resources. Empty fields do not restrict, but for Payment:
// without one it is credit. // spec ccn-http-api 9.5
type CostFilter struct {
	Owner    message.Address
	Resource message.Hash
	Payment  message.PaymentType
}

// Costs is what resources cost together and one by one.
type Costs struct {
	Summary struct {
		// Consumed are the credits that were spent, however the resources are paid.
		Consumed  json.Number `json:"total_consumed_credits"`
		Hold      string      `json:"total_cost_hold"`
		Stream    string      `json:"total_cost_stream"`
		Credit    string      `json:"total_cost_credit"`
		Resources int64       `json:"resource_count"`
	} `json:"summary"`
	Resources []ResourceCost `json:"resources"`
}

// ResourceCost is what one resource costs and has used.
type ResourceCost struct {
	Hash     message.Hash        `json:"item_hash"`
	Owner    message.Address     `json:"owner"`
	Payment  message.PaymentType `json:"payment_type"`
	Consumed json.Number         `json:"consumed_credits"`
	Hold     string              `json:"cost_hold"`
	Stream   string              `json:"cost_stream"`
	Credit   string              `json:"cost_credit"`
}

// Costs returns what the resources of a filter cost, with a page of them by their
// hash. Page counts from 1; a page has from 10 to 1000, 100 when perPage is zero.
func (c *Client) Costs(ctx context.Context, f CostFilter, page, perPage int) (*Costs, error) {
	q := make(query)
	q.put("include_details", "1")
	q.putPage(page, perPage)
	for key, value := range map[string]string{"address": string(f.Owner), "item_hash": string(f.Resource), "payment_type": string(f.Payment)} {
		if value != "" {
			q.put(key, value)
		}
	}
	values, err := q.values()
	if err != nil {
		return nil, err
	}
	costs := new(Costs)
	if err := c.getJSON(ctx, "/api/v0/costs", values, listLimit, costs); err != nil {
		return nil, fmt.Errorf("costs: %w", err)
	}
	return costs, nil
}

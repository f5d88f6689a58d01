package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"aleph/message"
)

// CreditFilter selects entries of the ledger of an address. Fields combine with
// AND; empty ones do not restrict. // spec ccn-http-api 8.8
type CreditFilter struct {
	TxHash, Token, Chain, Provider, Origin, OriginRef, PaymentMethod string
	// Resource is what an entry is about, ResourceTypes what type of live message.
	Resource      message.Hash
	ResourceTypes []message.Type
	// ExceptMethods drops ways of paying, and entries that name none.
	ExceptMethods []string
	Since, Until  time.Time // both inclusive
	// Direction is "incoming" or "outgoing".
	Direction string
	// SortBy is a column such as "amount"; empty is the time.
	SortBy    string
	Ascending bool
}

func (f *CreditFilter) query() query {
	q := make(query)
	for key, value := range map[string]string{
		"tx_hash": f.TxHash, "token": f.Token, "chain": f.Chain, "provider": f.Provider, "origin": f.Origin, "origin_ref": f.OriginRef,
		"payment_method": f.PaymentMethod, "resource": string(f.Resource), "direction": f.Direction, "sort_by": f.SortBy,
	} {
		if value != "" {
			q.put(key, value)
		}
	}
	putList(q, "resourceTypes", f.ResourceTypes)
	putList(q, "exclude_payment_method", f.ExceptMethods)
	q.putTime("startDate", f.Since)
	q.putTime("endDate", f.Until)
	if f.Ascending {
		q.put("sort_order", "1")
	}
	return q
}

// CreditEntry is an entry of a ledger. Absent members are nil or empty; Price and
// ExpenseMiB are decimals.
type CreditEntry struct {
	// Amount is negative when credits were taken.
	Amount        int64        `json:"amount"`
	Time          time.Time    `json:"message_timestamp"`
	Expires       *time.Time   `json:"expiration_date"`
	PaymentMethod string       `json:"payment_method"`
	Provider      string       `json:"provider"`
	Origin        string       `json:"origin"`
	OriginRef     string       `json:"origin_ref"`
	Price         string       `json:"price"`
	Bonus         json.Number  `json:"bonus_amount"`
	TxHash        string       `json:"tx_hash"`
	Token         string       `json:"token"`
	Chain         string       `json:"chain"`
	Message       message.Hash `json:"credit_ref"` // the POST
	Index         int64        `json:"credit_index"`
	ExpenseCount  *int64       `json:"expense_count"`
	ExpenseMiB    string       `json:"expense_size_mib"`
}

// CreditHistory returns a page of the ledger of an address and how many entries
// there are in all. Page counts from 1; a size of zero is everything. None at
// all is [message.ErrNotFound].
func (c *Client) CreditHistory(ctx context.Context, address message.Address, f CreditFilter, page, perPage int) ([]CreditEntry, int64, error) {
	q := f.query()
	q.putPage(page, perPage)
	values, err := q.values()
	if err != nil {
		return nil, 0, err
	}
	var answer struct {
		List  []CreditEntry `json:"credit_history"`
		Total int64         `json:"pagination_total"`
	}
	if err := c.getJSON(ctx, addressPath(address, "credit_history"), values, listLimit, &answer); err != nil {
		return nil, 0, fmt.Errorf("credits of %s: %w", address, err)
	}
	return answer.List, answer.Total, nil
}

// CreditSummary is what entries of a ledger add up to, in whole numbers of any
// size. // spec ccn-http-api 8.9
type CreditSummary struct {
	Entries  int64       `json:"entry_count"`
	Total    json.Number `json:"total_amount"`
	Incoming json.Number `json:"total_incoming"`
	Outgoing json.Number `json:"total_outgoing"` // not positive
}

// CreditSummary adds up the entries of a ledger. The order of the filter does not
// count.
func (c *Client) CreditSummary(ctx context.Context, address message.Address, f CreditFilter) (*CreditSummary, error) {
	f.SortBy, f.Ascending = "", false
	values, err := f.query().values()
	if err != nil {
		return nil, err
	}
	s := new(CreditSummary)
	if err := c.getJSON(ctx, addressPath(address, "credit_history/summary"), values, objectLimit, s); err != nil {
		return nil, fmt.Errorf("credits of %s: %w", address, err)
	}
	return s, nil
}

// ConsumedCredits returns the credits that a resource has used, a whole number of
// any size; zero for one that nobody knows. // spec ccn-http-api 5.6
func (c *Client) ConsumedCredits(ctx context.Context, resource message.Hash) (json.Number, error) {
	var answer struct {
		Credits json.Number `json:"consumed_credits"`
	}
	path := "/api/v0/messages/" + url.PathEscape(string(resource)) + "/consumed_credits"
	if err := c.getJSON(ctx, path, nil, objectLimit, &answer); err != nil {
		return "", fmt.Errorf("credits used by %s: %w", resource, err)
	}
	return answer.Credits, nil
}

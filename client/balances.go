package client

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"aleph/message"
)

// Balance is what an address has. // spec ccn-http-api 8.3
type Balance struct {
	Address message.Address `json:"address"`
	// Tokens are those on all chains; ByChain says where. Neither counts tokens in
	// contracts.
	Tokens  float64                   `json:"balance"`
	ByChain map[message.Chain]float64 `json:"details"`
	// Locked tokens are held for resources of the address.
	Locked float64 `json:"locked_amount"`
	// Credits are those that have not expired; Lots says until when.
	Credits int64       `json:"credit_balance"`
	Lots    []CreditLot `json:"credit_balance_details"`
}

// CreditLot is what is left of credits that were given at once.
type CreditLot struct {
	Amount  int64      `json:"amount"`
	Expires *time.Time `json:"expiration_date"` // nil: never
}

func addressPath(address message.Address, rest string) string {
	return "/api/v0/addresses/" + url.PathEscape(string(address)) + "/" + rest
}

// Balance returns what an address has; of one that nobody knows, nothing.
func (c *Client) Balance(ctx context.Context, address message.Address) (*Balance, error) {
	b := new(Balance)
	values := url.Values{"include_credit_details": {"true"}}
	if err := c.getJSON(ctx, addressPath(address, "balance"), values, objectLimit, b); err != nil {
		return nil, fmt.Errorf("balance of %s: %w", address, err)
	}
	return b, nil
}

// ChainBalance is the tokens of an address on a chain. An address with tokens in
// contracts has several of one chain.
type ChainBalance struct {
	Address message.Address `json:"address"`
	Chain   message.Chain   `json:"chain"`
	Tokens  float64         `json:"balance"`
}

// BalancesAfter returns a page of up to 200 balances of all addresses, by address:
// the first one for an empty cursor, then what follows the cursor that the page
// before returned. An empty cursor is returned with the last page. Least is the
// least balance, zero for any. // spec ccn-http-api 8.4
func (c *Client) BalancesAfter(ctx context.Context, chains []message.Chain, least int64, cursor string) ([]ChainBalance, string, error) {
	q := make(query)
	putList(q, "chains", chains)
	q.putNumber("min_balance", least)
	values, err := q.values()
	if err != nil {
		return nil, "", err
	}
	var page struct {
		List []ChainBalance `json:"balances"`
		Next string         `json:"next_cursor"`
	}
	values.Set("cursor", cursor)
	err = c.getJSON(ctx, "/api/v0/balances", values, listLimit, &page)
	return page.List, page.Next, err
}

// AddressCredits are the credits of an address.
type AddressCredits struct {
	Address message.Address `json:"address"`
	Credits int64           `json:"credits"`
}

// CreditBalancesAfter is BalancesAfter for credits. // spec ccn-http-api 8.5
func (c *Client) CreditBalancesAfter(ctx context.Context, least int64, cursor string) ([]AddressCredits, string, error) {
	q := make(query)
	q.putNumber("min_balance", least)
	values, err := q.values()
	if err != nil {
		return nil, "", err
	}
	var page struct {
		List []AddressCredits `json:"credit_balances"`
		Next string           `json:"next_cursor"`
	}
	values.Set("cursor", cursor)
	err = c.getJSON(ctx, "/api/v0/credit_balances", values, listLimit, &page)
	return page.List, page.Next, err
}

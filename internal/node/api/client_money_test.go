package api_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"aleph/client"
	"aleph/message"
)

// The SDK reads what the routes about money answer.
func TestClientReadsMoney(t *testing.T) {
	t.Parallel()
	m := openMarket(t)
	fillBalances(t, m.testNode)
	fillLedger(t, m.testNode)
	bob := key(t, "2")
	m.holds(bob, 100)
	stored := signed(t, bob, message.TypeStore, "c", float64(noon.Unix()), `"item_type":"storage","item_hash":"`+string(m.file())+`"`)
	if r := m.publish(t, stored); r.StatusCode != http.StatusOK {
		t.Fatalf("store: %d %s", r.StatusCode, r.body)
	}
	c, err := client.New(client.Config{API: m.URL, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	ctx := t.Context()

	b, err := c.Balance(ctx, bob.Address())
	if err != nil || b.Tokens != 100 || b.ByChain["ETH"] != 100 || b.Locked != 8.666666658 || b.Credits != 0 {
		t.Errorf("balance: %+v %v", b, err)
	}
	if b, err = c.Balance(ctx, "0x1"); err != nil || b.Credits != 20 || len(b.Lots) != 1 || b.Lots[0].Amount != 20 || b.Lots[0].Expires != nil {
		t.Errorf("balance with credits: %+v %v", b, err)
	}
	list, next, err := c.BalancesAfter(ctx, []message.Chain{"ETH"}, 100, "")
	if err != nil || len(list) != 5 || next != "" || list[0] != (client.ChainBalance{Address: "0x1", Chain: "ETH", Tokens: 100}) {
		t.Errorf("balances: %v %q %v", list, next, err)
	}
	credits, next, err := c.CreditBalancesAfter(ctx, 40, "")
	if err != nil || len(credits) != 2 || next != "" || credits[1] != (client.AddressCredits{Address: "0x4", Credits: 50}) {
		t.Errorf("credits: %v %q %v", credits, next, err)
	}
	entries, total, err := c.CreditHistory(ctx, "0xA", client.CreditFilter{}, 2, 3)
	if err != nil || total != 4 || len(entries) != 1 || entries[0].Amount != -1200 || entries[0].ExpenseMiB != "75.5" || *entries[0].ExpenseCount != 3 {
		t.Errorf("ledger: %+v %d %v", entries, total, err)
	}
	filter := client.CreditFilter{
		Direction: "incoming", Resource: "shop", Since: time.Unix(1714564800, 250_000_000), Until: time.Unix(1714564801, 0), SortBy: "amount", Ascending: true,
		TxHash: "0xt", Token: "ALEPH", Chain: "ETH", Provider: "P", Origin: "shop", OriginRef: "ref", PaymentMethod: "token_transfer", ExceptMethods: []string{"x", "y"},
	}
	entries, total, err = c.CreditHistory(ctx, "0xA", filter, 0, 0)
	if err != nil || total != 1 || len(entries) != 1 || entries[0].Bonus != "1" || entries[0].Expires.Unix() != 1893456000 || entries[0].Time != filter.Since.UTC() {
		t.Errorf("entries of a filter: %+v %d %v", entries, total, err)
	}
	filter.ResourceTypes = []message.Type{"PROGRAM"}
	if _, _, err = c.CreditHistory(ctx, "0xA", filter, 0, 0); !errors.Is(err, message.ErrNotFound) {
		t.Errorf("an empty ledger: %v", err)
	}
	sums, err := c.CreditSummary(ctx, "0xA", client.CreditFilter{SortBy: "amount"})
	if err != nil || *sums != (client.CreditSummary{Entries: 4, Total: "999057", Incoming: "1000257", Outgoing: "-1200"}) {
		t.Errorf("summary: %+v %v", sums, err)
	}
	if n, err := c.ConsumedCredits(ctx, "vm"); err != nil || n != "27670116110564328621" {
		t.Errorf("consumed: %s %v", n, err)
	}
	price, err := c.Price(ctx, stored.ItemHash)
	if err != nil || price.Owner != bob.Address() || price.Payment != message.PaymentHold || price.Cost != "8.666666658000000000" || *price.Rows[0].MiB != 26 {
		t.Errorf("price: %+v %v", price, err)
	}
	if _, err := c.Price(ctx, message.Hash(strings.Repeat("ab", 32))); !errors.Is(err, message.ErrNotFound) {
		t.Errorf("price of what nobody knows: %v", err)
	}
	if estimate, err := c.EstimatePrice(ctx, stored); err != nil || estimate.Cost != price.Cost {
		t.Errorf("estimate: %+v %v", estimate, err)
	}
	if _, err := c.EstimateInstance(ctx, map[string]any{}); err == nil {
		t.Error("an instance without content has a price")
	}
	costs, err := c.Costs(ctx, client.CostFilter{Owner: bob.Address(), Payment: message.PaymentHold}, 1, 10)
	if err != nil || costs.Summary.Resources != 1 || costs.Summary.Hold != price.Cost || len(costs.Resources) != 1 || costs.Resources[0].Hash != stored.ItemHash {
		t.Errorf("costs: %+v %v", costs, err)
	}
	if costs, err = c.Costs(ctx, client.CostFilter{Resource: stored.ItemHash}, 0, 0); err != nil || costs.Summary.Resources != 0 || costs.Summary.Consumed != "0" {
		t.Errorf("costs by credit: %+v %v", costs, err)
	}
}

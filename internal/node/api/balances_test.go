package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"aleph/internal/node/store"
	"aleph/message"
)

// fillBalances gives three chains' tokens and credits to five addresses.
func fillBalances(t *testing.T, n *testNode) {
	t.Helper()
	past := message.TimestampOf(noon) - 1
	err := n.db.Update(t.Context(), func(tx *store.Tx) error {
		for i := range 5 {
			address := message.Address(fmt.Sprintf("0x%d", i))
			for j, chain := range []message.Chain{"ETH", "AVAX", "SOL"} {
				b := &store.BalanceRow{Address: address, Chain: chain, Height: 1}
				b.Balance.SetInt64(int64(100*i + j))
				if err := tx.SetBalance(b); err != nil {
					return err
				}
			}
			key := store.CreditKey{Time: 1, Ref: message.HashOf([]byte{byte(i)})}
			if err := tx.InsertCredit(&store.CreditRow{CreditKey: key, Address: address, Amount: 10}); err != nil {
				return err
			}
			lot := &store.LotRow{CreditKey: key, Remaining: int64(10 * (i + 1))}
			if i == 2 {
				lot.Expiration = &past
			}
			if err := tx.SetLot(address, lot); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestBalances(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	fillBalances(t, n)
	for path, want := range map[string]string{
		"balances?pagination=2&page=2": `{"balances": [{"address": "0x0", "balance": 2.0, "chain": "SOL"}, {"address": "0x1", "balance": 101.0, "chain": "AVAX"}], ` +
			`"pagination_item": "balances", "pagination_page": 2, "pagination_per_page": 2, "pagination_total": 15}`,
		"balances?chains=SOL,AVAX&min_balance=401": `{"balances": [{"address": "0x4", "balance": 401.0, "chain": "AVAX"}, {"address": "0x4", "balance": 402.0, "chain": "SOL"}], ` +
			`"pagination_item": "balances", "pagination_page": 1, "pagination_per_page": 100, "pagination_total": 2}`,
		"credit_balances?pagination=2": `{"credit_balances": [{"address": "0x0", "credits": 10}, {"address": "0x1", "credits": 20}], ` +
			`"pagination_item": "credit_balances", "pagination_page": 1, "pagination_per_page": 2, "pagination_total": 5}`,
		"credit_balances?pagination=2&page=2": `{"credit_balances": [{"address": "0x2", "credits": 0}, {"address": "0x3", "credits": 40}], ` +
			`"pagination_item": "credit_balances", "pagination_page": 2, "pagination_per_page": 2, "pagination_total": 5}`,
		"credit_balances?min_balance=20&pagination=1&page=2": `{"credit_balances": [{"address": "0x3", "credits": 40}], ` +
			`"pagination_item": "credit_balances", "pagination_page": 2, "pagination_per_page": 1, "pagination_total": 3}`,
	} {
		wantBody(t, n.get(t, "/api/v0/"+path), http.StatusOK, want)
	}
	for _, bad := range []string{"min_balance=0", "min_balance=x", "pagination=-1", "page=0", "cursor=%21", "cursor=W10", "pagination=0&cursor="} {
		for _, list := range []string{"balances", "credit_balances"} {
			if r := n.get(t, "/api/v0/"+list+"?"+bad); r.StatusCode != http.StatusUnprocessableEntity {
				t.Errorf("%s?%s: %d %s", list, bad, r.StatusCode, r.body)
			}
		}
	}
	if r := n.get(t, "/api/v0/balances?chains=XYZ"); r.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("an unknown chain: %d %s", r.StatusCode, r.body)
	}
}

// A cursor goes through everything once, in the order of the list.
func TestBalanceCursors(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	fillBalances(t, n)
	for list, want := range map[string]int{"balances": 15, "balances?chains=ETH": 5, "credit_balances": 5, "credit_balances?min_balance=20": 3} {
		name, _, _ := strings.Cut(list, "?")
		var seen []string
		token := ""
		for range 20 {
			query := "pagination=2&cursor=" + token
			separator := "?"
			if strings.Contains(list, "?") {
				separator = "&"
			}
			var page map[string]json.RawMessage
			if err := json.Unmarshal([]byte(n.get(t, "/api/v0/"+list+separator+query).body), &page); err != nil {
				t.Fatal(err)
			}
			var items []json.RawMessage
			if err := json.Unmarshal(page[name], &items); err != nil {
				t.Fatal(err)
			}
			for _, item := range items {
				seen = append(seen, string(item))
			}
			var next *string
			if err := json.Unmarshal(page["next_cursor"], &next); err != nil {
				t.Fatal(err)
			}
			if token = ""; next == nil {
				break
			}
			token = *next
		}
		distinct := slices.Clone(seen)
		slices.Sort(distinct)
		if len(seen) != want || len(slices.Compact(distinct)) != want || token != "" {
			t.Errorf("%s: %d items, %d different, want %d", list, len(seen), len(slices.Compact(distinct)), want)
		}
	}
	// A node that knows only the address makes cursors too.
	body := n.get(t, "/api/v0/balances?pagination=1&cursor=eyJhIjoiMHgxIn0").body
	if !strings.Contains(body, `"address": "0x2"`) {
		t.Errorf("after a token with an address alone: %s", body)
	}
}

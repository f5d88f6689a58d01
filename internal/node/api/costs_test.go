package api_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"aleph/internal/node/store"
	"aleph/message"
)

// What a stored file costs and has used, in the three depths. // spec ccn-http-api 9.5
func TestCostsOfAFile(t *testing.T) {
	t.Parallel()
	m := openMarket(t)
	bob := key(t, "2")
	m.holds(bob, 100)
	stored := signed(t, bob, message.TypeStore, "c", float64(noon.Unix()), `"item_type":"storage","item_hash":"`+string(m.file())+`"`)
	if r := m.publish(t, stored); r.StatusCode != http.StatusOK {
		t.Fatalf("store: %d %s", r.StatusCode, r.body)
	}
	hash := stored.ItemHash
	err := m.db.Update(t.Context(), func(tx *store.Tx) error {
		for i, c := range []store.CreditRow{
			{Address: bob.Address(), Amount: -500, Origin: string(hash), PaymentMethod: "credit_expense"},
			{Address: bob.Address(), Amount: -700, OriginRef: "another", PaymentMethod: "credit_expense"},
			{Address: "0xB", Amount: -9, Origin: string(hash), PaymentMethod: "credit_expense"},
			{Address: bob.Address(), Amount: -1, Origin: string(hash), PaymentMethod: "credit_transfer"},
		} {
			c.CreditKey = store.CreditKey{Ref: "r", Index: int64(i)}
			if err := tx.InsertCredit(&c); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	const nothing = `"total_cost_hold":"0.000000000000000000","total_cost_stream":"0.000000000000000000","total_cost_credit":"0.000000000000000000","resource_count":0`
	const something = `"total_cost_hold":"8.666666658000000000","total_cost_stream":"0.000000000000000000","total_cost_credit":"0.001297651985545218","resource_count":1`
	const noList = `,"resources":null,"pagination_page":null,"pagination_total":null,"pagination_per_page":null,"pagination_item":null}`
	head := func(spent int, sums, address, item, payment string) string {
		return fmt.Sprintf(`{"summary":{"total_consumed_credits":%d,%s},"filters":{"address":%s,"item_hash":%s,"payment_type":%q}`, spent, sums, address, item, payment)
	}
	owner, quoted := fmt.Sprintf("%q", bob.Address()), fmt.Sprintf("%q", hash)
	list := func(detail string) string {
		return fmt.Sprintf(`,"resources":[{"item_hash":%s,"owner":%s,"payment_type":"hold","consumed_credits":509,"cost_hold":"8.666666658000000000",`+
			`"cost_stream":"0.000000000000000000","cost_credit":"0.001297651985545218","detail":%s}],"pagination_page":1,"pagination_total":1,"pagination_per_page":100,"pagination_item":"resources"}`,
			quoted, owner, detail)
	}
	detail := func(size string) string {
		return `[{"type":"STORAGE","name":"STORAGE","cost_hold":"8.666666658000000000","cost_stream":"0.000000000000000000","cost_credit":"0.001297651985545218","size_mib":` + size + `}]`
	}
	address, item := "address="+string(bob.Address()), "item_hash="+string(hash)
	for query, want := range map[string]string{
		"":                              head(1209, nothing, "null", "null", "credit") + noList,
		"payment_type=hold":             head(1209, something, "null", "null", "hold") + noList,
		"payment_type=superfluid":       head(1209, nothing, "null", "null", "superfluid") + noList,
		"payment_type=hold&" + address:  head(1200, something, owner, "null", "hold") + noList,
		"payment_type=hold&" + item:     head(509, something, "null", quoted, "hold") + noList,
		item:                            head(509, nothing, "null", quoted, "credit") + noList,
		"payment_type=hold&address=0xB": head(9, nothing, `"0xB"`, "null", "hold") + noList,
		"payment_type=hold&address=0xB&include_details=1&" + item: head(9, nothing, `"0xB"`, quoted, "hold") +
			`,"resources":[],"pagination_page":1,"pagination_total":0,"pagination_per_page":100,"pagination_item":"resources"}`,
		"payment_type=hold&include_details=1":                                           head(1209, something, "null", "null", "hold") + list("null"),
		"payment_type=hold&include_details=2&" + address:                                head(1200, something, owner, "null", "hold") + list(detail("null")),
		"payment_type=hold&include_details=2&include_size=true&" + item + "&" + address: head(500, something, owner, quoted, "hold") + list(detail("26.0")),
	} {
		t.Run(query, func(t *testing.T) { wantBody(t, m.get(t, "/api/v0/costs?"+query), http.StatusOK, want) })
	}
	wantBody(t, m.get(t, "/api/v0/costs?include_details=2"), http.StatusUnprocessableEntity,
		"include_details=2 requires at least one of 'address' or 'item_hash' filters to avoid fetching breakdowns for all resources")
}

// Pages of resources are in the order of their hashes.
func TestCostPages(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	hash := func(i int) string { return fmt.Sprintf("%02d%062d", i, 0) }
	err := n.db.Update(t.Context(), func(tx *store.Tx) error {
		for i := range 25 {
			row := &store.CostRow{ItemHash: message.Hash(hash((7 * i) % 25)), Owner: message.Address(fmt.Sprintf("0x%d", i%2)), Payment: message.PaymentCredit}
			row.Total.Credit = decimal(t, "0.1")
			if err := tx.InsertCost(row); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for page, want := range map[int]struct{ first, last string }{
		1: {hash(0), hash(9)}, 2: {hash(10), hash(19)}, 3: {hash(20), hash(24)}, 4: {"[]", ""},
	} {
		body := n.get(t, fmt.Sprintf("/api/v0/costs?include_details=1&pagination=10&page=%d", page)).body
		_, resources, _ := strings.Cut(body, `"resources":`)
		end := fmt.Sprintf(`],"pagination_page":%d,"pagination_total":25,"pagination_per_page":10,"pagination_item":"resources"}`, page)
		if !strings.HasPrefix(strings.TrimPrefix(resources, `[{"item_hash":"`), want.first) || !strings.Contains(body, want.last) || !strings.HasSuffix(body, end) ||
			!strings.Contains(body, `"total_cost_credit":"2.500000000000000000","resource_count":25`) {
			t.Errorf("page %d: %s", page, body)
		}
	}
	for name, values := range map[string][]string{
		"pagination":      {"9", "1001", "0", "x", "-1", ""},
		"page":            {"0", "x", "99999999999999999999"},
		"payment_type":    {"all", "", "HOLD"},
		"include_details": {"3", "-1", "true", ""},
		"include_size":    {"2", ""},
	} {
		for _, value := range values {
			r := n.get(t, "/api/v0/costs?"+name+"="+url.QueryEscape(value))
			if r.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(r.body, `"loc":["`+name+`"]`) {
				t.Errorf("%s=%s: %d %s", name, value, r.StatusCode, r.body)
			}
		}
	}
	for _, query := range []string{
		"address=%00", "item_hash=%ff", "address=", "item_hash='", "page=9223372036854775807&include_details=1",
		"include_details=2&include_size=1&item_hash=" + hash(1),
	} {
		if r := n.get(t, "/api/v0/costs?"+query); r.StatusCode != http.StatusOK {
			t.Errorf("%s: %d %s", query, r.StatusCode, r.body)
		}
	}
}

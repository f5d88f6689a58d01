package api_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"aleph/internal/node/store"
	"aleph/message"
)

// fillLedger gives an address four entries of which each is of another kind.
func fillLedger(t *testing.T, n *testNode) {
	t.Helper()
	expires, count := message.TimestampFromSeconds(1893456000), int64(3)
	at := message.TimestampFromSeconds
	rows := []store.CreditRow{
		{
			CreditKey: store.CreditKey{Time: at(1714564800.25), Ref: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}, Amount: 1_000_000, Expiration: &expires, Price: "0.50", Bonus: "1.5",
			TxHash: "0xt", Token: "ALEPH", Chain: "ETH", Provider: "P", Origin: "shop", OriginRef: "ref", PaymentMethod: "token_transfer",
		},
		{
			CreditKey: store.CreditKey{Time: at(1714564800), Ref: "abababababababababababababababababababababababababababababababab"}, Amount: -1200, Price: "0.1", TxHash: "node", Provider: "ALEPH",
			Origin: "vm", PaymentMethod: "credit_expense", ExpenseCount: &count, ExpenseSize: "75.5",
		},
		{CreditKey: store.CreditKey{Time: at(1714579200.25), Ref: "acacacacacacacacacacacacacacacacacacacacacacacacacacacacacacacac"}, Amount: 250, Provider: "ALEPH", Origin: "0xsender", PaymentMethod: "credit_transfer"},
		{CreditKey: store.CreditKey{Time: at(1714579200.25), Ref: "acacacacacacacacacacacacacacacacacacacacacacacacacacacacacacacac", Index: 1}, Amount: 7},
	}
	err := n.db.Update(t.Context(), func(tx *store.Tx) error {
		for i := range rows {
			rows[i].Address = "0xA"
			if err := tx.InsertCredit(&rows[i]); err != nil {
				return err
			}
		}
		for i, amount := range []int64{math.MaxInt64, math.MaxInt64, -math.MaxInt64} {
			row := store.CreditRow{CreditKey: store.CreditKey{Ref: "big", Index: int64(i)}, Address: "0xBig", Amount: amount, OriginRef: "vm", PaymentMethod: "credit_expense"}
			if err := tx.InsertCredit(&row); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Both modes of the ledger, byte for byte. // spec ccn-http-api 8.8
func TestCreditHistory(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	fillLedger(t, n)
	const (
		plain = `{"amount":7,"price":null,"bonus_amount":null,"tx_hash":null,"token":null,"chain":null,"provider":null,"origin":null,"origin_ref":null,"payment_method":null,` +
			`"credit_ref":"acacacacacacacacacacacacacacacacacacacacacacacacacacacacacacacac","credit_index":1,"expiration_date":null,"message_timestamp":"2024-05-01T16:00:00.250000Z","expense_count":null,"expense_size_mib":null}`
		transfer = `{"amount":250,"price":null,"bonus_amount":null,"tx_hash":null,"token":null,"chain":null,"provider":"ALEPH","origin":"0xsender","origin_ref":null,"payment_method":"credit_transfer",` +
			`"credit_ref":"acacacacacacacacacacacacacacacacacacacacacacacacacacacacacacacac","credit_index":0,"expiration_date":null,"message_timestamp":"2024-05-01T16:00:00.250000Z","expense_count":null,"expense_size_mib":null}`
		grant = `{"amount":1000000,"price":"0.50","bonus_amount":1,"tx_hash":"0xt","token":"ALEPH","chain":"ETH","provider":"P","origin":"shop","origin_ref":"ref","payment_method":"token_transfer",` +
			`"credit_ref":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","credit_index":0,"expiration_date":"2030-01-01T00:00:00Z","message_timestamp":"2024-05-01T12:00:00.250000Z","expense_count":null,"expense_size_mib":null}`
		expense = `{"amount":-1200,"price":"0.1","bonus_amount":null,"tx_hash":"node","token":null,"chain":null,"provider":"ALEPH","origin":"vm","origin_ref":null,"payment_method":"credit_expense",` +
			`"credit_ref":"abababababababababababababababababababababababababababababababab","credit_index":0,"expiration_date":null,"message_timestamp":"2024-05-01T12:00:00Z","expense_count":3,"expense_size_mib":"75.5"}`
	)
	page := func(number, total, size int, items ...string) string {
		return fmt.Sprintf(`{"address":"0xA","credit_history":[%s],"pagination_page":%d,"pagination_total":%d,"pagination_per_page":%d}`,
			strings.Join(items, ","), number, total, size)
	}
	const path = "/api/v0/addresses/0xA/credit_history"
	for query, want := range map[string]string{
		"": page(1, 4, 0, plain, transfer, grant, expense),
		"pagination=2&page=2&sort_order=-1&sortBy=amount": page(2, 4, 2, grant, expense),
		"pagination=1":                         page(1, 4, 1, plain),
		"sort_by=amount":                       page(1, 4, 0, grant, transfer, plain, expense),
		"sort_by=expiration_date&sort_order=1": page(1, 4, 0, grant, expense, transfer, plain),
		"sort_by=provider":                     page(1, 4, 0, grant, transfer, expense, plain),
		"direction=outgoing":                   page(1, 1, 0, expense),
		"has_expiration=true":                  page(1, 1, 0, grant),
		"exclude_payment_method=credit_expense,token_transfer": page(1, 1, 0, transfer),
		"resource=ref":            "",
		"resource=shop":           page(1, 1, 0, grant),
		"startDate=1714579200.25": page(1, 2, 0, plain, transfer),
		"end_date=1714564800":     page(1, 1, 0, expense),
		"startDate=1714564800.25&endDate=1714564800.25":            page(1, 1, 0, grant),
		"tx_hash=0xt&token=ALEPH&chain=ETH&provider=P":             page(1, 1, 0, grant),
		"origin=shop&origin_ref=ref&payment_method=token_transfer": page(1, 1, 0, grant),
		"tx_hash=":              "",
		"resourceTypes=PROGRAM": "",
		"pagination=4&page=2":   "",
		"endDate=0":             "",
	} {
		status := http.StatusOK
		if want == "" {
			status, want = http.StatusNotFound, "No credit history found for this address"
		}
		t.Run(query, func(t *testing.T) { wantBody(t, n.get(t, path+"?"+query), status, want) })
	}
	token := base64.RawURLEncoding.EncodeToString([]byte(`{"i":0,"o":-1,"r":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","s":"message_timestamp","v":"2024-05-01T12:00:00.250000+00:00"}`))
	wantBody(t, n.get(t, path+"?cursor=&resource=shop&pagination=1"), http.StatusOK, `{"address": "0xA", "credit_history": [{"amount": 1000000, "bonus_amount": 1, "chain": "ETH", `+
		`"credit_index": 0, "credit_ref": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "expense_count": null, "expense_size_mib": null, "expiration_date": 1893456000.0, "message_timestamp": 1714564800.25, `+
		`"origin": "shop", "origin_ref": "ref", "payment_method": "token_transfer", "price": 0.5, "provider": "P", "token": "ALEPH", "tx_hash": "0xt"}], `+
		`"next_cursor": null, "pagination_per_page": 1}`)
	if r := n.get(t, path+"?cursor=&pagination=3"); !strings.Contains(r.body, `"next_cursor": "`+token+`"`) {
		t.Errorf("three entries of four: %s", r.body)
	}
	last := `{"address": "0xA", "credit_history": [{"amount": -1200, "bonus_amount": null, "chain": null, "credit_index": 0, "credit_ref": "abababababababababababababababababababababababababababababababab", "expense_count": 3, ` +
		`"expense_size_mib": 75.5, "expiration_date": null, "message_timestamp": 1714564800.0, "origin": "vm", "origin_ref": null, "payment_method": "credit_expense", ` +
		`"price": 0.1, "provider": "ALEPH", "token": null, "tx_hash": "node"}], "next_cursor": null, "pagination_per_page": 100}`
	wantBody(t, n.get(t, path+"?cursor="+token), http.StatusOK, last)
	old := base64.RawURLEncoding.EncodeToString([]byte(`{"i":0,"r":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","t":"2024-05-01T12:00:00.250000+00:00"}`))
	wantBody(t, n.get(t, path+"?cursor="+old), http.StatusOK, last)
	wantBody(t, n.get(t, path+"?sort_by=amount&cursor="+token), http.StatusUnprocessableEntity,
		"Cursor sort field mismatch: cursor was created with sort_by=message_timestamp, but request has sort_by=amount")
	wantBody(t, n.get(t, path+"?sort_order=1&cursor="+token), http.StatusUnprocessableEntity,
		"Cursor sort order mismatch: cursor was created with sort_order=-1, but request has sort_order=1")
	wantBody(t, n.get(t, path+"?cursor=&pagination=0"), http.StatusUnprocessableEntity, "pagination=0 is not allowed with cursor-based pagination")
	wantBody(t, n.get(t, "/api/v0/addresses/nobody/credit_history?cursor="), http.StatusNotFound, "No credit history found for this address")
}

// Cursors go through a ledger once in every order.
func TestCreditCursors(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	fillLedger(t, n)
	for _, order := range []string{"message_timestamp", "expiration_date", "payment_method", "amount", "origin", "tx_hash", "provider"} {
		for _, direction := range []string{"1", "-1"} {
			query := "/api/v0/addresses/0xA/credit_history?sort_by=" + order + "&sort_order=" + direction
			read := func(query string) (ids []string, next *string) {
				t.Helper()
				var page struct {
					List []struct {
						Ref   string `json:"credit_ref"`
						Index int    `json:"credit_index"`
					} `json:"credit_history"`
					Next *string `json:"next_cursor"`
				}
				r := n.get(t, query)
				if err := json.Unmarshal([]byte(r.body), &page); err != nil || r.StatusCode != http.StatusOK {
					t.Fatalf("%s: %d %s", query, r.StatusCode, r.body)
				}
				for _, e := range page.List {
					ids = append(ids, fmt.Sprint(e.Ref, e.Index))
				}
				return ids, page.Next
			}
			want, _ := read(query)
			var got []string
			for token := ""; len(got) < 10; {
				ids, next := read(query + "&pagination=1&cursor=" + token)
				got = append(got, ids...)
				if next == nil {
					break
				}
				token = *next
			}
			if len(want) != 4 || !slices.Equal(got, want) {
				t.Errorf("%s %s: by cursor %v, at once %v", order, direction, got, want)
			}
		}
	}
}

// What entries add up to, and what resources have used, of any size.
func TestCreditSums(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	fillLedger(t, n)
	for path, want := range map[string]string{
		"addresses/0xA/credit_history/summary":                    `{"address":"0xA","entry_count":4,"total_amount":999057,"total_incoming":1000257,"total_outgoing":-1200}`,
		"addresses/0xA/credit_history/summary?direction=outgoing": `{"address":"0xA","entry_count":1,"total_amount":-1200,"total_incoming":0,"total_outgoing":-1200}`,
		"addresses/nobody/credit_history/summary":                 `{"address":"nobody","entry_count":0,"total_amount":0,"total_incoming":0,"total_outgoing":0}`,
		"addresses/0xBig/credit_history/summary": `{"address":"0xBig","entry_count":3,"total_amount":9223372036854775807,"total_incoming":18446744073709551614,` +
			`"total_outgoing":-9223372036854775807}`,
		"messages/shop/consumed_credits": `{"item_hash":"shop","consumed_credits":0}`,
		"messages/vm/consumed_credits":   `{"item_hash":"vm","consumed_credits":27670116110564328621}`,
		"messages/any/consumed_credits":  `{"item_hash":"any","consumed_credits":0}`,
	} {
		wantBody(t, n.get(t, "/api/v0/"+path), http.StatusOK, want)
	}
}

// No value of a parameter of the ledger makes the node fail, and what is of
// another type is refused.
func TestCreditParameters(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	fillLedger(t, n)
	wrong := map[string][]string{
		"pagination":     {"x", "-1", "1.5", "", "99999999999999999999"},
		"page":           {"x", "0", "-1", "99999999999999999999"},
		"sort_by":        {"x", "", "address", "amount;"},
		"sort_order":     {"x", "0", "2", ""},
		"has_expiration": {"perhaps", ""},
		"direction":      {"up", "", "INCOMING"},
		"resourceTypes":  {"x", "", "POST,x"},
		"resource_types": {"post"},
		"startDate":      {"x", "-1", "nan", "inf", "1e300", "253402300800", ""},
		"end_date":       {"x", "-1", "1e300"},
	}
	for name, values := range wrong {
		for _, value := range values {
			for _, path := range []string{"credit_history", "credit_history/summary"} {
				if path != "credit_history" && slices.Contains([]string{"pagination", "page", "sort_by", "sort_order"}, name) {
					continue
				}
				r := n.get(t, "/api/v0/addresses/0xA/"+path+"?"+name+"="+url.QueryEscape(value))
				if r.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(r.body, `"loc":["`) {
					t.Errorf("%s?%s=%s: %d %s", path, name, value, r.StatusCode, r.body)
				}
			}
		}
	}
	wantStatus := func(query string, want int) {
		t.Helper()
		if r := n.get(t, "/api/v0/addresses/0xA/credit_history?"+query); r.StatusCode != want {
			t.Errorf("%s: %d %s", query, r.StatusCode, r.body)
		}
	}
	wantStatus("startDate=2&endDate=1", http.StatusUnprocessableEntity)
	for _, name := range []string{"tx_hash", "token", "chain", "provider", "origin", "origin_ref", "payment_method", "resource"} {
		for _, value := range []string{"%00", "%ff", "'", "%25", strings.Repeat("x", 5000)} {
			wantStatus(name+"="+value, http.StatusNotFound)
		}
	}
	wantStatus("exclude_payment_method=%00,,'", http.StatusOK)
	for _, token := range []string{
		"!", "e30", `{"i":0,"r":"a"}`, `{"i":"0","r":"a","t":"2024-05-01"}`, `{"i":0,"r":1,"t":"2024-05-01"}`, `{"i":0,"r":"a","t":1}`, `{"i":0,"r":"a","t":null}`, `{"i":0,"r":"a","t":"x"}`,
		`{"i":1.5,"r":"a","t":"2024-05-01"}`, `{"i":1e30,"r":"a","t":"2024-05-01"}`, `{"i":0,"o":-1,"r":"a","s":"amount","v":"x"}`, `{"i":0,"o":-1,"r":"a","s":1,"v":1}`,
		`{"i":0,"o":"x","r":"a","s":"amount","v":1}`, `{"i":0,"o":-1,"r":"a","s":"amount","v":null}`, `{"i":0,"o":-1,"r":"a","s":"amount","v":1e99}`, `[]`, `null`, `1`,
	} {
		encoded := token
		if token != "!" && token != "e30" {
			encoded = base64.RawURLEncoding.EncodeToString([]byte(token))
		}
		query := "cursor=" + encoded
		if strings.Contains(token, "amount") {
			query += "&sort_by=amount"
		}
		wantStatus(query, http.StatusUnprocessableEntity)
	}
	// What no database keeps as text comes after nothing that is there, or before.
	nul := base64.RawURLEncoding.EncodeToString([]byte(`{"i":0,"o":1,"r":"\u0000","s":"origin","v":"\u0000"}`))
	wantStatus("sort_by=origin&sort_order=1&cursor="+nul, http.StatusOK)
	for _, list := range []string{"balances", "credit_balances"} {
		at := base64.RawURLEncoding.EncodeToString([]byte(`{"a":"\u0000","c":"\ud800","d":"\u0000"}`))
		if r := n.get(t, "/api/v0/"+list+"?cursor="+at); r.StatusCode != http.StatusOK {
			t.Errorf("%s after NUL: %d %s", list, r.StatusCode, r.body)
		}
	}
}

package api_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"aleph/account"
	"aleph/message"
)

// TestGranted lists whom an address lets act for it. // spec ccn-http-api 7.3
func TestGranted(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	alice := key(t, "1")
	m := signed(t, alice, message.TypeAggregate, "security", 1767200000, `"key":"security","content":{"authorizations":[`+
		`{"types":["POST"],"address":"B1","chain":"ETH","channels":["c1","é"],"post_types":["blog"]},`+
		`{"address":"B2"},7,{"types":[]},{"address":3},`+
		`{"aggregate_keys":["k"],"address":"B1"},{"address":"b1","types":[],"chain":null,"note":1.50}]}`)
	if r := n.publish(t, m); r.StatusCode != http.StatusOK {
		t.Fatalf("publish: %d %s", r.StatusCode, r.body)
	}
	address := string(alice.Address())
	const (
		first  = `{"types": ["POST"], "chain": "ETH", "channels": ["c1", "\u00e9"], "post_types": ["blog"]}`
		second = `{"aggregate_keys": ["k"]}`
		lower  = `"b1": [{"types": [], "chain": null, "note": 1.50}]`
	)
	whole := `"B1": [` + first + `, ` + second + `], "B2": [{}], ` + lower
	for query, want := range map[string]struct{ entries, page, size, total string }{
		"":                             {whole, "1", "20", "3"},
		"?channels=c1&types=POST":      {whole, "1", "20", "3"},
		"?channels=c2":                 {`"B1": [` + second + `], "B2": [{}], ` + lower, "1", "20", "3"},
		"?chains=SOL,ETH":              {whole, "1", "20", "3"},
		"?chains=SOL":                  {`"B1": [` + second + `], "B2": [{}], ` + lower, "1", "20", "3"},
		"?postTypes=x&aggregateKeys=k": {`"B1": [` + second + `], "B2": [{}], ` + lower, "1", "20", "3"},
		"?post_types=x&aggregate_keys": {`"B2": [{}], ` + lower, "1", "20", "2"},
		"?types=":                      {`"B1": [` + second + `], "B2": [{}], ` + lower, "1", "20", "3"},
		"?grantee=B2":                  {`"B2": [{}]`, "1", "20", "1"},
		"?grantee=b2":                  {``, "1", "20", "0"},
		"?pagination=1&page=2":         {`"B2": [{}]`, "2", "1", "3"},
		"?pagination=2&page=2":         {lower, "2", "2", "3"},
		"?page=9":                      {``, "9", "20", "3"},
	} {
		r := n.get(t, "/api/v0/authorizations/granted/"+address+".json"+query)
		body := `{"authorizations": {` + want.entries + `}, "pagination_page": ` + want.page + `, "pagination_per_page": ` + want.size +
			`, "pagination_total": ` + want.total + `, "pagination_item": "authorizations", "address": "` + address + `"}`
		if r.StatusCode != http.StatusOK || r.body != body {
			t.Errorf("%s: %d\n got %s\nwant %s", query, r.StatusCode, r.body, body)
		}
	}
	for path, want := range map[string]string{
		"nobody.json":                `{"authorizations": {}, "pagination_page": 1, "pagination_per_page": 20, "pagination_total": 0, "pagination_item": "authorizations", "address": "nobody"}`,
		"nobody.json?pagination=501": `[{"type":"less_than_equal","loc":["pagination"],"msg":"Input should be less than or equal to 500","input":"501","ctx":{"le":500}}]`,
	} {
		r := n.get(t, "/api/v0/authorizations/granted/"+path)
		if r.body != want || r.Header.Get("Content-Type") != "application/json; charset=utf-8" {
			t.Errorf("%s: %s %s", path, r.Header.Get("Content-Type"), r.body)
		}
	}
}

// TestReceived lists for whom an address may act. // spec ccn-http-api 7.3
func TestReceived(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	owners := []*account.Key{}
	for _, seed := range []string{"1", "2", "3"} {
		owners = append(owners, key(t, seed))
	}
	slices.SortFunc(owners, func(a, b *account.Key) int { return strings.Compare(string(a.Address()), string(b.Address())) })
	name := func(i int) string { return string(owners[i].Address()) }
	grant := func(i int, time float64, list string) *message.Message {
		t.Helper()
		m := signed(t, owners[i], message.TypeAggregate, "security", time, `"key":"security","content":{"authorizations":`+list+`}`)
		if r := n.publish(t, m); r.StatusCode != http.StatusOK {
			t.Fatalf("publish: %d %s", r.StatusCode, r.body)
		}
		return m
	}
	const most = `{"types":["POST"],"address":"G","chain":"ETH","channels":["c\n1","\u00e9"],"post_types":["blog"]}`
	first := grant(0, 1767200000, `[`+most+`,{"address":"g"},7,{"address":"G","aggregate_keys":["k"],"note":1.50}]`)
	grant(1, 1767200000, `[{"address":"G"},{"address":"`+name(1)+`"},{"address":"n","types":[]},{"address":"`+strings.Repeat("l", 600)+`"}]`)
	grant(2, 1767200000, `[{"address":"G","types":[3]},{"address":"G","types":"STORE"}]`)
	const (
		full = `{"types": ["POST"], "chain": "ETH", "channels": ["c\n1", "\u00e9"], "post_types": ["blog"]}`
		keys = `{"aggregate_keys": ["k"], "note": 1.50}`
	)
	in := func(i int, entries string) string { return `"` + name(i) + `": [` + entries + `]` }
	const numbers, store = `{"types": [3]}`, `{"types": "STORE"}`
	whole := in(0, full+", "+keys) + ", " + in(1, `{}`) + ", " + in(2, numbers+", "+store)
	check := func(address, query, entries, page, size, total string) {
		t.Helper()
		r := n.get(t, "/api/v0/authorizations/received/"+address+".json"+query)
		body := `{"authorizations": {` + entries + `}, "pagination_page": ` + page + `, "pagination_per_page": ` + size +
			`, "pagination_total": ` + total + `, "pagination_item": "authorizations", "address": "` + address + `"}`
		if r.StatusCode != http.StatusOK || r.body != body {
			t.Errorf("%s%s: %d\n got %s\nwant %s", address, query, r.StatusCode, r.body, body)
		}
	}
	check("G", "", whole, "1", "20", "3")
	check("G", "?types=POST", in(0, full+", "+keys)+", "+in(1, `{}`), "1", "20", "2")
	check("G", "?types=STORE,3", in(0, keys)+", "+in(1, `{}`)+", "+in(2, store), "1", "20", "3")
	check("G", "?types=POS", in(0, keys)+", "+in(1, `{}`), "1", "20", "2")
	check("G", "?channels=c%0A1&types=POST", in(0, full+", "+keys)+", "+in(1, `{}`), "1", "20", "2")
	check("G", "?channels=c", in(0, keys)+", "+in(1, `{}`)+", "+in(2, numbers+", "+store), "1", "20", "3")
	check("G", "?chains=SOL&aggregateKeys=x", in(1, `{}`)+", "+in(2, numbers+", "+store), "1", "20", "2")
	check("G", "?postTypes=blog&aggregate_keys=k&granter="+name(0), in(0, full+", "+keys), "1", "20", "1")
	check("G", "?granter=nobody", "", "1", "20", "0")
	check("G", "?pagination=1&page=2", in(1, `{}`), "2", "1", "3")
	check("G", "?pagination=2&page=2", in(2, numbers+", "+store), "2", "2", "3")
	check("G", "?page=9", "", "9", "20", "3")
	check("g", "", in(0, `{}`), "1", "20", "1")
	check(name(1), "", "", "1", "20", "0") // nobody receives anything of himself
	check(strings.Repeat("l", 600), "", "", "1", "20", "0")
	grant(0, 1767100000, `[{"address":"older"}]`)
	check("older", "", "", "1", "20", "0")
	forget := signed(t, owners[0], message.TypeForget, "security", 1767200001, `"hashes":["`+string(first.ItemHash)+`"]`)
	if r := n.publish(t, forget); r.StatusCode != http.StatusOK {
		t.Fatalf("forget: %d %s", r.StatusCode, r.body)
	}
	check("older", "", in(0, `{}`), "1", "20", "1")
	check("G", "?pagination=1", in(1, `{}`), "1", "1", "2")
	if r := n.get(t, "/api/v0/authorizations/received/G.json?pagination=501"); r.StatusCode != http.StatusUnprocessableEntity || r.Header.Get("Content-Type") != "application/json; charset=utf-8" {
		t.Errorf("a page that is too large: %d %s", r.StatusCode, r.body)
	}
	if found, err := n.db.Inconsistencies(t.Context()); err != nil || len(found) > 0 {
		t.Errorf("the database contradicts itself: %v %v", found, err)
	}
}

package api_test

import (
	"net/http"
	"testing"

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

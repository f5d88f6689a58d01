package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"aleph/message"
)

// A stored file costs what was written when it was processed, and what it would
// cost now when it is forgotten; the same file is estimated before it is there.
func TestPriceOfAFile(t *testing.T) {
	t.Parallel()
	m := openMarket(t)
	bob := key(t, "2")
	m.holds(bob, 100)
	now := float64(noon.Unix())
	file := m.file()
	stored := signed(t, bob, message.TypeStore, "c", now, `"item_type":"storage","item_hash":"`+string(file)+`"`)
	if r := m.publish(t, stored); r.StatusCode != http.StatusOK {
		t.Fatalf("store: %d %s", r.StatusCode, r.body)
	}
	cost := func(mib string) string {
		return fmt.Sprintf(`{"charged_address": %q, "cost": "8.666666658000000000", "detail": [{"cost_credit": "0.001297651985545218", `+
			`"cost_hold": "8.666666658000000000", "cost_stream": "0.000000000000000000", "name": "STORAGE", "size_mib": %s, "type": "STORAGE"}], `+
			`"payment_type": "hold", "required_tokens": 8.666666658}`, bob.Address(), mib)
	}
	path := "/api/v0/price/" + string(stored.ItemHash)
	wantBody(t, m.get(t, path), http.StatusOK, cost("null"))
	wantBody(t, m.get(t, path+"?include_size=true"), http.StatusOK, cost("26.0"))

	forget := signed(t, bob, message.TypeForget, "c", now+1, `"hashes":["`+string(stored.ItemHash)+`"]`)
	if r := m.publish(t, forget); r.StatusCode != http.StatusOK {
		t.Fatalf("forget: %d %s", r.StatusCode, r.body)
	}
	wantBody(t, m.get(t, path+"?include_size=true"), http.StatusOK, cost("26.0"))

	absent := strings.Repeat("ab", 32)
	estimate := func(content string) reply {
		t.Helper()
		text := fmt.Sprintf(`{"address":%q,"time":%d,%s}`, bob.Address(), noon.Unix(), content)
		quoted, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		return m.post(t, "/api/v0/price/estimate", fmt.Sprintf(`{"message":{"chain":"ETH","sender":%q,"type":"STORE","time":1.5,"item_type":"inline","item_content":%s,"item_hash":%q}}`,
			bob.Address(), quoted, message.HashOf([]byte(text))))
	}
	wantBody(t, estimate(`"item_type":"storage","item_hash":"`+absent+`","estimated_size_mib":26`), http.StatusOK, cost("26.0"))
	wantBody(t, estimate(`"item_type":"storage","item_hash":"`+absent+`","estimated_size_mib":26.0`), http.StatusOK, cost("26.0"))
	// The example of spec ccn-http-api 9.2.
	wantBody(t, estimate(`"item_type":"storage","item_hash":"`+absent+`","estimated_size_mib":100`), http.StatusOK, fmt.Sprintf(
		`{"charged_address": %q, "cost": "33.333333300000000000", "detail": [{"cost_credit": "0.004990969175173918", "cost_hold": "33.333333300000000000", `+
			`"cost_stream": "0.000000000000000000", "name": "STORAGE", "size_mib": 100.0, "type": "STORAGE"}], "payment_type": "hold", "required_tokens": 33.3333333}`, bob.Address()))
	text := fmt.Sprintf(`{"address":%q,"time":1,"item_type":"storage","item_hash":%q,"estimated_size_mib":26}`, bob.Address(), absent)
	quoted, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	// What the official TypeScript client sends.
	wantBody(t, m.post(t, "/api/v0/price/estimate", fmt.Sprintf(`{"message":{"type":"STORE","item_type":"inline","item_content":%s,"item_hash":%q}}`,
		quoted, message.HashOf([]byte(text)))), http.StatusOK, cost("26.0"))
	for _, bad := range []string{`-1`, `"x"`, `1e300`, `NaN`, `{}`} {
		r := estimate(`"item_type":"storage","item_hash":"` + absent + `","estimated_size_mib":` + bad)
		if r.StatusCode != http.StatusUnprocessableEntity || !strings.HasPrefix(r.body, "InvalidMessageFormat") {
			t.Errorf("an estimate of %s: %d %s", bad, r.StatusCode, r.body)
		}
	}
}

func wantBody(t *testing.T, r reply, status int, body string) {
	t.Helper()
	if r.StatusCode != status || r.body != body {
		t.Errorf("%d\n got %s\nwant %s", r.StatusCode, r.body, body)
	}
}

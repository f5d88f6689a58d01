package apply

import (
	"encoding/json"
	"testing"

	"aleph/message"
)

// FuzzAuthorizations reads arbitrary values of `authorizations`: whatever they
// are, nothing breaks, and nobody is let in whose address is not written there.
func FuzzAuthorizations(f *testing.F) {
	for _, seed := range []string{
		`[{"address":"0xAb","types":["POST"],"channels":[],"chain":"ETH"}]`, `null`, `{}`, `[null,[],"x",{"address":{}}]`,
		`[{"address":"0xab","chain":false,"post_types":[1,null]}]`, `[{"address":"0xAB","aggregate_keys":null}]`, ``, `[`,
	} {
		f.Add([]byte(seed))
	}
	channel := "c"
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, a := range parseAuthorizations(json.RawMessage(raw)) {
			if a.address == "" {
				t.Errorf("an entry without address is kept: %+v", a)
			}
			for _, typ := range message.Types() {
				sub := subject{chain: "ETH", channel: &channel, typ: typ, postType: "p", key: "k"}
				if a.allows("0xSomebodyElse0123456789", sub) && a.address != "0xsomebodyelse0123456789" {
					t.Errorf("%+v lets a stranger in", a)
				}
			}
		}
	})
}

func TestAuthorizationMatches(t *testing.T) {
	t.Parallel()
	channel := "app"
	post := subject{chain: "ETH", channel: &channel, typ: message.TypePost, postType: "blog"}
	silent := subject{chain: "ETH", typ: message.TypePost, postType: "blog"}
	aggregate := subject{chain: "SOL", channel: &channel, typ: message.TypeAggregate, key: "k"}
	for _, c := range []struct {
		entry string
		sub   subject
		want  bool
	}{
		{`{"address":"0xAA"}`, post, true},
		{`{"address":"0xaa"}`, silent, true},
		{`{"address":"0xab"}`, post, false},
		{`{"address":"0xAA","alias":7}`, post, true},
		{`{"address":"0xAA","chain":"ETH"}`, post, true},
		{`{"address":"0xAA","chain":"ETH"}`, aggregate, false},
		{`{"address":"0xAA","chain":""}`, aggregate, true},
		{`{"address":"0xAA","chain":null}`, aggregate, true},
		{`{"address":"0xAA","chain":["ETH"]}`, post, false},
		{`{"address":"0xAA","channels":["app"]}`, post, true},
		{`{"address":"0xAA","channels":["app"]}`, silent, false},
		{`{"address":"0xAA","channels":[]}`, silent, true},
		{`{"address":"0xAA","channels":[1]}`, post, false},
		{`{"address":"0xAA","channels":null}`, post, false},
		{`{"address":"0xAA","channels":"app"}`, post, false},
		{`{"address":"0xAA","types":["AGGREGATE"]}`, post, false},
		{`{"address":"0xAA","post_types":["note"]}`, post, false},
		{`{"address":"0xAA","post_types":["note"]}`, aggregate, true},
		{`{"address":"0xAA","aggregate_keys":["other"]}`, aggregate, false},
		{`{"address":"0xAA","aggregate_keys":["other"]}`, post, true},
		{`{"address":null}`, post, false},
		{`{}`, post, false},
	} {
		a, ok := parseAuthorization(json.RawMessage(c.entry))
		if got := ok && a.allows("0xaA", c.sub); got != c.want {
			t.Errorf("%s for %s: %t", c.entry, c.sub.typ, got)
		}
	}
}

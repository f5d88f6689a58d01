package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"aleph/internal/node/api"
	"aleph/message"
)

func TestCanonicalJSON(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		`{"a":1}`:                               `{"a":1}`,
		` { "b" : [ 1 , 2.50, 1e3 ] , "a":{} }`: `{"a":{},"b":[1,2.5,1000.0]}`,
		`[-0, -0.0, 0.1, 1E400e]`:               "",
		`[1e16, 123456789012345678901234567890, 1.0e-7, 5e-324]`: `[1e+16,123456789012345678901234567890,1e-07,5e-324]`,
		`-0`:                        `0`,
		`"\u00e9\/\u001f\"\\\n"`:    `"é/\u001f\"\\\n"`,
		`"\ud83d\ude00"`:            `"😀"`,
		`{"z":1,"z":2,"a":3,"z":4}`: `{"a":3,"z":4}`,
		`{"":1,"b":{"y":[],"x":{"d":1,"c":2}},"a":null}`: `{"":1,"a":null,"b":{"x":{"c":2,"d":1},"y":[]}}`,
		`{"\n":1," ":2,"\"":3,"!":4}`:                    `{"\n":1," ":2,"!":4,"\"":3}`,
		`{"é":1,"z":2,"a":3}`:                            `{"a":3,"z":2,"é":1}`,
		`true`:                                           `true`,
		``:                                               "",
		`{`:                                              "",
		`"\ud800"`:                                       "",
		`"\ud800\ud800"`:                                 "",
		"\"\xff\"":                                       "",
		`1e999`:                                          "",
		strings.Repeat("[", 2000) + strings.Repeat("]", 2000): "",
	} {
		got, err := api.CanonicalJSON([]byte(raw))
		if string(got) != want || (err == nil) != (want != "") {
			t.Errorf("%.60s: got %.100s, %v, want %s", raw, got, err, want)
		}
	}
}

func FuzzCanonicalJSON(f *testing.F) {
	for _, seed := range []string{`{"b":[1,2.5e3,-0],"a":"\u00e9","b":{}}`, `[[[]]]`, `"\ud83d\ude00"`, `{"":{"":0}}`, ` 1 `} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := api.CanonicalJSON(bytes.Clone(raw)) // it works in what it is given
		if err != nil {
			return
		}
		again, err := api.CanonicalJSON(bytes.Clone(got))
		if err != nil || !bytes.Equal(got, again) {
			t.Fatalf("not stable: %s then %s, %v", got, again, err)
		}
		if !json.Valid(got) {
			t.Fatalf("%s is not JSON", got)
		}
		var before, after any
		if json.Unmarshal(raw, &before) != nil {
			return // an integer that no double holds is kept as it is
		}
		if err := json.Unmarshal(got, &after); err != nil || !reflect.DeepEqual(before, after) {
			t.Fatalf("%s means something else than %s: %v", got, raw, err)
		}
	})
}

func FuzzRaw(f *testing.F) {
	f.Add([]byte(`{"a": [1, "é\"\\", {"b":null}], "c":"\ud83d\ude00😀"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var before, after any
		if json.Unmarshal(raw, &before) != nil {
			return // no content: a number that no double holds is refused before
		}
		laid := api.Raw(raw)
		if err := json.Unmarshal(laid, &after); err != nil {
			t.Fatalf("%q is not JSON: %v", laid, err)
		}
		if !reflect.DeepEqual(before, after) {
			t.Fatalf("%q means something else than %q", laid, raw)
		}
		for _, c := range laid {
			if c >= 0x80 {
				t.Fatalf("%q is not ASCII", laid)
			}
		}
	})
}

func FuzzQuery(f *testing.F) {
	for _, seed := range []string{
		"pagination=1&page=2&cursor=", "sortOrder=-1.0&sort_by=tx-time&startDate=1e9&endDate=nan", "hashes=a,b&chains=ETH&tags=%00",
		"cursor=eyJoIjoiYSIsInQiOiIyMDI2LTAxLTAxVDA2OjQ2OjQ0KzAwOjAwIn0", "page=99999999999999999999&pagination=-0&excludeContent=T",
		"msgType=POST;msgTypes=x", "startBlock=+1&endBlock= 1.0 ",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		err := api.ReadMessageQuery(&http.Request{URL: &url.URL{Path: "/", RawQuery: raw}})
		if err == nil {
			return
		}
		if status, body := api.StatusOf(err); status != http.StatusUnprocessableEntity || body == "" {
			t.Fatalf("%q: %d %s", raw, status, body)
		}
	})
}

func FuzzPublication(f *testing.F) {
	f.Add([]byte(`{"sync":true,"message":{"sender":"a","chain":"ETH","type":"POST","item_hash":"x","time":1,"item_content":"{}"}}`))
	f.Add([]byte(`{"sync":"no","message":[]}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		envelope, _, err := api.ParsePublication(raw)
		if err == nil {
			_, err = message.ParseEnvelope(envelope)
			if _, ok := err.(*message.Rejection); err != nil && !ok { //nolint:errorlint // the documented type itself
				t.Fatalf("%q: %v", raw, err)
			}
			return
		}
		if status, _ := api.StatusOf(err); status != http.StatusUnprocessableEntity {
			t.Fatalf("%q: %d %v", raw, status, err)
		}
	})
}

func BenchmarkPublish(b *testing.B) {
	n := startNode(b)
	alice := key(b, "1")
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			m := signed(b, alice, message.TypePost, "BENCH", 1767200000, fmt.Sprintf(`"type":"bench","content":{"i":%d,"by":"%p"}`, i, pb))
			if r := n.publish(b, m); r.StatusCode != http.StatusOK {
				b.Errorf("got %d %s", r.StatusCode, r.body)
			}
		}
	})
}

func BenchmarkParsePublication(b *testing.B) {
	body := []byte(`{"sync":true,"message":` + envelope(b, signed(b, key(b, "1"), message.TypePost, "BENCH", 1767200000,
		`"type":"bench","content":{"text":"`+strings.Repeat("text ", 60)+`","tags":["a","b"]}`)) + `}`)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		envelope, _, err := api.ParsePublication(body)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := message.ParseEnvelope(envelope); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMessageList(b *testing.B) {
	n := startNode(b)
	alice := key(b, "1")
	n.fill(b, 1000, func(i int) *message.Message {
		return signed(b, alice, message.TypePost, "BENCH", float64(1767200000+i), fmt.Sprintf(`"type":"bench","content":{"i":%d}`, i))
	})
	for _, query := range []string{"pagination=20", "pagination=20&addresses=" + string(alice.Address()), "pagination=1000", "cursor=&pagination=200"} {
		name, _, _ := strings.Cut(query, "&addresses")
		if name != query {
			name += "&sender"
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if r := n.get(b, "/api/v0/messages.json?"+query); r.StatusCode != http.StatusOK {
					b.Fatal(r.StatusCode)
				}
			}
		})
	}
}

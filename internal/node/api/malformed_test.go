package api_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"aleph/message"
)

// TestMalformedEnvelopes sends what no node accepts through every door. Bad
// input is never answered with 500, nor with 404 or 405, by which clients would
// think that the door does not exist. // spec ccn-http-api 1.3, 5.7
func TestMalformedEnvelopes(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	alice := key(t, "1")
	good := signed(t, alice, message.TypePost, "TEST", 1767250000, `"type":"test","content":{}`)
	// with returns the good envelope with members replaced by raw JSON.
	with := func(pairs ...string) string {
		var members map[string]json.RawMessage
		if err := json.Unmarshal([]byte(envelope(t, good)), &members); err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i+1] == "" {
				delete(members, pairs[i])
				continue
			}
			members[pairs[i]] = json.RawMessage(pairs[i+1])
		}
		var out strings.Builder
		out.WriteByte('{')
		for name, value := range members {
			if out.Len() > 1 {
				out.WriteByte(',')
			}
			fmt.Fprintf(&out, "%q:%s", name, value)
		}
		return out.String() + "}"
	}
	inline := func(content string) string {
		quoted, err := json.Marshal(content)
		if err != nil {
			t.Fatal(err)
		}
		return with("item_content", string(quoted), "item_hash", `"`+string(message.HashOf([]byte(content)))+`"`)
	}
	owner := `"address":"` + string(alice.Address()) + `","time":1`
	deep := strings.Repeat("[", 5000) + strings.Repeat("]", 5000)

	for name, raw := range map[string]string{
		"not JSON":                `{"sender":`,
		"text after the value":    with() + "x",
		"array":                   `[1,2]`,
		"number":                  `42`,
		"empty object":            `{}`,
		"sender is a number":      with("sender", "5"),
		"sender with NUL":         with("sender", `"a\u0000b"`),
		"sender missing":          with("sender", ""),
		"channel is an object":    with("channel", `{}`),
		"channel with NUL":        with("channel", `"a\u0000b"`),
		"type unknown":            with("type", `"FOO"`),
		"type in lower case":      with("type", `"post"`),
		"type is a number":        with("type", `1`),
		"chain unknown":           with("chain", `"XYZ"`),
		"chain is null":           with("chain", `null`),
		"time is a text":          with("time", `"1767250000"`),
		"time is null":            with("time", `null`),
		"time is an array":        with("time", `[1]`),
		"time is huge":            with("time", `1e300`),
		"time has many digits":    with("time", strings.Repeat("9", 5000)),
		"time is beyond a double": with("time", `1e999`),
		"time is not a number":    with("time", `NaN`),
		"time is negative, huge":  with("time", `-1e15`),
		"item_type unknown":       with("item_type", `"disk"`),
		"item_type in upper case": with("item_type", `"INLINE"`),
		"item_hash wrong":         with("item_hash", `"`+strings.Repeat("ab", 32)+`"`),
		"item_hash in upper case": with("item_hash", `"`+strings.ToUpper(string(good.ItemHash))+`"`),
		"item_hash short":         with("item_hash", `"abc"`),
		"item_hash missing":       with("item_hash", ""),
		"item_hash is a number":   with("item_hash", `7`),
		"item_content an object":  with("item_content", `{"a":1}`),
		"item_content missing":    with("item_content", ""),
		"item_content null":       with("item_content", `null`),
		"storage with content":    with("item_type", `"storage"`),
		"ipfs with storage hash":  with("item_type", `"ipfs"`, "item_content", ""),
		"signature an object":     with("signature", `{"r":1}`),
		"signature a number":      with("signature", `1`),
		"lone surrogate":          with("channel", `"\ud800"`),
		"invalid UTF-8":           with("channel", "\"\xff\""),
		"deep envelope":           with("content", deep),
		"content not JSON":        inline(`{"address":`),
		"content an array":        inline(`[]`),
		"content null":            inline(`null`),
		"content with NUL":        inline(`{` + owner + `,"type":"t","content":"\u0000"}`),
		"content nested deeply":   inline(`{` + owner + `,"type":"t","content":` + deep + `}`),
		"content with NaN":        inline(`{` + owner + `,"type":"t","content":NaN}`),
		"content without owner":   inline(`{"time":1,"type":"t","content":{}}`),
		"content.time a text":     inline(`{"address":"a","time":"1","type":"t","content":{}}`),
		"content.time huge":       inline(`{"address":"a","time":1e18,"type":"t","content":{}}`),
		"content.time negative":   inline(`{"address":"a","time":-1,"type":"t","content":{}}`),
		"content unknown field":   inline(`{` + owner + `,"type":"t","content":{},"extra":1}`),
		"amend without ref":       inline(`{` + owner + `,"type":"amend","content":{}}`),
		"content too long":        inline(`{` + owner + `,"type":"t","content":"` + strings.Repeat("é", 200_000) + `"}`),
		"store of nothing":        with("type", `"STORE"`),
		"aggregate of nothing":    with("type", `"AGGREGATE"`),
		"program of nothing":      with("type", `"PROGRAM"`),
		"instance of nothing":     with("type", `"INSTANCE"`),
		"v-program of nothing":    with("type", `"V-PROGRAM"`),
		"forget of nothing":       with("type", `"FORGET"`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(raw) + `"`
			for path, body := range map[string]string{
				"/api/v0/messages":         `{"sync":true,"message":` + raw + `}`,
				"/api/v0/p2p/pubsub/pub":   `{"topic":"ALEPH-TEST","data":` + quoted + `}`,
				"/api/v0/ipfs/pubsub/pub":  `{"topic":"ALEPH-TEST","data":` + raw + `}`,
				"/api/v0/storage/add_file": "",
			} {
				var r reply
				if body == "" {
					r = n.upload(t, []byte("a file"), `{"sync":true,"message":`+raw+`}`)
				} else {
					r = n.post(t, path, body)
				}
				if r.StatusCode != http.StatusUnprocessableEntity {
					t.Errorf("%s: got %d %s, want 422", path, r.StatusCode, r.body)
				}
			}
		})
	}
	t.Cleanup(func() {
		if log := n.log.String(); strings.Contains(log, "level=ERROR") {
			t.Errorf("errors were logged:\n%s", log)
		}
	})
}

// TestAcceptedOddities sends what looks wrong and is legal.
func TestAcceptedOddities(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	alice := key(t, "1")
	m := signed(t, alice, message.TypePost, "TEST", 1767250000, `"type":"test","content":{"%41":"%42 literally"}`)
	extra := strings.Replace(envelope(t, m), "{", `{"_id":5,"confirmed":true,"size":"x","content":{"not":"trusted"},`, 1)
	if r := n.post(t, "/api/v0/messages", ` {"sync":"ON","unknown":{},"message": `+extra+"}\n"); r.StatusCode != http.StatusOK {
		t.Errorf("unknown members: got %d %s", r.StatusCode, r.body)
	}
	// Nothing is percent-decoded on the way. // spec ccn-http-api 13 (37)
	if r := n.get(t, "/api/v0/messages/"+string(m.ItemHash)+"/content"); r.body != `{"%41": "%42 literally"}` {
		t.Errorf("content: got %s", r.body)
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write([]byte(`{"sync":true,"message":` + extra + `}`)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if r := n.do(t, http.MethodPost, "/api/v0/messages", &packed, "Content-Encoding", "gzip"); r.StatusCode != http.StatusOK {
		t.Errorf("packed body: got %d %s", r.StatusCode, r.body)
	}
}

// TestBodyLimits sends bodies that are too long, with and without a length. // spec ccn-http-api 2.4
func TestBodyLimits(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	long := `{"message":{"x":"` + strings.Repeat("x", 1<<20) + `"}}`
	const want = "Maximum request body size 1048576 exceeded."
	for _, path := range []string{"/api/v0/messages", "/api/v0/p2p/pubsub/pub"} {
		if r := n.post(t, path, long); r.StatusCode != http.StatusRequestEntityTooLarge || r.body != want {
			t.Errorf("%s: got %d %.100q", path, r.StatusCode, r.body)
		}
		unknownLength := struct{ *strings.Reader }{strings.NewReader(long)}
		if r := n.do(t, http.MethodPost, path, unknownLength); r.StatusCode != http.StatusRequestEntityTooLarge || r.body != want {
			t.Errorf("%s without length: got %d %.100q", path, r.StatusCode, r.body)
		}
	}
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	if _, err := z.Write(make([]byte, 64<<20)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if r := n.do(t, http.MethodPost, "/api/v0/messages", &bomb, "Content-Encoding", "gzip"); r.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("packed zeros: got %d %.100q", r.StatusCode, r.body)
	}
}

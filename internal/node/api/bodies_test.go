package api_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"

	"aleph/internal/node/api"
)

// oddBodies are bodies that are none, and those that are nearly one.
func (a *asker) oddBodies(t *testing.T) (none, near []string) {
	t.Helper()
	deep := strings.Repeat("[", 100_000)
	none = []string{
		"", " ", "null", "true", "1", `"x"`, "[]", "[1,", "{", "}", "{}", `{"a":1}x`, "\x00", "\xff", `{"a":"\xff"}`, `"\u0000"`, `"\ud800"`, "NaN", "1e999",
		strings.Repeat("9", 5000), deep, deep + strings.Repeat("]", 100_000), strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000),
		`{"message":` + deep, "\ufeff{}", "{'a':1}", `{"a":1,"a":2}`, "--b\r\n", "sender=a&chain=ETH",
	}
	// Each member of a publication, of its message and of its content is in turn of another type.
	odd := []string{"null", "true", "0", "-1", "1.5", "1e300", `""`, `"x"`, "[]", "[null]", "{}", `{"a":{"b":[]}}`, `"\u0000"`, `"` + strings.Repeat("x", 300) + `"`}
	for _, name := range []string{"p1", "prefs1", "s1", "prog", "forget"} {
		message := envelope(t, a.messages[name])
		for _, value := range odd {
			for _, member := range []string{"sender", "chain", "signature", "type", "item_type", "item_hash", "item_content", "time", "channel"} {
				near = append(near, `{"sync":true,"message":`+with(t, message, member, value)+`}`)
			}
			near = append(near, `{"sync":`+value+`,"message":`+message+`}`, `{"message":`+value+`}`, `{"topic":"ALEPH-TEST","data":`+value+`}`, `{"topic":`+value+`,"data":{}}`)
		}
	}
	content := `{"address":"a","environment":{"internet":true},"resources":{"vcpus":1,"memory":128,"seconds":30},` +
		`"rootfs":{"parent":{"ref":"` + a.names["s1"] + `"},"persistence":"host","size_mib":20480},"volumes":[{"mount":"/a","ref":"x","estimated_size_mib":1}]}`
	for _, member := range []string{"address", "environment", "resources", "rootfs", "volumes", "payment", "time", "allow_amend", "requirements", "estimated_size_mib", "code"} {
		for _, value := range odd {
			near = append(near, with(t, content, member, value))
		}
	}
	return none, near
}

// with returns a JSON object with one member replaced.
func with(t *testing.T, object, member, value string) string {
	t.Helper()
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(object), &members); err != nil {
		t.Fatal(err)
	}
	members[member] = json.RawMessage(value)
	text, err := json.Marshal(members)
	if err != nil {
		return object // no JSON, which others send
	}
	return string(text)
}

// oddForms are forms that are cut, nested or empty, as their body and type.
func (a *asker) oddForms(t *testing.T) map[string]string {
	t.Helper()
	const kind = "multipart/form-data; boundary=b"
	part := func(name, text string) string {
		return "--b\r\nContent-Disposition: form-data; name=\"" + name + "\"; filename=\"f\"\r\n\r\n" + text + "\r\n"
	}
	forms := map[string]string{}
	whole := part("metadata", `{"sync":true,"message":`+envelope(t, a.messages["s1"])+`}`) + part("file", "first version") + "--b--\r\n"
	for _, cut := range []int{1, 3, 10, 40, 80, 120, len(whole) / 2, len(whole) - 20, len(whole) - 5, len(whole) - 1, len(whole)} {
		forms[whole[:cut]] = kind
	}
	for _, metadata := range []string{"", "{}", "null", "[", `{"sync":true}`, `{"message":{},"sync":1}`, "\xff", strings.Repeat("[", 100_000)} {
		forms[part("file", "x")+part("metadata", metadata)+"--b--\r\n"] = kind
	}
	many := strings.Repeat(part("x", ""), 200)
	forms[many+"--b--"] = kind
	forms[part("file", "a")+part("file", "b")+"--b--"] = kind
	forms["--b\r\nContent-Type: multipart/mixed; boundary=c\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n--c\r\n\r\nx\r\n--c--\r\n--b--\r\n"] = kind
	forms["--b\r\n\r\nx\r\n--b--\r\n"] = kind
	forms["--b\r\n"+strings.Repeat("A: "+strings.Repeat("x", 1000)+"\r\n", 20)+"\r\nx\r\n--b--\r\n"] = kind
	for i, other := range []string{"multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=\"", "multipart/mixed; boundary=b", "multipart/", "/", "text/plain", ""} {
		forms[fmt.Sprintf("%s%d", whole, i)] = other
	}
	return forms
}

// nearBodies is how many of the bodies that are nearly one each route gets.
const nearBodies = 200

// TestBodies sends odd bodies to every route that takes one. See asker for what
// must hold. Odd forms go to the routes that take forms, each packed in ways
// that it is not.
func TestBodies(t *testing.T) {
	t.Parallel()
	a := newAsker(t)
	none, near := a.oddBodies(t)
	forms := a.oddForms(t)
	random := rand.New(rand.NewPCG(3, 4))
	for _, r := range api.Routes() {
		kinds := r.Body()
		if len(kinds) == 0 {
			continue
		}
		if kinds[0] == "application/json" {
			these := none
			if !strings.HasSuffix(r.Path, "/add_json") { // which takes any of the others
				these = slices.Concat(none, sample(random, near, nearBodies))
			}
			for _, body := range these {
				a.ask(t, question{route: r, body: body})
			}
			for _, body := range []string{"{}", "null", string(make([]byte, 2<<20))} {
				a.askPacked(t, r, body, "application/x-www-form-urlencoded")
			}
			continue
		}
		for body, kind := range forms {
			a.ask(t, question{route: r, body: body, header: http.Header{"Content-Type": {kind}}})
		}
		a.askPacked(t, r, "--b\r\n", "multipart/form-data; boundary=b")
		a.askPacked(t, r, "x", "application/octet-stream")
	}
}

// askPacked sends a body that says it is packed.
func (a *asker) askPacked(t *testing.T, r api.Route, body, kind string) {
	t.Helper()
	for _, encoding := range []string{"gzip", "deflate", "GZIP", "identity", "br", "gzip, deflate", "\xff", ""} {
		a.ask(t, question{route: r, body: body, header: http.Header{"Content-Type": {kind}, "Content-Encoding": {encoding}}})
	}
}

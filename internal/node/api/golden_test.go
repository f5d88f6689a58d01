package api_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aleph/message"
)

var update = flag.Bool("update", false, "rewrite the expected answers in testdata")

// world is the state that the data-driven tests look at, with a name for every
// hash and address in it.
type world struct {
	*testNode
	messages map[string]*message.Message
	names    map[string]string // name → value
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{testNode: startNode(t), messages: map[string]*message.Message{}, names: map[string]string{}}
	alice, bob := key(t, "1"), key(t, "2")
	w.names["alice"], w.names["bob"] = string(alice.Address()), string(bob.Address())
	const base = 1767250000
	add := func(name string, m *message.Message) *message.Message {
		w.messages[name] = m
		w.names[name] = string(m.ItemHash)
		return m
	}
	put := func(name string, m *message.Message, want int) *message.Message {
		t.Helper()
		if r := w.publish(t, add(name, m)); r.StatusCode != want {
			t.Fatalf("publish %s: got %d %s, want %d", name, r.StatusCode, r.body, want)
		}
		return m
	}
	file := func(name, text string) message.Hash {
		t.Helper()
		h := message.HashOf([]byte(text))
		w.names[name] = string(h)
		if r := w.upload(t, []byte(text), ""); r.StatusCode != http.StatusOK {
			t.Fatalf("upload %s: %d %s", name, r.StatusCode, r.body)
		}
		return h
	}

	p1 := put("p1", signed(t, alice, message.TypePost, "TEST", base+1, `"type":"test","content":{"body":"v1","tags":["x","y"]}`), 200)
	put("p2", signed(t, alice, message.TypePost, "OTHER", base+2.25, `"type":"blog","ref":"my/ref","content":{"body":"déjà vu \ud83d\ude00"}`), 200)
	amend := put("amend", signed(t, alice, message.TypePost, "TEST", base+3, `"type":"amend","ref":"`+string(p1.ItemHash)+`","content":{"body":"v2","tags":["z"]}`), 200)
	put("p3", signed(t, bob, message.TypePost, "TEST", base+4, `"type":"test","content":null`), 200)
	put("prefs1", signed(t, alice, message.TypeAggregate, "TEST", base+5, `"key":"prefs","content":{"b":{"x":1},"a":1}`), 200)
	put("prefs2", signed(t, alice, message.TypeAggregate, "TEST", base+6, `"key":"prefs","content":{"b":{"y":2},"c":[3, 1.50]}`), 200)
	put("other", signed(t, bob, message.TypeAggregate, "TEST", base+7, `"key":"other key","content":{"z":true}`), 200)
	f1, f2, f3 := file("f1", "first version"), file("f2", "second version, longer"), file("f3", "nobody stores this")
	_ = f3
	s1 := put("s1", signed(t, alice, message.TypeStore, "TEST", base+8, `"item_type":"storage","item_hash":"`+string(f1)+`"`), 200)
	put("s2", signed(t, alice, message.TypeStore, "TEST", base+9, `"item_type":"storage","item_hash":"`+string(f2)+`","ref":"`+string(s1.ItemHash)+`"`), 200)
	put("s3", signed(t, bob, message.TypeStore, "TEST", base+10, `"item_type":"storage","item_hash":"`+string(f1)+`","ref":"docs/readme"`), 200)
	put("prog", signed(t, alice, message.TypeProgram, "TEST", base+11, `"allow_amend":false,"type":"vm-function",`+
		`"code":{"encoding":"zip","entrypoint":"main:app","ref":"`+string(s1.ItemHash)+`","use_latest":true},`+
		`"runtime":{"ref":"`+string(s1.ItemHash)+`","use_latest":false,"comment":""},`+
		`"on":{"http":true,"message":[{"channel":"TEST"}]},`+
		`"environment":{"reproducible":false,"internet":true,"aleph_api":true,"shared_cache":false},`+
		`"resources":{"vcpus":1,"memory":128,"seconds":30},"volumes":[]`), 200)
	gone := put("gone", signed(t, bob, message.TypePost, "TEST", base+12, `"type":"test","content":{"secret":1}`), 200)
	put("forget", signed(t, bob, message.TypeForget, "TEST", base+13, `"hashes":["`+string(gone.ItemHash)+`"],"reason":"done"`), 200)
	put("amended", signed(t, alice, message.TypePost, "TEST", base+14, `"type":"amend","ref":"`+string(amend.ItemHash)+`","content":{}`), 422)
	forged := signed(t, alice, message.TypePost, "TEST", base+15, `"type":"test","content":{}`)
	forged.Signature = p1.Signature
	put("forged", forged, 422)
	put("waits", signed(t, alice, message.TypePost, "TEST", base+16, `"type":"amend","ref":"`+strings.Repeat("ef", 32)+`","content":{}`), 202)
	add("fresh", signed(t, bob, message.TypePost, "TEST", base+17, `"type":"test","content":{"n":1}`))
	const hello = "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o" // "hello world" and a line feed
	add("pinned", signed(t, bob, message.TypeStore, "TEST", base+19, `"item_type":"ipfs","item_hash":"`+hello+`","ref":"hello"`))
	add("absent", signed(t, bob, message.TypeStore, "TEST", base+20, `"item_type":"ipfs","item_hash":"QmXNHbWRJEGxhhkyhyMYEJ5sqpYi6p3Qb4wPnTn6Zg5P9j"`))
	add("late", signed(t, bob, message.TypePost, "TEST", base+18, `"type":"test","content":{"n":2}`))
	return w
}

// expand puts values in the place of $name, and envelopes in that of $envelope(name).
func (w *world) expand(t testing.TB, text string) string {
	t.Helper()
	for name, m := range w.messages {
		text = strings.ReplaceAll(text, "$envelope("+name+")", envelope(t, m))
		quoted, err := json.Marshal(envelope(t, m))
		if err != nil {
			t.Fatal(err)
		}
		text = strings.ReplaceAll(text, "$quoted("+name+")", string(quoted))
	}
	names := slices.Collect(maps.Keys(w.names))
	slices.SortFunc(names, func(a, b string) int { return len(b) - len(a) }) // $prefs1 before $p
	for _, name := range names {
		text = strings.ReplaceAll(text, "$"+name, w.names[name])
	}
	return text
}

// shorten is the opposite of expand, for people who read the files.
func (w *world) shorten(text string) string {
	for _, name := range slices.Sorted(maps.Keys(w.messages)) {
		text = strings.ReplaceAll(text, w.messages[name].Signature, "$signature("+name+")")
	}
	for _, name := range slices.Sorted(maps.Keys(w.names)) {
		text = strings.ReplaceAll(text, w.names[name], "$"+name)
	}
	return text
}

// quiet are headers that every answer has or that say nothing here.
var quiet = []string{"Date", "Content-Length", "Content-Type", "X-Content-Type-Options", "Vary", "X-Request-Id"}

// answer prints what a test compares: status, headers, body.
func (w *world) answer(r reply) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s\n", r.StatusCode, r.Header.Get("Content-Type"))
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		if !slices.Contains(quiet, name) {
			fmt.Fprintf(&b, "%s: %s\n", name, strings.Join(r.Header[name], " | "))
		}
	}
	if r.body != "" {
		b.WriteString("\n" + r.body + "\n")
	}
	return w.shorten(b.String())
}

// TestAnswers sends the requests of testdata/*.txt and compares the answers. A
// file is a list of cases between lines of "===": the request line, headers, an
// empty line and a body if there is one, a line of "----", and the answer.
// Run with -update to write the answers anew. The cases of one file see the
// same node, in order.
func TestAnswers(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases in testdata: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			w := newWorld(t)
			var out []string
			for one := range strings.SplitSeq(string(text), "===\n") {
				request, _, _ := strings.Cut(one, "----\n")
				request = strings.TrimRight(request, "\n")
				out = append(out, request+"\n----\n"+w.run(t, request))
			}
			got := strings.Join(out, "===\n")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(strings.Split(string(text), "\n"), strings.Split(got, "\n")); diff != "" {
				t.Errorf("answers differ (-want +got), -update rewrites them:\n%s", diff)
			}
			if log := w.log.String(); strings.Contains(log, "level=ERROR") {
				t.Errorf("errors were logged:\n%s", log)
			}
		})
	}
}

// run sends one request and, for a GET, the same as HEAD, which must answer
// with the same headers and no body.
func (w *world) run(t *testing.T, request string) string {
	t.Helper()
	head, body, _ := strings.Cut(request, "\n\n")
	lines := strings.Split(head, "\n")
	for strings.HasPrefix(lines[0], "#") {
		lines = lines[1:]
	}
	method, path, _ := strings.Cut(lines[0], " ")
	var header []string
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		header = append(header, name, w.expand(t, value))
	}
	path = w.expand(t, path)
	r := w.do(t, method, path, strings.NewReader(w.expand(t, body)), header...)
	if r.ContentLength != int64(len(r.body)) && method != http.MethodHead {
		t.Errorf("%s: Content-Length %d, body %d", lines[0], r.ContentLength, len(r.body))
	}
	if method == http.MethodGet {
		w.compareHead(t, path, header, r)
	}
	return w.answer(r)
}

// compareHead checks spec ccn-http-api 1.3: HEAD is GET without the body.
func (w *world) compareHead(t *testing.T, path string, header []string, get reply) {
	t.Helper()
	switch get.StatusCode {
	case http.StatusPartialContent, http.StatusRequestedRangeNotSatisfiable, http.StatusNotModified:
		return // HEAD of a file describes all of it
	}
	head := w.do(t, http.MethodHead, path, http.NoBody, header...)
	get.Header.Del("X-Request-Id")
	head.Header.Del("X-Request-Id")
	get.Header.Del("Date")
	head.Header.Del("Date")
	if head.StatusCode != get.StatusCode || head.body != "" {
		t.Errorf("HEAD %s: %d with a body of %d bytes, GET %d", path, head.StatusCode, len(head.body), get.StatusCode)
	}
	if diff := cmp.Diff(get.Header, head.Header); diff != "" {
		t.Errorf("HEAD %s (-GET +HEAD):\n%s", path, diff)
	}
}

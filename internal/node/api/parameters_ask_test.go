package api_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aleph/internal/node/api"
)

// asker sends whatever it is given to a node that has some of everything, and
// demands of each answer what holds for all: it is one that docs/openapi.yaml
// allows, never a 500, nothing is logged as an error, and HEAD answers as GET.
type asker struct {
	*world
	read int // how much of the log was looked at
}

// question is a request before anything about it is known to be legal.
type question struct {
	route  api.Route
	path   map[string]string
	query  string
	header http.Header
	body   string
}

func newAsker(t testing.TB) *asker {
	t.Helper()
	return &asker{world: newWorld(t)}
}

// errorsSince returns what was logged as an error after the first n bytes, and
// how many there are now.
func (b *logBuffer) errorsSince(n int) (string, int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var found []string
	for line := range strings.Lines(string(b.buf.Bytes()[n:])) {
		if strings.Contains(line, "level=ERROR") {
			found = append(found, line)
		}
	}
	return strings.Join(found, ""), b.buf.Len()
}

// ask sends a question and returns the status of the answer.
func (a *asker) ask(t testing.TB, q question) int {
	t.Helper()
	r := a.send(q.route.Method, q)
	where := q.route.Method + " " + q.route.Path + " " + clip(strings.Join([]string{strings.Join(values(q.path), " "), q.query, q.body}, "\n"))
	failed, read := a.log.errorsSince(a.read)
	a.read = read
	if failed != "" {
		t.Errorf("%s: logged\n%s", where, failed)
	}
	body := r.Body.String()
	o := contractOf(t).match(q.route.Method, q.target().EscapedPath())
	switch {
	case o == nil && r.Code == http.StatusForbidden && q.target().Path == "/static/": // spec ccn-http-api 4.2
	case o == nil && r.Code != http.StatusNotFound && r.Code != http.StatusMethodNotAllowed:
		t.Errorf("%s: %d %s from no route", where, r.Code, clip(body))
	case o != nil:
		if err := o.allows(q.route.Method, r.Code, r.Header().Get("Content-Type"), body); err != nil {
			t.Errorf("%s: docs/openapi.yaml does not allow this answer: %v\n%d %s", where, err, r.Code, clip(body))
			break
		}
		theAnswers.add(t.Name(), o, r.Code, bodyShape(r.Code, body))
	}
	if r.Code >= http.StatusInternalServerError {
		t.Errorf("%s: %d %s", where, r.Code, clip(body))
	}
	if q.route.Method == http.MethodGet {
		a.compareWithHead(t, where, q, r)
	}
	return r.Code
}

func (a *asker) compareWithHead(t testing.TB, where string, q question, get *httptest.ResponseRecorder) {
	t.Helper()
	switch {
	case slices.Contains([]int{http.StatusPartialContent, http.StatusRequestedRangeNotSatisfiable, http.StatusNotModified, http.StatusPreconditionFailed}, get.Code):
		return // HEAD of a file describes all of it
	case q.route.Name == "metrics":
		return // each request changes them
	}
	head := a.send(http.MethodHead, q)
	if head.Code != get.Code { // the server drops what is written as a body
		t.Errorf("%s: HEAD is %d, GET %d", where, head.Code, get.Code)
	}
	if diff := cmp.Diff(get.Header(), head.Header()); diff != "" {
		t.Errorf("%s: headers (-GET +HEAD):\n%s", where, diff)
	}
}

// target is the address of a question; a path of it may be one of no route.
func (q question) target() *url.URL {
	path := q.route.Path
	for name, value := range q.path {
		path = strings.Replace(path, "{"+name+"}", url.PathEscape(value), 1)
	}
	unescaped, err := url.PathUnescape(path)
	if err != nil {
		unescaped = path
	}
	return &url.URL{Path: unescaped, RawPath: path, RawQuery: q.query}
}

func (a *asker) send(method string, q question) *httptest.ResponseRecorder {
	target := q.target()
	header := q.header.Clone()
	if header == nil {
		header = http.Header{}
	}
	header.Set("X-Request-Id", "asked") // else each answer has its own
	body := io.NopCloser(strings.NewReader(q.body))
	if q.body == "" {
		body = http.NoBody
	}
	recorder := httptest.NewRecorder()
	a.ServeHTTP(recorder, &http.Request{
		Method: method, URL: target, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: header,
		Host: "node.invalid", Body: body, ContentLength: int64(len(q.body)), RequestURI: target.RequestURI(),
	})
	return recorder
}

func values(m map[string]string) []string {
	var list []string
	for name, value := range m {
		list = append(list, name+"="+value)
	}
	slices.Sort(list)
	return list
}

// clip shortens what may be long, for people.
func clip(text string) string {
	const most = 400
	if len(text) > most {
		return strings.ToValidUTF8(text[:most], "?") + " …"
	}
	return text
}

// places gives each parameter of a path a value that means something.
func (a *asker) places(r api.Route) map[string]string {
	known := map[string]string{
		"page": "1", "node_id": "node", "address": "$alice", "item_hash": "$s1", "message_hash": "$s1", "file_hash": "$f1", "hash": "$f1", "ref": "$s1",
		"path": "helpers.js",
	}
	path := map[string]string{}
	for _, p := range r.Parameters() {
		if p.In != api.InPath {
			continue
		}
		path[p.Name] = known[p.Name]
		if name, ok := strings.CutPrefix(known[p.Name], "$"); ok {
			path[p.Name] = a.names[name]
		}
	}
	return path
}

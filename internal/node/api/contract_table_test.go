package api_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aleph/internal/node/api"
)

// TestRoutesAreDocumented compares the table of routes with docs/openapi.yaml,
// both ways: routes, parameters and their types, bodies.
func TestRoutesAreDocumented(t *testing.T) {
	t.Parallel()
	c := contractOf(t)
	ids := map[string]bool{}
	for _, o := range c.operations {
		if _, ok := routeOf(o); !ok {
			t.Errorf("%s %s is documented and not in the table of routes", o.method, o.path)
		}
		if o.id == "" || ids[o.id] {
			t.Errorf("%s %s: the operationId %q is empty or stands twice", o.method, o.path, o.id)
		}
		ids[o.id] = true
	}
	for _, r := range api.Routes() {
		line := r.Method + " " + r.Path
		i := slices.IndexFunc(c.operations, func(o *operation) bool { return o.method == r.Method && o.path == r.Path })
		if i < 0 {
			t.Errorf("%s is not in docs/openapi.yaml", line)
			continue
		}
		o := c.operations[i]
		want := map[string]string{}
		for _, p := range r.Parameters() {
			want[p.In+" "+p.Name] = typeOf(p)
			if p.Alias != "" {
				want[p.In+" "+p.Alias] = typeOf(p)
			}
		}
		got := map[string]string{}
		for _, d := range o.parameters {
			if _, twice := got[d.in+" "+d.name]; twice {
				t.Errorf("%s: %s is documented twice", line, d.name)
			}
			got[d.in+" "+d.name] = d.typeOf()
			if d.in == api.InPath && !d.required {
				t.Errorf("%s: %s of the path is not required", line, d.name)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: parameters (-table +document):\n%s", line, diff)
		}
		slices.Sort(o.bodies)
		bodies := r.Body()
		slices.Sort(bodies)
		if diff := cmp.Diff(bodies, o.bodies); diff != "" {
			t.Errorf("%s: types of bodies (-table +document):\n%s", line, diff)
		}
		if missing := missingAnswers(r, o); len(missing) > 0 {
			t.Errorf("%s: the answers %v are not documented", line, missing)
		}
	}
}

// missingAnswers are statuses that every route of its kind can give.
func missingAnswers(r api.Route, o *operation) []int {
	var missing []int
	need := func(statuses ...int) {
		for _, status := range statuses {
			if o.answers[status] == nil {
				missing = append(missing, status)
			}
		}
	}
	if len(r.Body()) > 0 {
		need(400, 408, 413, 415, 422, 500, 503)
	}
	for _, p := range r.Parameters() {
		switch {
		case p.In == api.InPath:
			need(http.StatusNotFound)
		case p.Kind != api.KindText && p.Kind != api.KindRepeated && r.Name != "programs_on_message":
			need(http.StatusUnprocessableEntity)
		}
	}
	return slices.Compact(missing)
}

// typeOf writes the type of a parameter of the table.
func typeOf(p api.Parameter) string {
	switch p.Kind {
	case api.KindInteger:
		return fmt.Sprintf("integer %s..%s", bound(p.Least), bound(p.Most))
	case api.KindSeconds:
		return "number 0.."
	case api.KindTruth:
		return "boolean"
	case api.KindOrder:
		return "integer -1 1"
	case api.KindChoice:
		return "string " + strings.Join(slices.Sorted(slices.Values(p.Values)), " ")
	case api.KindTexts:
		return "list of string"
	case api.KindChoices:
		return "list of string " + strings.Join(slices.Sorted(slices.Values(p.Values)), " ")
	case api.KindHashes:
		return "list of hash"
	case api.KindRepeated:
		return "repeated string"
	case api.KindText, api.KindCursor:
		if p.Most > 0 {
			return fmt.Sprintf("string ..%d", p.Most)
		}
	}
	return "string"
}

// bound writes a bound, nothing for one that every integer has.
func bound(n int64) string {
	if n == -1<<63 || n == 1<<63-1 {
		return ""
	}
	return fmt.Sprint(n)
}

// typeOf writes the type of a parameter of the document in the same words.
func (d documented) typeOf() string {
	kind := valueType(d.schema)
	if kind != "array" {
		return kind
	}
	items, _ := d.schema["items"].(map[string]any)
	if d.exploded == true {
		return "repeated " + valueType(items)
	}
	if d.exploded == false {
		return "list of " + valueType(items)
	}
	return "a list that does not say how it is written"
}

func valueType(schema map[string]any) string {
	text := fmt.Sprint(schema["type"])
	if values, ok := schema["enum"].([]any); ok {
		words := make([]string, len(values))
		for i, v := range values {
			words[i] = fmt.Sprint(v)
		}
		slices.Sort(words)
		return text + " " + strings.Join(words, " ")
	}
	value := func(name string) string {
		if v, ok := schema[name]; ok {
			return fmt.Sprint(v)
		}
		return ""
	}
	switch {
	case schema["pattern"] != nil:
		return "hash"
	case text == "integer" || text == "number":
		return text + " " + value("minimum") + ".." + value("maximum")
	case schema["maxLength"] != nil:
		return text + " .." + value("maxLength")
	}
	return text
}

// TestParametersAreRead lets every handler say which parameters it asks for, and
// compares them with the table.
func TestParametersAreRead(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	for _, r := range api.Routes() {
		asked := map[string]bool{}
		ctx := api.WatchQuery(t.Context(), func(names []string) {
			for _, name := range names {
				asked[name] = true
			}
		})
		req := httptest.NewRequestWithContext(ctx, r.Method, anyValues(r.Path), strings.NewReader("{}"))
		n.ServeHTTP(httptest.NewRecorder(), req)
		table := map[string]bool{}
		for _, p := range r.Parameters() {
			if p.In != api.InQuery {
				continue
			}
			table[p.Name] = true
			if p.Alias != "" {
				table[p.Alias] = true
			}
		}
		if diff := cmp.Diff(slices.Sorted(maps.Keys(table)), slices.Sorted(maps.Keys(asked))); diff != "" {
			t.Errorf("%s %s (-table +handler):\n%s", r.Method, r.Path, diff)
		}
	}
}

// anyValues puts values that mean nothing in the places of a path.
func anyValues(path string) string {
	for {
		before, rest, ok := strings.Cut(path, "{")
		if !ok {
			return path
		}
		name, after, _ := strings.Cut(rest, "}")
		value := "x"
		if name == "page" {
			value = "1"
		}
		path = before + value + after
	}
}

// TestExamplesAreValid compares each example of the document with its schema,
// and an example of an answer with what the route may answer.
func TestExamplesAreValid(t *testing.T) {
	t.Parallel()
	examples := 0
	for _, o := range contractOf(t).operations {
		answered := map[int]bool{}
		for _, e := range o.examples {
			examples++
			answered[e.status] = true
			if err := e.schema.Validate(e.value); err != nil {
				t.Errorf("%s %s: %s: %v", o.method, o.path, e.where, err)
			}
		}
		for status, form := range o.answers {
			binary := form.contents["application/octet-stream"] != nil
			if len(form.contents) > 0 && !answered[status] && !binary {
				t.Errorf("%s %s: the answer %d has no example", o.method, o.path, status)
			}
		}
		for _, kind := range o.bodies {
			if kind == "application/json" && !answered[0] {
				t.Errorf("%s %s: the body has no example", o.method, o.path)
			}
		}
	}
	if examples < 300 {
		t.Errorf("the document has %d examples: were they read?", examples)
	}
}

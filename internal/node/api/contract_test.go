package api_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"aleph/docs"
	"aleph/internal/node/api"
	"aleph/internal/node/api/openapi"
)

// contract is docs/openapi.yaml, ready to judge answers.
type contract struct {
	root       map[string]any
	operations []*operation
}

// operation is a method of a path.
type operation struct {
	id, method, path string
	parameters       []documented
	// bodies are the types of bodies.
	bodies  []string
	answers map[int]*answerForm
	// examples are those of the body and of each answer.
	examples []documentedExample
}

// documented is a parameter of the document.
type documented struct {
	name, in string
	required bool
	exploded any
	schema   map[string]any
}

// answerForm is what an answer with one status may be.
type answerForm struct {
	// contents are schemas by media type; nil is no schema.
	contents map[string]*jsonschema.Schema
	frame    *jsonschema.Schema
}

type documentedExample struct {
	where  string
	status int // 0 for a body of a request
	json   bool
	value  any
	schema *jsonschema.Schema
}

// theContract reads the document once.
var theContract = sync.OnceValues(readContract)

func contractOf(t testing.TB) *contract {
	t.Helper()
	c, err := theContract()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const jsonType = "application/json"

// documentURL is what the schemas of the document refer to each other by.
const documentURL = "http://node.invalid/openapi.json"

func readContract() (*contract, error) {
	parsed, err := openapi.Parse(docs.OpenAPI)
	if err != nil {
		return nil, err
	}
	text, err := parsed.JSON()
	if err != nil {
		return nil, err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertContent()
	if err := compiler.AddResource(documentURL, value); err != nil {
		return nil, err
	}
	c := &contract{root: value.(map[string]any)}
	reader := &contractReader{c, compiler}
	paths, _ := c.root["paths"].(map[string]any)
	for path, methods := range paths {
		for method := range methods.(map[string]any) {
			o, err := reader.operation(path, method)
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", method, path, err)
			}
			c.operations = append(c.operations, o)
		}
	}
	slices.SortFunc(c.operations, func(a, b *operation) int { return strings.Compare(a.method+a.path, b.method+b.path) })
	return c, nil
}

// contractReader makes operations of the parts of the document, which are named
// by JSON pointers.
type contractReader struct {
	contract *contract
	compiler *jsonschema.Compiler
}

// at returns the value at a pointer, and the pointer of where it really is.
func (r *contractReader) at(pointer string) (map[string]any, string, error) {
	var value any = r.contract.root
	for name := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		name = strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
		switch of := value.(type) {
		case map[string]any:
			value = of[name]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i >= len(of) {
				return nil, "", fmt.Errorf("there is no %s", pointer)
			}
			value = of[i]
		}
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, "", fmt.Errorf("there is no %s", pointer)
	}
	if ref, ok := object["$ref"].(string); ok {
		return r.at(strings.TrimPrefix(ref, "#"))
	}
	return object, pointer, nil
}

func join(pointer string, names ...string) string {
	for _, name := range names {
		pointer += "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
	}
	return pointer
}

func (r *contractReader) compile(pointer string) (*jsonschema.Schema, error) {
	return r.compiler.Compile(documentURL + "#" + (&url.URL{Path: pointer}).EscapedPath())
}

func (r *contractReader) operation(path, method string) (*operation, error) {
	pointer := join("", "paths", path, method)
	object, _, err := r.at(pointer)
	if err != nil {
		return nil, err
	}
	o := &operation{method: strings.ToUpper(method), path: path, answers: map[int]*answerForm{}}
	o.id, _ = object["operationId"].(string)
	list, _ := object["parameters"].([]any)
	for i := range list {
		p, _, err := r.at(join(pointer, "parameters", strconv.Itoa(i)))
		if err != nil {
			return nil, err
		}
		d := documented{exploded: p["explode"]}
		d.name, _ = p["name"].(string)
		d.in, _ = p["in"].(string)
		d.required, _ = p["required"].(bool)
		schema, ok := p["schema"].(map[string]any)
		if !ok {
			return nil, fmt.Errorf("parameter %s has no schema", d.name)
		}
		d.schema = r.flat(schema)
		o.parameters = append(o.parameters, d)
	}
	if object["requestBody"] != nil {
		form, err := r.form(o, join(pointer, "requestBody"), 0)
		if err != nil {
			return nil, err
		}
		for kind := range form.contents {
			o.bodies = append(o.bodies, kind)
		}
	}
	responses, _ := object["responses"].(map[string]any)
	for status := range responses {
		code, err := strconv.Atoi(status)
		if err != nil {
			return nil, err
		}
		if o.answers[code], err = r.form(o, join(pointer, "responses", status), code); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// flat resolves the references of a parameter's schema.
func (r *contractReader) flat(schema map[string]any) map[string]any {
	if ref, ok := schema["$ref"].(string); ok {
		if object, _, err := r.at(strings.TrimPrefix(ref, "#")); err == nil {
			return object
		}
	}
	if items, ok := schema["items"].(map[string]any); ok {
		copied := maps.Clone(schema)
		copied["items"] = r.flat(items)
		return copied
	}
	return schema
}

func (r *contractReader) form(o *operation, pointer string, status int) (*answerForm, error) {
	object, pointer, err := r.at(pointer)
	if err != nil {
		return nil, err
	}
	form := &answerForm{contents: map[string]*jsonschema.Schema{}}
	contents, _ := object["content"].(map[string]any)
	for kind, media := range contents {
		at := join(pointer, "content", kind)
		schema, err := r.compile(join(at, "schema"))
		if err != nil {
			return nil, err
		}
		form.contents[kind] = schema
		described := media.(map[string]any)
		if example, ok := described["example"]; ok {
			o.examples = append(o.examples, documentedExample{at, status, kind == jsonType, example, schema})
		}
		named, _ := described["examples"].(map[string]any)
		for name, example := range named {
			o.examples = append(o.examples, documentedExample{at + " " + name, status, kind == jsonType, example.(map[string]any)["value"], schema})
		}
	}
	if object["x-frame"] != nil {
		form.frame, err = r.compile(join(pointer, "x-frame"))
	}
	return form, err
}

// match returns the operation that a request asks for, nil when there is none.
// Literal segments come before parameters. // spec ccn-http-api 1.3
func (c *contract) match(method, path string) *operation {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	path, _, _ = strings.Cut(path, "?")
	var best *operation
	for _, o := range c.operations {
		if o.method == method && fits(o.path, path) && (best == nil || strings.Count(o.path, "{") < strings.Count(best.path, "{")) {
			best = o
		}
	}
	return best
}

// fits reports whether a path is one of a template.
func fits(template, path string) bool {
	want, got := strings.Split(template, "/"), strings.Split(path, "/")
	return slices.EqualFunc(want, got, func(want, got string) bool {
		before, rest, ok := strings.Cut(want, "{")
		if !ok {
			return want == got
		}
		_, after, _ := strings.Cut(rest, "}")
		return len(got) > len(before)+len(after) && strings.HasPrefix(got, before) && strings.HasSuffix(got, after)
	})
}

// allows says why an answer is none of those of the document.
func (o *operation) allows(method string, status int, contentType, body string) error {
	form, ok := o.answers[status]
	if !ok {
		return fmt.Errorf("the status %d is not documented", status)
	}
	if len(form.contents) == 0 {
		if body != "" {
			return errors.New("no body is documented")
		}
		return nil
	}
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return fmt.Errorf("content type %q: %w", contentType, err)
	}
	schema, ok := form.contents[kind]
	if !ok {
		return fmt.Errorf("the content type %s is not documented for the status %d", kind, status)
	}
	if method == http.MethodHead {
		return nil
	}
	return judge(schema, kind, body)
}

// judge compares a body with a schema.
func judge(schema *jsonschema.Schema, kind, body string) error {
	var value any = body
	if kind == jsonType {
		var err error
		if value, err = jsonschema.UnmarshalJSON(strings.NewReader(body)); err != nil {
			return err
		}
	} else if !strings.HasPrefix(kind, "text/") {
		return nil // bytes
	}
	return schema.Validate(value)
}

// inspect demands that the document allows an answer, and notes it.
func inspect(t testing.TB, method, path string, status int, contentType, body string) {
	t.Helper()
	if _, measures := t.(*testing.B); measures {
		return
	}
	if method == http.MethodOptions || status == http.StatusRequestHeaderFieldsTooLarge {
		return // what no route answers is described for all of them
	}
	o := contractOf(t).match(method, path)
	if o == nil {
		return // no route, or one that a test added
	}
	if err := o.allows(method, status, contentType, body); err != nil {
		t.Errorf("%s %s: docs/openapi.yaml does not allow this answer: %v\n%d %s\n%.500s", method, path, err, status, contentType, body)
		return
	}
	theAnswers.add(t.Name(), o, status, bodyShape(status, body))
}

// inspectFrame does the same for a frame of a WebSocket.
func inspectFrame(t testing.TB, path string, text []byte) {
	t.Helper()
	o := contractOf(t).match(http.MethodGet, path)
	if err := judge(o.answers[http.StatusSwitchingProtocols].frame, jsonType, string(text)); err != nil {
		t.Errorf("%s: docs/openapi.yaml does not allow this frame: %v\n%s", path, err, text)
	}
	theAnswers.add(t.Name(), o, http.StatusSwitchingProtocols, "")
}

// routeOf returns the line of the table for an operation.
func routeOf(o *operation) (api.Route, bool) {
	routes := api.Routes()
	i := slices.IndexFunc(routes, func(r api.Route) bool { return r.Method == o.method && r.Path == o.path })
	if i < 0 {
		return api.Route{}, false
	}
	return routes[i], true
}

package openapi

import (
	"bytes"
	_ "embed" // the page is part of the program
	"encoding/json"
	"html/template"
	"slices"
	"strings"
)

//go:embed page.html
var pageText string

// page is what the page shows.
type page struct {
	Title, Version string
	Summary        string
	Description    []paragraph
	Groups         []group
	Schemas        []namedSchema
}

// group is the operations of one tag.
type group struct {
	Name        string
	Description []paragraph
	Operations  []operation
}

type operation struct {
	ID, Method, Path, Summary string
	Description               []paragraph
	Parameters                []parameter
	Body                      *answer
	Answers                   []answer
}

type parameter struct {
	Name, In    string
	Required    bool
	Description []paragraph
	Schema      schema
}

// answer is one status, or the body of a request.
type answer struct {
	Status      string
	Description []paragraph
	Headers     []parameter
	Contents    []content
	// Frame is what a WebSocket sends.
	Frame *schema
}

type content struct {
	Type     string
	Schema   schema
	Examples []example
}

type example struct{ Summary, Text string }

// Page writes the document as HTML. It needs no script and loads nothing.
func (d *Document) Page() ([]byte, error) {
	shown, err := d.page()
	if err != nil {
		return nil, err
	}
	form, err := template.New("page").Parse(pageText)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := form.Execute(&out, shown); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func (d *Document) page() (*page, error) {
	info := d.root.at("info")
	p := &page{
		Title: info.at("title").text(), Version: info.at("version").text(), Summary: info.at("summary").text(),
		Description: prose(info.at("description").text()),
	}
	for _, tag := range d.root.at("tags").items() {
		g := group{Name: tag.at("name").text(), Description: prose(tag.at("description").text())}
		for _, path := range d.root.at("paths").members() {
			for _, method := range path.value.members() {
				if !slices.Contains(method.value.at("tags").texts(), g.Name) {
					continue
				}
				o, err := d.operation(path.name, method)
				if err != nil {
					return nil, err
				}
				g.Operations = append(g.Operations, o)
			}
		}
		p.Groups = append(p.Groups, g)
	}
	for _, named := range d.root.at("components", "schemas").members() {
		p.Schemas = append(p.Schemas, namedSchema{named.name, d.schema(named.value)})
	}
	return p, nil
}

func (d *Document) operation(path string, method member) (operation, error) {
	n := method.value
	o := operation{
		ID: n.at("operationId").text(), Method: strings.ToUpper(method.name), Path: path, Summary: n.at("summary").text(),
		Description: prose(n.at("description").text()),
	}
	for _, one := range n.at("parameters").items() {
		one, _ = d.target(one)
		o.Parameters = append(o.Parameters, d.parameter(one.at("name").text(), one))
	}
	if body := n.at("requestBody"); body.Node != nil {
		body, _ = d.target(body)
		shown, err := d.answer("body", body)
		if err != nil {
			return o, err
		}
		o.Body = &shown
	}
	for _, status := range n.at("responses").members() {
		response, _ := d.target(status.value)
		shown, err := d.answer(status.name, response)
		if err != nil {
			return o, err
		}
		o.Answers = append(o.Answers, shown)
	}
	return o, nil
}

func (d *Document) parameter(name string, n node) parameter {
	return parameter{
		Name: name, In: n.at("in").text(), Required: n.at("required").text() == "true",
		Description: prose(n.at("description").text()), Schema: d.schema(n.at("schema")),
	}
}

func (d *Document) answer(status string, n node) (answer, error) {
	a := answer{Status: status, Description: prose(n.at("description").text())}
	for _, header := range n.at("headers").members() {
		a.Headers = append(a.Headers, d.parameter(header.name, header.value))
	}
	for _, media := range n.at("content").members() {
		c := content{Type: media.name, Schema: d.schema(media.value.at("schema"))}
		if one := media.value.at("example"); one.Node != nil {
			text, err := sample(one)
			if err != nil {
				return a, err
			}
			c.Examples = append(c.Examples, example{"Example", text})
		}
		for _, named := range media.value.at("examples").members() {
			text, err := sample(named.value.at("value"))
			if err != nil {
				return a, err
			}
			c.Examples = append(c.Examples, example{named.value.at("summary").text(), text})
		}
		a.Contents = append(a.Contents, c)
	}
	if frame := n.at("x-frame"); frame.Node != nil {
		s := d.schema(frame)
		a.Frame = &s
	}
	return a, nil
}

// sample lays an example out: a text as it is, everything else as JSON.
func sample(n node) (string, error) {
	var out bytes.Buffer
	if err := n.write(&out); err != nil {
		return "", err
	}
	if out.Len() > 0 && out.Bytes()[0] == '"' {
		return n.text(), nil
	}
	var laid bytes.Buffer
	if err := json.Indent(&laid, out.Bytes(), "", "  "); err != nil {
		return "", err
	}
	return laid.String(), nil
}

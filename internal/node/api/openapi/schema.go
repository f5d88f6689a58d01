package openapi

import "slices"

// schema is what the page shows of a JSON schema.
type schema struct {
	// Ref is the name of a schema that is shown elsewhere.
	Ref string
	// Types are JSON types; none means any value.
	Types       []string
	Description []paragraph
	Values      []string
	// Notes are bounds, such as "at least 1".
	Notes []string
	// Items are those of a list, and Of what an object has under any name.
	Items, Of *schema
	Members   []schemaMember
	// Choices are schemas of which one holds.
	Choices []schema
}

type schemaMember struct {
	Name     string
	Required bool
	Schema   schema
}

type namedSchema struct {
	Name   string
	Schema schema
}

// noted are the keywords that are shown as notes, with the words before them.
var noted = []struct{ keyword, words string }{
	{"default", "default"},
	{"minimum", "at least"},
	{"maximum", "at most"},
	{"minItems", "items at least"},
	{"maxItems", "items at most"},
	{"minLength", "characters at least"},
	{"maxLength", "characters at most"},
	{"pattern", "pattern"},
	{"contentEncoding", "encoded as"},
	{"contentMediaType", "text of the type"},
}

// schema reads a schema; one that is a reference stays one.
func (d *Document) schema(n node) schema {
	s := schema{Description: prose(n.at("description").text())}
	if n.Node == nil {
		return s
	}
	if _, name := d.target(n); name != "" {
		s.Ref = name
		return s
	}
	s.Types = n.at("type").texts()
	s.Values = append(n.at("enum").texts(), n.at("const").texts()...)
	for _, note := range noted {
		if value := n.at(note.keyword); value.Node != nil {
			s.Notes = append(s.Notes, note.words+" "+value.text())
		}
	}
	s.Items = d.part(n.at("items"))
	s.Of = d.part(n.at("additionalProperties"))
	for _, m := range n.at("patternProperties").members() {
		s.Of = d.part(m.value)
	}
	if s.Of == nil {
		s.Of = d.part(n.at("contentSchema"))
	}
	required := n.at("required").texts()
	for _, m := range n.at("properties").members() {
		s.Members = append(s.Members, schemaMember{m.name, slices.Contains(required, m.name), d.schema(m.value)})
	}
	for _, keyword := range []string{"oneOf", "anyOf"} {
		for _, choice := range n.at(keyword).items() {
			s.Choices = append(s.Choices, d.schema(choice))
		}
	}
	return s
}

// part reads a schema inside another one, if it says anything.
func (d *Document) part(n node) *schema {
	if n.Node == nil || len(n.members()) == 0 {
		return nil
	}
	s := d.schema(n)
	return &s
}

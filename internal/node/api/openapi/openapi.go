// Package openapi reads the document that describes the HTTP interface, and
// writes it as JSON and as a page for people.
//
// [Parse] makes a [Document]; page.go says what the page shows and page.html
// how. The document is trusted: it is a file of this repository, which tests
// compare with what the node answers.
package openapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Document is a parsed document. It is safe for concurrent use.
type Document struct {
	root node
}

// Parse reads a document.
func Parse(text string) (*Document, error) {
	var root yaml.Node
	if err := yaml.Unmarshal([]byte(text), &root); err != nil {
		return nil, fmt.Errorf("openapi: %w", err)
	}
	if root.Kind != yaml.DocumentNode || len(root.Content) != 1 || root.Content[0].Kind != yaml.MappingNode {
		return nil, errors.New("openapi: the document is no mapping")
	}
	return &Document{root: node{root.Content[0]}}, nil
}

// JSON returns the document as JSON, its members in the order of the document.
func (d *Document) JSON() ([]byte, error) {
	var out bytes.Buffer
	if err := d.root.write(&out); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// node is a value of the document, or nothing.
type node struct{ *yaml.Node }

// member is a name and a value of a mapping.
type member struct {
	name  string
	value node
}

// members returns those of a mapping; merged ones stand where the merge does.
func (n node) members() []member {
	n = n.resolved()
	if n.Node == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	var list []member
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], node{n.Content[i+1]}
		if name.Tag == "!!merge" {
			list = append(list, value.members()...)
			continue
		}
		list = append(list, member{name.Value, value.resolved()})
	}
	return list
}

// resolved follows an alias of YAML.
func (n node) resolved() node {
	for n.Node != nil && n.Kind == yaml.AliasNode {
		n = node{n.Alias}
	}
	return n
}

// at returns what lies under names, one inside the other.
func (n node) at(names ...string) node {
	for _, name := range names {
		found := node{}
		for _, m := range n.members() {
			if m.name == name {
				found = m.value
			}
		}
		n = found
	}
	return n
}

// items returns those of a list.
func (n node) items() []node {
	n = n.resolved()
	if n.Node == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	list := make([]node, len(n.Content))
	for i, item := range n.Content {
		list[i] = node{item}.resolved()
	}
	return list
}

// text returns a scalar as it is written.
func (n node) text() string {
	if n = n.resolved(); n.Node == nil {
		return ""
	}
	return n.Value
}

// texts returns a list of scalars, or a single one.
func (n node) texts() []string {
	if n = n.resolved(); n.Node != nil && n.Kind == yaml.ScalarNode {
		return []string{n.Value}
	}
	var list []string
	for _, item := range n.items() {
		list = append(list, item.text())
	}
	return list
}

// target returns what a reference inside the document names, and its last name.
func (d *Document) target(n node) (value node, name string) {
	path, ok := strings.CutPrefix(n.at("$ref").text(), "#/")
	if !ok {
		return n, ""
	}
	parts := strings.Split(path, "/")
	return d.root.at(parts...), parts[len(parts)-1]
}

// write appends a value as JSON.
func (n node) write(out *bytes.Buffer) error {
	n = n.resolved()
	switch n.Kind {
	case yaml.MappingNode:
		out.WriteByte('{')
		for i, m := range n.members() {
			if i > 0 {
				out.WriteByte(',')
			}
			if err := writeText(out, m.name); err != nil {
				return err
			}
			out.WriteByte(':')
			if err := m.value.write(out); err != nil {
				return err
			}
		}
		out.WriteByte('}')
		return nil
	case yaml.SequenceNode:
		out.WriteByte('[')
		for i, item := range n.items() {
			if i > 0 {
				out.WriteByte(',')
			}
			if err := item.write(out); err != nil {
				return err
			}
		}
		out.WriteByte(']')
		return nil
	case yaml.ScalarNode:
		switch n.Tag {
		case "!!null":
			out.WriteString("null")
			return nil
		case "!!bool", "!!int", "!!float":
			if !json.Valid([]byte(n.Value)) {
				return fmt.Errorf("openapi: line %d: %q is not written as in JSON", n.Line, n.Value)
			}
			out.WriteString(n.Value)
			return nil
		}
		return writeText(out, n.Value)
	case yaml.DocumentNode, yaml.AliasNode:
	}
	return fmt.Errorf("openapi: line %d has no form in JSON", n.Line)
}

func writeText(out *bytes.Buffer, text string) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(text); err != nil {
		return err
	}
	out.Truncate(out.Len() - 1) // the encoder's line feed
	return nil
}

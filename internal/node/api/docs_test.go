package api_test

import (
	"bytes"
	"encoding/json"
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"aleph/docs"
)

// TestDocumentation asks for the document in its three forms. // spec ccn-http-api 4.3
func TestDocumentation(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	r := n.get(t, "/openapi.yaml")
	if r.StatusCode != http.StatusOK || r.body != docs.OpenAPI {
		t.Errorf("the document as YAML: %d, %d bytes, want %d", r.StatusCode, len(r.body), len(docs.OpenAPI))
	}
	var asYAML, asJSON any
	if err := yaml.Unmarshal([]byte(r.body), &asYAML); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(n.get(t, "/api/docs/swagger.json").body), &asJSON); err != nil {
		t.Fatal(err)
	}
	want, err := json.Marshal(asYAML)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := json.Marshal(asJSON); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the document as JSON means something else than as YAML: %d and %d bytes, %v", len(got), len(want), err)
	}
	if r := n.get(t, "/api/docs"); r.StatusCode != http.StatusMovedPermanently || r.Header.Get("Location") != "/api/docs/" {
		t.Errorf("/api/docs: %d to %q", r.StatusCode, r.Header.Get("Location"))
	}
	page := n.get(t, "/api/docs/")
	if page.StatusCode != http.StatusOK || !strings.HasPrefix(page.Header.Get("Content-Security-Policy"), "default-src 'none'; style-src 'unsafe-inline'") {
		t.Errorf("page: %d %v", page.StatusCode, page.Header)
	}
	for _, o := range contractOf(t).operations {
		if !strings.Contains(page.body, ` id="`+o.id+`">`) || !strings.Contains(page.body, "<code>"+html.EscapeString(o.path)+"</code>") {
			t.Errorf("the page does not show %s %s", o.method, o.path)
		}
		for _, p := range o.parameters {
			if !strings.Contains(page.body, "<dt><code>"+html.EscapeString(p.name)+"</code>") {
				t.Errorf("the page does not show the parameter %s", p.name)
			}
		}
	}
	ids := map[string]bool{}
	for _, id := range regexp.MustCompile(` id="([^"]+)"`).FindAllStringSubmatch(page.body, -1) {
		if ids[id[1]] {
			t.Errorf("two parts of the page are called %s", id[1])
		}
		ids[id[1]] = true
	}
	for _, link := range regexp.MustCompile(` (?:href|src)="([^"]+)"`).FindAllStringSubmatch(page.body, -1) {
		name, inside := strings.CutPrefix(link[1], "#")
		switch {
		case inside && !ids[name]:
			t.Errorf("the page has no %s", link[1])
		case !inside && n.get(t, link[1]).StatusCode != http.StatusOK:
			t.Errorf("the page links to %s, which does not answer", link[1])
		}
	}
	if strings.Contains(page.body, "<script") || strings.Contains(page.body, "ZgotmplZ") {
		t.Error("the page has a script, or a value that was no text")
	}
}

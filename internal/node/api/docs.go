package api

import (
	"net/http"
	"sync"

	"aleph/docs"
	"aleph/internal/node/api/openapi"
)

// documentation is the document of this interface in its forms, which are made
// when somebody asks first.
type documentation struct {
	json, page func() ([]byte, error)
}

func newDocumentation() documentation {
	parse := sync.OnceValues(func() (*openapi.Document, error) { return openapi.Parse(docs.OpenAPI) })
	form := func(write func(*openapi.Document) ([]byte, error)) func() ([]byte, error) {
		return sync.OnceValues(func() ([]byte, error) {
			document, err := parse()
			if err != nil {
				return nil, err
			}
			return write(document)
		})
	}
	return documentation{json: form((*openapi.Document).JSON), page: form((*openapi.Document).Page)}
}

// docsMoved answers GET /api/docs. // spec ccn-http-api 4.3
func (a *API) docsMoved(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Location", "/api/docs/")
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusMovedPermanently)
	return nil
}

// docsPage answers GET /api/docs/. // spec ccn-http-api 4.3
func (a *API) docsPage(w http.ResponseWriter, _ *http.Request) error {
	page, err := a.documentation.page()
	if err != nil {
		return err
	}
	w.Header().Set("Content-Security-Policy", pagePolicy)
	return writeBody(w, http.StatusOK, "text/html; charset=utf-8", page)
}

// docsJSON answers GET /api/docs/swagger.json. // spec ccn-http-api 4.3
func (a *API) docsJSON(w http.ResponseWriter, _ *http.Request) error {
	text, err := a.documentation.json()
	if err != nil {
		return err
	}
	return writeBody(w, http.StatusOK, typeJSON, text)
}

// docsYAML answers GET /openapi.yaml.
func (a *API) docsYAML(w http.ResponseWriter, _ *http.Request) error {
	return writeBody(w, http.StatusOK, "application/yaml; charset=utf-8", []byte(docs.OpenAPI))
}

// pagePolicy lets a page have its own style and load nothing.
const pagePolicy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

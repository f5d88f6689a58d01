// Package docs holds the documents that the program itself shows.
package docs

import _ "embed" // the document is part of the program

// OpenAPI describes the HTTP interface of a node.
//
//go:embed openapi.yaml
var OpenAPI string

package api

import (
	"net/http"
	"slices"
	"strings"
)

// safelisted are the response headers that a browser shows to any script.
var safelisted = []string{"Cache-Control", "Content-Language", "Content-Length", "Content-Type", "Expires", "Last-Modified", "Pragma"}

// everyAnswer sets the headers that all answers have. A script of any origin may
// read them: nothing here depends on cookies or on who asks.
// // spec ccn-http-api 2.3
func everyAnswer(header http.Header, origin, id string) {
	header.Set("X-Request-Id", id)
	// Answers repeat what was sent; no browser may take one for a page.
	header.Set("X-Content-Type-Options", "nosniff")
	// Also without an origin: a cache must not give that answer to a script.
	header.Set("Vary", "Origin")
	if origin != "" {
		header.Set("Access-Control-Allow-Origin", origin)
	}
}

// exposeHeaders names the headers of the answer that scripts may read.
func exposeHeaders(header http.Header) {
	if header.Get("Access-Control-Allow-Origin") == "" {
		return
	}
	exposed := []string{"Content-Length", "Date"}
	for name := range header {
		if !slices.Contains(safelisted, name) && !strings.HasPrefix(name, "Access-Control-") && name != "Vary" && name != "X-Content-Type-Options" {
			exposed = append(exposed, name)
		}
	}
	slices.Sort(exposed)
	header.Set("Access-Control-Expose-Headers", strings.Join(slices.Compact(exposed), ","))
}

// preflight answers OPTIONS on a known path; the origin is allowed already. // spec ccn-http-api 2.3
func preflight(w http.ResponseWriter, r *http.Request) error {
	const failed = "CORS preflight request failed: "
	origin := r.Header.Get("Origin")
	if origin == "" {
		return failText(http.StatusForbidden, failed+"origin header is not specified in the request")
	}
	method := r.Header.Get("Access-Control-Request-Method")
	switch method {
	case "":
		return failText(http.StatusForbidden, failed+"'Access-Control-Request-Method' header is not specified")
	case http.MethodGet, http.MethodPost, http.MethodHead:
	default:
		return failText(http.StatusForbidden, failed+"request method '%s' is not allowed for '%s' origin", method, origin)
	}
	header := w.Header()
	header.Set("Access-Control-Allow-Methods", method)
	if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" {
		names := strings.Split(strings.ToUpper(asked), ",")
		for i := range names {
			names[i] = strings.TrimSpace(names[i])
		}
		header.Set("Access-Control-Allow-Headers", strings.Join(names, ","))
	}
	header.Set("Content-Length", "0")
	w.WriteHeader(http.StatusOK)
	return nil
}

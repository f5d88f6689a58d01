package api

import (
	"bytes"
	"html/template"
	"net/http"

	"aleph/internal/telemetry"
)

// homePage is the status page. It loads nothing from elsewhere.
var homePage = template.Must(template.New("home").Parse(`<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Aleph node</title><meta name="viewport" content="width=device-width">
<style>body{font:16px/1.5 system-ui,sans-serif;margin:3rem auto;max-width:40rem;padding:0 1rem}td{padding:.2rem 1.5rem .2rem 0}td+td{text-align:right}.failed,.degraded{color:#b00}</style>
</head>
<body>
<h1>Aleph node</h1>
<table>
<tr><td>Messages</td><td>{{.Messages}}</td></tr>
<tr><td>Pending messages</td><td>{{.Pending}}</td></tr>
<tr><td>Files</td><td>{{.Files}}</td></tr>
<tr><td>Version</td><td>{{.Version}}</td></tr>
<tr><td>Health</td><td class="{{.Health}}">{{.Health}}</td></tr>
</table>
{{range .Parts}}{{if .Text}}<p class="{{.State}}">{{.Part}}: {{.Text}}</p>
{{end}}{{end}}<p><a href="/health">health</a> · <a href="/metrics">metrics</a> · <a href="/api/v0/messages.json">messages</a></p>
</body>
</html>
`))

// home answers GET /. // spec ccn-http-api 4.1
func (a *API) home(w http.ResponseWriter, r *http.Request) error {
	messages, pending, files, err := a.figures.count(r.Context())
	if err != nil {
		return err
	}
	a.checks.run(r.Context())
	var page bytes.Buffer
	err = homePage.Execute(&page, struct {
		Messages, Pending, Files int64
		Version                  string
		Health                   telemetry.State
		Parts                    []telemetry.HealthItem
	}{messages, pending, files, a.Version, a.Health.Worst(), a.Health.Items()})
	if err != nil {
		return err
	}
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	return writeBody(w, http.StatusOK, "text/html; charset=utf-8", page.Bytes())
}

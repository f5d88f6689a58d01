package api

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"mime"
	"net/http"
	"path"
	"time"

	"aleph/message"
)

//go:embed static
var staticFiles embed.FS

// staticFolder is the folder of the files, which is not listed. It is no route:
// net/http would redirect to it. // spec ccn-http-api 4.2
const staticFolder = "/static/"

// homeFile is the template of the status page, which is not served as it is.
const homeFile = "home.html"

// asset is a file of the status page.
type asset struct {
	body        []byte
	contentType string
	etag        string
}

// assets are the files of the status page. It does not change once it is made.
type assets struct {
	files map[string]asset
	home  *template.Template
	// since is when the files were last changed, as far as a caller can tell.
	since time.Time
}

func newAssets(now time.Time) (*assets, error) {
	s := &assets{files: map[string]asset{}, since: now}
	list, err := staticFiles.ReadDir("static")
	if err != nil {
		return nil, err
	}
	for _, entry := range list {
		body, err := staticFiles.ReadFile("static/" + entry.Name())
		if err != nil {
			return nil, err
		}
		if entry.Name() == homeFile {
			if s.home, err = template.New(homeFile).Parse(string(body)); err != nil {
				return nil, err
			}
			continue
		}
		sum := sha256.Sum256(body)
		s.files[entry.Name()] = asset{
			body: body, contentType: mime.TypeByExtension(path.Ext(entry.Name())),
			etag: `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`,
		}
	}
	return s, nil
}

// static answers GET /static/{path}: a part when a range is asked for, and 304
// when the caller has the file. // spec ccn-http-api 4.2
func (a *API) static(w http.ResponseWriter, r *http.Request) error {
	file, ok := a.assets.files[r.PathValue("path")]
	if !ok {
		return message.ErrNotFound
	}
	header := w.Header()
	header.Set("Content-Type", file.contentType)
	header.Set("Etag", file.etag)
	http.ServeContent(w, r, "", a.assets.since, bytes.NewReader(file.body))
	return nil
}

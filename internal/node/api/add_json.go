package api

import (
	"bytes"
	"net/http"
)

// addJSON answers POST /api/v0/storage/add_json: it keeps a JSON value in its
// canonical form for the grace period. // spec ccn-http-api 10.4
func (a *API) addJSON(w http.ResponseWriter, r *http.Request) error {
	done, err := a.beginUpload(r.Context())
	if err != nil {
		return err
	}
	defer done()
	limit := a.cfg.MaxAnonymousFileSize
	raw, err := readBody(w, r, limit)
	if err != nil {
		return err
	}
	canonical, err := canonicalJSON(raw)
	if err != nil {
		return failReason(http.StatusUnprocessableEntity, "%s", err)
	}
	file, err := a.Blobs.Stage(r.Context(), bytes.NewReader(canonical), limit)
	if err != nil {
		return err
	}
	defer file.Discard()
	if err := a.keepFile(r.Context(), file); err != nil {
		return err
	}
	return writeUpload(w, http.StatusOK, file.Hash)
}

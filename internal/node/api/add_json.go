package api

import (
	"bytes"
	"io"
	"net/http"

	"aleph/internal/node/blob"
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
	file, err := stageJSON(a, w, r, limit, func(canonical []byte) (*blob.Staged, error) { //nolint:contextcheck // the request's own
		return a.Blobs.Stage(r.Context(), bytes.NewReader(canonical), limit)
	})
	if err != nil {
		return err
	}
	defer file.Discard()
	if err := a.keepAnonymous(r.Context(), file, file.Info); err != nil {
		return err
	}
	return writeUpload(w, http.StatusOK, file.Hash)
}

// smallJSON is the most bytes of an upload that is held in memory as it comes.
// A longer one waits on disk for its turn: two copies of it are in memory while
// it is rewritten, and only one upload at a time may have that much.
const smallJSON = 1 << 20

// stageJSON writes the canonical form of a body of at most limit bytes to disk,
// by the function given.
func stageJSON[F staged](a *API, w http.ResponseWriter, r *http.Request, limit int64, stage func([]byte) (F, error)) (file F, err error) {
	body, err := bodyReader(w, r, limit)
	if err != nil {
		return file, err
	}
	text, err := io.ReadAll(io.LimitReader(body, smallJSON+1))
	if err != nil {
		return file, badBody(err)
	}
	if len(text) > smallJSON {
		raw, err := a.Blobs.Stage(r.Context(), io.MultiReader(bytes.NewReader(text), body), limit)
		if err != nil {
			return file, badUpload(err)
		}
		defer raw.Discard()
		select {
		case a.large <- struct{}{}:
			defer func() { <-a.large }()
		case <-r.Context().Done():
			return file, r.Context().Err()
		}
		if text, err = raw.Bytes(); err != nil {
			return file, err
		}
	}
	canonical, err := canonicalJSON(text)
	if err != nil {
		return file, failReason(http.StatusUnprocessableEntity, "%s", err)
	}
	return stage(canonical)
}

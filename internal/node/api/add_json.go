package api

import (
	"bytes"
	"context"
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
	file, err := a.stageJSON(w, r)
	if err != nil {
		return err
	}
	defer file.Discard()
	if err := a.keepFile(r.Context(), file); err != nil {
		return err
	}
	return writeUpload(w, http.StatusOK, file.Hash)
}

// smallJSON is the most bytes of an upload that is held in memory as it comes.
// A longer one waits on disk for its turn: two copies of it are in memory while
// it is rewritten, and only one upload at a time may have that much.
const smallJSON = 1 << 20

// stageJSON writes the canonical form of a body to disk.
func (a *API) stageJSON(w http.ResponseWriter, r *http.Request) (*blob.Staged, error) {
	limit := a.cfg.MaxAnonymousFileSize
	body, err := bodyReader(w, r, limit)
	if err != nil {
		return nil, err
	}
	begin, err := io.ReadAll(io.LimitReader(body, smallJSON+1))
	if err != nil {
		return nil, badBody(err)
	}
	if len(begin) <= smallJSON {
		return a.stageCanonical(r.Context(), begin)
	}
	raw, err := a.Blobs.Stage(r.Context(), io.MultiReader(bytes.NewReader(begin), body), limit)
	if err != nil {
		return nil, badUpload(err)
	}
	defer raw.Discard()
	select {
	case a.large <- struct{}{}:
		defer func() { <-a.large }()
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	text, err := raw.Bytes()
	if err != nil {
		return nil, err
	}
	return a.stageCanonical(r.Context(), text)
}

func (a *API) stageCanonical(ctx context.Context, raw []byte) (*blob.Staged, error) {
	canonical, err := canonicalJSON(raw)
	if err != nil {
		return nil, failReason(http.StatusUnprocessableEntity, "%s", err)
	}
	return a.Blobs.Stage(ctx, bytes.NewReader(canonical), a.cfg.MaxAnonymousFileSize)
}

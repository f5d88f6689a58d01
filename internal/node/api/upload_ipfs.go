package api

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"net/http"

	"aleph/internal/node/blob"
	"aleph/message"
)

// beginIPFSUpload is [API.beginUpload] on a node that may take none to IPFS.
func (a *API) beginIPFSUpload(ctx context.Context) (func(), error) {
	if !a.cfg.IPFS.Enabled {
		return nil, failReason(http.StatusForbidden, "IPFS is disabled on this node")
	}
	return a.beginUpload(ctx)
}

// addIPFSFile answers POST /api/v0/ipfs/add_file: the file is cut into blocks as
// IPFS does, and is known by the CID of their root. // spec ccn-http-api 10.5
func (a *API) addIPFSFile(w http.ResponseWriter, r *http.Request) error {
	done, err := a.beginIPFSUpload(r.Context())
	if err != nil {
		return err
	}
	defer done()
	u := &upload[*blob.StagedDAG]{api: a, stageWith: a.Blobs.StageUnixFS, limit: a.cfg.IPFS.MaxFileSize}
	defer u.discard()
	if err := u.readIPFS(w, r); err != nil {
		return err
	}
	file, status := u.file, http.StatusOK
	if len(u.metadata) == 0 {
		if file.Size > a.cfg.IPFS.MaxAnonymousFileSize {
			return failTooLarge(a.cfg.IPFS.MaxAnonymousFileSize)
		}
		if err := a.keepAnonymous(r.Context(), file, file.Info); err != nil {
			return err
		}
	} else {
		signed, err := a.parseIPFSMetadata(r.Context(), u.metadata)
		if err != nil {
			return err
		}
		if err := a.checkFunds(r.Context(), signed, file.Size); err != nil {
			return err
		}
		if err := signed.claims(file.Hash); err != nil {
			return err
		}
		if err := a.keepFile(r.Context(), file, file.Info); err != nil {
			return err
		}
		status = a.publishUpload(r.Context(), signed)
	}
	return writeJSON(w, status, spacedJSON, object{
		{"status", "success"}, {"hash", file.Hash}, {"name", cmp.Or(u.name, "file")}, {"size", file.Size},
	})
}

// readIPFS reads the form of an upload to IPFS.
func (u *upload[F]) readIPFS(w http.ResponseWriter, r *http.Request) error {
	if err := u.read(w, r); err != nil {
		return err
	}
	if !u.given {
		return failReason(http.StatusUnprocessableEntity, "Missing 'file' in multipart form.")
	}
	return nil
}

// parseIPFSMetadata is [API.parseMetadata] for a file on IPFS.
func (a *API) parseIPFSMetadata(ctx context.Context, raw []byte) (*metadata, error) {
	signed, err := a.parseMetadata(ctx, raw)
	if err == nil && signed.content.ItemType != message.ItemIPFS {
		return nil, failReason(http.StatusUnprocessableEntity,
			"Expected item_type=ipfs in STORE message, got ItemType.%s", signed.content.ItemType)
	}
	return signed, err
}

// addCAR answers POST /api/v0/ipfs/add_car: an archive of the blocks of a
// directory, with the message that stores it. // spec ccn-http-api 10.6
func (a *API) addCAR(w http.ResponseWriter, r *http.Request) error {
	done, err := a.beginIPFSUpload(r.Context())
	if err != nil {
		return err
	}
	defer done()
	u := &upload[*blob.StagedCAR]{api: a, stageWith: a.Blobs.StageCAR, limit: a.cfg.IPFS.MaxCARSize}
	defer u.discard()
	if err := u.readIPFS(w, r); err != nil {
		return err
	}
	if len(u.metadata) == 0 {
		return failReason(http.StatusUnprocessableEntity, "metadata is required for CAR upload")
	}
	signed, err := a.parseIPFSMetadata(r.Context(), u.metadata)
	if err != nil {
		return err
	}
	car := u.file
	switch {
	case car.Header != nil:
		return failReason(http.StatusUnprocessableEntity, "Invalid CAR file: %s", car.Header)
	case car.Root != signed.content.ItemHash:
		return failReason(http.StatusUnprocessableEntity, "Root CID does not match (%s != %s)", car.Root, signed.content.ItemHash)
	}
	if err := a.checkFunds(r.Context(), signed, car.Archive); err != nil {
		return err
	}
	if err := car.Complete(r.Context()); err != nil {
		if broken, ok := errors.AsType[*blob.BrokenError](err); ok {
			return failReason(http.StatusBadGateway, "Failed to import CAR into IPFS: %s", broken)
		}
		return err
	}
	if err := a.keepFile(r.Context(), car, car.Info); err != nil {
		return err
	}
	return writeJSON(w, a.publishUpload(r.Context(), signed), spacedJSON, object{
		{"status", "success"}, {"hash", car.Hash}, {"size", car.Tree},
	})
}

// addIPFSJSON answers POST /api/v0/ipfs/add_json: it keeps a JSON value in its
// canonical form, as a file on IPFS, for the grace period.
// // spec ccn-http-api 10.4
func (a *API) addIPFSJSON(w http.ResponseWriter, r *http.Request) error {
	done, err := a.beginIPFSUpload(r.Context())
	if err != nil {
		return err
	}
	defer done()
	limit := a.cfg.IPFS.MaxAnonymousFileSize
	file, err := stageJSON(a, w, r, limit, func(canonical []byte) (*blob.StagedDAG, error) { //nolint:contextcheck // the request's own
		return a.Blobs.StageUnixFS(r.Context(), bytes.NewReader(canonical), limit)
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

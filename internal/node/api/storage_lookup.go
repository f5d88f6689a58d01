package api

import (
	"errors"
	"net/http"
	"strings"

	"aleph/internal/node/store"
	"aleph/message"
)

// limits answers GET /api/v0/storage/limits.json. // spec ccn-http-api 10.6
func (a *API) limits(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, http.StatusOK, spacedJSON, object{
		{"storage", object{
			{"max_file_size", a.cfg.MaxFileSize},
			{"max_unauthenticated_upload_file_size", a.cfg.MaxAnonymousFileSize},
		}},
		{"ipfs", object{
			{"max_upload_file_size", a.cfg.IPFS.MaxFileSize},
			{"max_upload_car_size", a.cfg.IPFS.MaxCARSize},
			{"max_unauthenticated_upload_file_size", a.cfg.IPFS.MaxAnonymousFileSize},
		}},
	})
}

// writeFile describes the file that a message or a name points at.
func (a *API) writeFile(w http.ResponseWriter, r *http.Request, ref string, owner message.Address, h message.Hash, missing string) error {
	file, err := a.Store.File(r.Context(), h)
	if errors.Is(err, message.ErrNotFound) {
		return failText(http.StatusNotFound, "%s", missing)
	}
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, spacedJSON, object{
		{"ref", ref}, {"owner", owner}, {"file_hash", h}, {"download_url", downloadPath(h)}, {"size", file.Size},
	})
}

func downloadPath(h message.Hash) string { return "/api/v0/storage/raw/" + string(h) }

// storageByMessage answers GET /api/v0/storage/by-message-hash/{message_hash}.
// // spec ccn-http-api 10.9
func (a *API) storageByMessage(w http.ResponseWriter, r *http.Request) error {
	text := r.PathValue("message_hash")
	h, err := message.ParseHash(text)
	if err != nil {
		return failText(http.StatusBadRequest, "Invalid hash provided")
	}
	missing := "No file found for message " + text
	pin, err := a.Store.Pin(r.Context(), h, store.PinMessage)
	if errors.Is(err, message.ErrNotFound) {
		return failText(http.StatusNotFound, "%s", missing)
	}
	if err != nil {
		return err
	}
	ref := pin.Ref
	if ref == "" {
		ref = text
	}
	return a.writeFile(w, r, ref, pin.Owner, pin.FileHash, missing)
}

// storageByRef answers GET /api/v0/storage/by-ref/{ref} and
// /api/v0/storage/by-ref/{address}/{ref}: the latest version of a file.
// // spec ccn-http-api 10.10
func (a *API) storageByRef(w http.ResponseWriter, r *http.Request) error {
	ref, address := r.PathValue("ref"), message.Address(r.PathValue("address"))
	tag := ref
	if _, err := message.ParseHash(ref); err != nil {
		if address == "" {
			return failText(http.StatusBadRequest, "address is required for user-defined ref")
		}
		tag = string(address) + "/" + ref
	}
	missing := "No file found for tag " + tag
	row, err := a.Store.Tag(r.Context(), tag)
	if errors.Is(err, message.ErrNotFound) || (err == nil && address != "" && row.Owner != address) {
		return failText(http.StatusNotFound, "%s", missing)
	}
	if err != nil {
		return err
	}
	if _, after, ok := strings.Cut(tag, "/"); ok {
		ref = after
	}
	return a.writeFile(w, r, ref, row.Owner, row.FileHash, missing)
}

// storageMetadata answers GET /api/v0/storage/metadata/{file_hash}.
// // spec ccn-http-api 10.11
func (a *API) storageMetadata(w http.ResponseWriter, r *http.Request) error {
	h := message.Hash(r.PathValue("file_hash"))
	file, err := a.Store.File(r.Context(), h)
	if errors.Is(err, message.ErrNotFound) {
		return failText(http.StatusNotFound, "No file found for hash %s", h)
	}
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, spacedJSON, object{
		{"file_hash", h}, {"type", fileType(file.Type)}, {"size", file.Size}, {"download_url", downloadPath(h)},
	})
}

// storageCount answers GET /api/v0/storage/count/{hash}: how many pins keep a
// file. // spec ccn-http-api 10.12
func (a *API) storageCount(w http.ResponseWriter, r *http.Request) error {
	pins, err := a.Store.CountPins(r.Context(), message.Hash(r.PathValue("hash")))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, spacedJSON, pins)
}

package api

import (
	"bufio"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"aleph/internal/node/blob"
	"aleph/internal/node/store"
	"aleph/message"
)

// openFile returns the bytes of a file that the node answers for. The texts are
// what each route says to a hash of no known form, to an unknown file and to
// bytes that are not there.
func (a *API) openFile(r *http.Request, badHash, unknown, missing string) (store.FileRow, *blob.File, error) {
	row, err := a.fileRow(r, badHash, unknown)
	if err != nil {
		return row, nil, err
	}
	file, err := a.Blobs.Open(row.Hash)
	if errors.Is(err, message.ErrNotFound) {
		return row, nil, failText(http.StatusNotFound, "%s", missing)
	}
	return row, file, err
}

func (a *API) fileRow(r *http.Request, badHash, unknown string) (store.FileRow, error) {
	h, err := message.ParseLooseHash(r.PathValue("file_hash"))
	if err != nil {
		return store.FileRow{}, failText(http.StatusBadRequest, "%s", badHash)
	}
	row, err := a.Store.File(r.Context(), h)
	if errors.Is(err, message.ErrNotFound) {
		return row, failText(http.StatusNotFound, "%s", unknown)
	}
	return row, err
}

// storageJSON answers GET /api/v0/storage/{file_hash}: a whole file inside
// JSON, for other nodes. // spec ccn-http-api 10.7
func (a *API) storageJSON(w http.ResponseWriter, r *http.Request) error {
	row, file, err := a.openFile(r, "Invalid hash provided", "Not found", "No file found for hash "+r.PathValue("file_hash"))
	if err != nil {
		return err
	}
	defer file.Close()
	if file.Size() > a.cfg.MaxFileSize {
		return failTooLarge(a.cfg.MaxFileSize)
	}
	// The file is the last member, so that it can be encoded on the way.
	before := spacedJSON.object(nil, object{
		{"status", "success"}, {"hash", row.Hash}, {"engine", row.Hash.Kind()}, {"content", ""},
	})
	const after = `"}`
	before = before[:len(before)-len(after)]
	length := int64(len(before)+len(after)) + (file.Size()+2)/3*4
	header := w.Header()
	header.Set("Content-Type", typeJSON)
	header.Set("Content-Length", strconv.FormatInt(length, 10))
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return nil
	}
	out := bufio.NewWriterSize(w, 64<<10)
	out.Write(before) //nolint:errcheck // a bufio.Writer keeps its first error for Flush
	encoder := base64.NewEncoder(base64.StdEncoding, out)
	if _, err := io.Copy(encoder, file); err != nil {
		return gone(err)
	}
	if err := encoder.Close(); err != nil {
		return gone(err)
	}
	out.WriteString(after) //nolint:errcheck // see above
	return gone(out.Flush())
}

// rawType is the type of the content of a file, or of the archive of a directory.
func rawType(row store.FileRow) string {
	if row.Type == store.FileDirectory {
		return "application/x-tar"
	}
	return "application/octet-stream"
}

// writeDirectory sends a directory as a tar archive. What goes wrong after the
// beginning cuts the connection, so that nobody takes a part for the whole.
func (a *API) writeDirectory(w http.ResponseWriter, r *http.Request, h message.Hash) error {
	w.Header().Set("Accept-Ranges", "none")
	w.WriteHeader(http.StatusOK)
	if err := a.Blobs.WriteTar(r.Context(), h, w); err != nil {
		a.log.WarnContext(r.Context(), "a directory was not sent to its end", "hash", h, "error", err)
		return gone(err)
	}
	return nil
}

// storageRaw answers GET and HEAD /api/v0/storage/raw/{file_hash}. A name that
// is the hash of the bytes never means others, so they may be cached for ever;
// byte ranges are served. // spec ccn-http-api 10.8
func (a *API) storageRaw(w http.ResponseWriter, r *http.Request) error {
	const badHash, unknown = "Invalid hash", "Not found"
	header := w.Header()
	describe := func(row store.FileRow) {
		header.Set("Content-Type", rawType(row))
		header.Set("Etag", `"`+string(row.Hash)+`"`)
		header.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	if r.Method == http.MethodHead {
		row, err := a.fileRow(r, badHash, unknown)
		if err != nil {
			return err
		}
		describe(row)
		if row.Type == store.FileDirectory {
			header.Set("Accept-Ranges", "none")
			w.WriteHeader(http.StatusOK)
			return nil
		}
		header.Set("Accept-Ranges", "bytes")
		header.Set("Content-Length", strconv.FormatInt(row.Size, 10))
		w.WriteHeader(http.StatusOK)
		return nil
	}
	row, file, err := a.openFile(r, badHash, unknown, unknown)
	if row.Type == store.FileDirectory && a.Blobs.IsDirectory(row.Hash) {
		describe(row)
		return a.writeDirectory(w, r, row.Hash)
	}
	if err != nil {
		return err
	}
	defer file.Close()
	describe(row)
	switch ranges := r.Header.Get("Range"); {
	case ranges == "bytes=-0": // the last nothing, for which the library has a wrong answer
		header.Set("Content-Range", "bytes */"+strconv.FormatInt(row.Size, 10))
		return failDefault(http.StatusRequestedRangeNotSatisfiable)
	case !strings.HasPrefix(ranges, "bytes="):
		r.Header.Del("Range") // a unit that is not known is ignored
	}
	// No time of modification: the entity tag says all.
	http.ServeContent(w, r, "", time.Time{}, file.ReadSeekCloser)
	return nil
}

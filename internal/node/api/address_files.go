package api

import (
	"context"
	"net/http"

	"aleph/internal/node/store"
	"aleph/message"
)

// fileType is how answers name the type of a file. // spec ccn-http-api 8.6
func fileType(t store.FileType) string {
	if t == store.FileDirectory {
		return "dir"
	}
	return "file"
}

// addressFiles answers GET /api/v0/addresses/{address}/files. Its two modes
// differ in the form of dates and numbers, which clients rely on, and both
// answer 404 when there is nothing. // spec ccn-http-api 8.6
func (a *API) addressFiles(w http.ResponseWriter, r *http.Request) error {
	q := newQuery(r)
	list := store.FileList{
		Owner: message.Address(r.PathValue("address")), File: message.Hash(q.text("file_hash")),
		Ascending: q.ascending("sort_order"),
	}
	p, err := q.paging(100, "")
	if err != nil {
		return err
	}
	if err := q.err(); err != nil {
		return err
	}
	if q.has("file_hash") && list.File == "" {
		return failDefault(http.StatusNotFound)
	}
	totals, err := a.Store.FileTotals(r.Context(), list.Owner)
	if err != nil {
		return err
	}
	if p.cursor {
		return a.listFilesAfter(w, r, list, p, totals)
	}
	return a.listFiles(w, r, list, p, totals)
}

func (a *API) listFiles(w http.ResponseWriter, r *http.Request, list store.FileList, p paging, totals store.FileTotals) error {
	list.Offset = p.offset()
	out := newListWriter(w, r, compactJSON, "files", member{"address", list.Owner}, member{"total_size", totals.Bytes})
	defer out.release()
	count, err := pages(r.Context(), p.size, func(ctx context.Context, limit int64) ([]store.ListedFile, error) {
		list.Limit = limit
		files, err := a.Store.ListFiles(ctx, list)
		if len(files) > 0 {
			last := files[len(files)-1]
			list.After, list.Offset = &store.After{Time: last.Created, Hash: last.ItemHash}, 0
		}
		return files, err
	}, func(f store.ListedFile) error {
		return out.add(object{
			{"file_hash", f.Hash}, {"size", f.Size}, {"type", fileType(f.Type)}, {"created", isoZ(f.Created)}, {"item_hash", f.ItemHash},
		})
	})
	if err != nil {
		return err
	}
	if count == 0 {
		return failDefault(http.StatusNotFound)
	}
	return out.end(object{{"pagination_page", p.number}, {"pagination_total", totals.Files}, {"pagination_per_page", p.size}})
}

func (a *API) listFilesAfter(w http.ResponseWriter, r *http.Request, list store.FileList, p paging, totals store.FileTotals) error {
	list.Limit = p.size + 1
	if p.token != "" {
		at, h, err := decodeTimeCursor(p.token)
		if err != nil {
			return err
		}
		list.After = &store.After{Time: at, Hash: message.Hash(h)}
	}
	files, err := a.Store.ListFiles(r.Context(), list)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return failDefault(http.StatusNotFound)
	}
	files, last := cutPage(files, p.size)
	var next any
	if last != nil {
		next = encodeTimeCursor(last.Created, last.ItemHash)
	}
	items := make([]object, len(files))
	for i, f := range files {
		items[i] = object{
			{"created", f.Created}, {"file_hash", f.Hash}, {"item_hash", f.ItemHash}, {"size", f.Size}, {"type", fileType(f.Type)},
		}
	}
	return writeJSON(w, http.StatusOK, spacedJSON, object{
		{"address", list.Owner},
		{"files", items},
		{"next_cursor", next},
		{"pagination_per_page", p.size},
		{"total_size", float64(totals.Bytes)},
	})
}

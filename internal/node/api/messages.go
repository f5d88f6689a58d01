package api

import (
	"context"
	"net/http"
	"strings"

	"aleph/internal/node/store"
	"aleph/message"
)

// messages answers GET /api/v0/messages.json and its alias with the page in the
// path. // spec ccn-http-api 5.1
func (a *API) messages(w http.ResponseWriter, r *http.Request) error {
	q := newQuery(r)
	f := q.messageFilter()
	p, err := q.paging(20, r.PathValue("page"))
	if err != nil {
		return err
	}
	if p.cursor && f.byConfirmation {
		q.fail("Cursor pagination is not supported with tx-time sort order.")
	}
	if p.cursor && (f.FromBlock != 0 || f.UntilBlock != 0) {
		q.fail("Cursor pagination is not supported with startBlock or endBlock.")
	}
	if err := q.err(); err != nil {
		return err
	}
	gone, err := goneStatus(f, p)
	switch {
	case err != nil:
		return err
	case gone == message.StatusForgotten:
		return a.listForgotten(w, r, f, p)
	case gone != "":
		return a.listRemoved(w, r, f, p)
	case p.cursor:
		return a.listMessagesAfter(w, r, f, p)
	}
	return a.listMessages(w, r, f, p)
}

// goneStatus returns the status of messages that are not live any more, if the
// request is about those; they are listed apart. // spec ccn-http-api 5.1
func goneStatus(f messageFilter, p paging) (message.Status, error) {
	var gone message.Status
	for _, status := range f.Statuses {
		if status == message.StatusForgotten || status == message.StatusRemoved {
			gone = status
		}
	}
	if gone == "" {
		return "", nil
	}
	for _, status := range f.Statuses {
		if status != gone {
			return "", failText(http.StatusBadRequest, "msgStatuses=forgotten/removed cannot be combined with other statuses")
		}
	}
	if p.cursor {
		return "", failText(http.StatusBadRequest, "Cursor pagination is not supported for %s message queries", gone)
	}
	if len(f.unsupported) > 0 {
		return "", failText(http.StatusBadRequest, "Filters not supported for %s message queries: %s", gone, strings.Join(f.unsupported, ", "))
	}
	return gone, nil
}

// list is the query of a page of live messages.
func (f messageFilter) list() store.MessageList {
	return store.MessageList{
		MessageFilter: f.MessageFilter, Ascending: f.ascending, NoBody: f.format != contentFull,
		// Blocks order by confirmation too. // spec ccn-http-api 5.1
		ByConfirmation: f.byConfirmation || f.FromBlock != 0 || f.UntilBlock != 0,
	}
}

// listMessages answers one page.
func (a *API) listMessages(w http.ResponseWriter, r *http.Request, f messageFilter, p paging) error {
	list := f.list()
	list.Offset = p.offset()
	out := newListWriter(w, r, compactJSON, "messages")
	defer out.release()
	count, err := pages(r.Context(), p.size, a.messagePages(list), func(m *store.MessageRow) error {
		return out.add(listShape(m, f.format))
	})
	if err != nil {
		return err
	}
	total, known := p.total(count)
	if !known {
		total, err = a.totals.of(r.Context(), "messages", f.MessageFilter, func(ctx context.Context) (int64, error) {
			return a.Store.CountMessages(ctx, f.MessageFilter)
		})
		if err != nil {
			return err
		}
	}
	return out.end(pageMembers("messages", p, total))
}

// confirmedMessages returns a page of messages with what confirms them.
func (a *API) confirmedMessages(ctx context.Context, list store.MessageList) ([]*store.MessageRow, error) {
	rows, err := a.Store.ListMessages(ctx, list)
	if err != nil {
		return nil, err
	}
	return rows, a.Store.AddConfirmations(ctx, rows...)
}

// messagePages returns a fetch for [pages]: in the order by time it goes on
// after the last message, else by offset.
func (a *API) messagePages(list store.MessageList) func(ctx context.Context, limit int64) ([]*store.MessageRow, error) {
	return func(ctx context.Context, limit int64) ([]*store.MessageRow, error) {
		list.Limit = limit
		rows, err := a.confirmedMessages(ctx, list)
		if err != nil || len(rows) == 0 {
			return nil, err
		}
		if list.ByConfirmation {
			list.Offset += int64(len(rows))
			return rows, nil
		}
		last := rows[len(rows)-1].Message
		list.After, list.Offset = &store.After{Time: last.Time, Hash: last.ItemHash}, 0
		return rows, nil
	}
}

// listMessagesAfter answers one page in cursor mode. // spec ccn-http-api 2.9
func (a *API) listMessagesAfter(w http.ResponseWriter, r *http.Request, f messageFilter, p paging) error {
	list := f.list()
	list.Limit = p.size + 1
	if p.token != "" {
		at, h, err := decodeTimeCursor(p.token)
		if err != nil {
			return err
		}
		list.After = &store.After{Time: at, Hash: message.Hash(h)}
	}
	rows, err := a.confirmedMessages(r.Context(), list)
	if err != nil {
		return err
	}
	rows, last := cutPage(rows, p.size)
	var next any
	if last != nil {
		next = encodeTimeCursor((*last).Message.Time, (*last).Message.ItemHash)
	}
	out := newListWriter(w, r, compactJSON, "messages")
	defer out.release()
	for _, m := range rows {
		if err := out.add(listShape(m, f.format)); err != nil {
			return err
		}
	}
	return out.end(object{{"next_cursor", next}, {"pagination_per_page", p.size}})
}

// cutPage cuts rows to a page. When more were there it returns the last of the
// page, after which the next one begins.
func cutPage[T any](rows []T, size int64) ([]T, *T) {
	if int64(len(rows)) <= size {
		return rows, nil
	}
	rows = rows[:size]
	return rows, &rows[size-1]
}

// pageMembers describes a page, in sorted order. // spec ccn-http-api 2.8
func pageMembers(item string, p paging, total int64) object {
	return object{{"pagination_item", item}, {"pagination_page", p.number}, {"pagination_per_page", p.size}, {"pagination_total", total}}
}

// listForgotten answers a page of what remains of forgotten messages.
func (a *API) listForgotten(w http.ResponseWriter, r *http.Request, f messageFilter, p paging) error {
	list := store.ForgottenList{MessageFilter: f.MessageFilter, Ascending: f.ascending, Offset: p.offset()}
	out := newListWriter(w, r, compactJSON, "messages")
	defer out.release()
	count, err := pages(r.Context(), p.size, func(ctx context.Context, limit int64) ([]*store.ForgottenRow, error) {
		list.Limit = limit
		rows, err := a.Store.ListForgotten(ctx, list)
		list.Offset += int64(len(rows))
		return rows, err
	}, func(row *store.ForgottenRow) error { return out.add(forgottenListShape(row)) })
	if err != nil {
		return err
	}
	total, known := p.total(count)
	if !known {
		total, err = a.totals.ofRows(r.Context(), "forgotten", f.MessageFilter, func(ctx context.Context) (int64, error) {
			return a.Store.CountForgotten(ctx, list)
		})
		if err != nil {
			return err
		}
	}
	return out.end(pageMembers("messages", p, total))
}

// listRemoved answers a page of what remains of removed messages.
func (a *API) listRemoved(w http.ResponseWriter, r *http.Request, f messageFilter, p paging) error {
	list := store.RemovedList{MessageFilter: f.MessageFilter, Ascending: f.ascending, Offset: p.offset()}
	out := newListWriter(w, r, compactJSON, "messages")
	defer out.release()
	count, err := pages(r.Context(), p.size, func(ctx context.Context, limit int64) ([]*store.RemovedRow, error) {
		list.Limit = limit
		rows, err := a.Store.ListRemoved(ctx, list)
		list.Offset += int64(len(rows))
		return rows, err
	}, func(row *store.RemovedRow) error { return out.add(removedListShape(row)) })
	if err != nil {
		return err
	}
	total, known := p.total(count)
	if !known {
		total, err = a.totals.ofRows(r.Context(), "removed", f.MessageFilter, func(ctx context.Context) (int64, error) {
			return a.Store.CountRemoved(ctx, list)
		})
		if err != nil {
			return err
		}
	}
	return out.end(pageMembers("messages", p, total))
}

// messageHashes answers GET /api/v0/messages/hashes. // spec ccn-http-api 5.2
func (a *API) messageHashes(w http.ResponseWriter, r *http.Request) error {
	q := newQuery(r)
	list := store.HashList{Status: oneOf(q, message.Statuses(), "status"), Ascending: q.ascending("sortOrder", "sort_order")}
	list.From, list.Until = q.dates()
	p := paging{size: q.int(20, 0, "pagination"), number: q.int(1, 1, "page")}
	hashOnly := q.bool(true, "hash_only", "hashOnly")
	if err := q.err(); err != nil {
		return err
	}
	list.Offset = p.offset()
	out := newListWriter(w, r, compactJSON, "hashes")
	defer out.release()
	count, err := pages(r.Context(), p.size, func(ctx context.Context, limit int64) ([]store.StatusRow, error) {
		list.Limit = limit
		rows, err := a.Store.ListHashes(ctx, list)
		if len(rows) > 0 {
			last := rows[len(rows)-1]
			list.After, list.Offset = &store.After{Time: last.ReceptionTime, Hash: last.ItemHash}, 0
		}
		return rows, err
	}, func(row store.StatusRow) error {
		if hashOnly {
			return out.add(row.ItemHash)
		}
		return out.add(object{{"item_hash", row.ItemHash}, {"reception_time", isoZ(row.ReceptionTime)}, {"status", row.Status}})
	})
	if err != nil {
		return err
	}
	total, known := p.total(count)
	if !known {
		if total, err = a.Store.CountHashes(r.Context(), list); err != nil {
			return err
		}
	}
	return out.end(pageMembers("hashes", p, total))
}

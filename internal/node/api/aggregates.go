package api

import (
	"context"
	"encoding/json"
	"net/http"

	"aleph/internal/node/store"
	"aleph/message"
)

// aggregatesOf answers GET /api/v0/aggregates/{address}.json. // spec ccn-http-api 7.1
func (a *API) aggregatesOf(w http.ResponseWriter, r *http.Request) error {
	q := newQuery(r)
	keys := q.list("keys")
	q.int(1000, -1<<63, "limit") // accepted, without effect
	withInfo, valueOnly := q.bool(false, "with_info"), q.bool(false, "value_only")
	if err := q.errJSON(); err != nil {
		return err
	}
	rows, err := a.aggregateRows(r, message.Address(r.PathValue("address")), keys)
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		return failText(http.StatusNotFound, "No aggregate found for this address")
	}
	data, info := make(object, 0, len(rows)), object{}
	err = a.Store.EachAggregateContent(r.Context(), rows, func(row store.AggregateRow, content json.RawMessage) error {
		data = append(data, member{row.Key, content})
		if withInfo {
			info = append(info, member{row.Key, object{
				{"created", isoOffset(row.Created)},
				{"last_updated", isoOffset(row.LastUpdated)},
				{"original_item_hash", row.LastRevision},
				{"last_update_item_hash", row.LastRevision},
			}})
		}
		return nil
	})
	if err != nil {
		return err
	}
	if valueOnly && len(keys) == 1 {
		return writeJSON(w, http.StatusOK, spacedJSON, data[0].value)
	}
	return writeJSON(w, http.StatusOK, spacedJSON, object{{"address", r.PathValue("address")}, {"data", data}, {"info", info}})
}

// aggregateRows returns the aggregates of an owner, all of them without keys.
func (a *API) aggregateRows(r *http.Request, owner message.Address, keys []string) ([]store.AggregateRow, error) {
	if keys == nil {
		return a.Store.AggregatesOf(r.Context(), owner)
	}
	return a.Store.ListAggregates(r.Context(), store.AggregateList{Owners: []message.Address{owner}, Keys: keys})
}

// mostAggregates is the largest page of aggregates. // spec ccn-http-api 7.2
const mostAggregates = 500

// aggregates answers GET /api/v0/aggregates and its alias. // spec ccn-http-api 7.2
func (a *API) aggregates(w http.ResponseWriter, r *http.Request) error {
	q := newQuery(r)
	list := store.AggregateList{
		Keys: q.list("keys"), Owners: q.addresses("addresses"),
		ByCreation: q.choice([]string{"last_modified", "creation_time"}, "sortBy") == "creation_time",
		Ascending:  q.ascending("sortOrder"),
	}
	p := paging{size: q.intUpTo(20, 1, mostAggregates, "pagination"), number: q.int(1, 1, "page")}
	if err := q.errJSON(); err != nil {
		return err
	}
	if p.token, p.cursor = q.get("cursor"); p.cursor {
		return a.listAggregatesAfter(w, r, list, p)
	}
	list.Limit, list.Offset = p.size, p.offset()
	rows, err := a.Store.ListAggregates(r.Context(), list)
	if err != nil {
		return err
	}
	total, known := p.total(int64(len(rows)))
	if !known {
		whole := store.AggregateList{Owners: list.Owners, Keys: list.Keys}
		total, err = a.totals.ofRows(r.Context(), "aggregates", whole, func(ctx context.Context) (int64, error) {
			return a.Store.CountAggregates(ctx, whole)
		})
		if err != nil {
			return err
		}
	}
	return a.writeAggregates(w, r, rows, object{
		{"pagination_per_page", p.size}, {"pagination_page", p.number}, {"pagination_total", total}, {"pagination_item", "aggregates"},
	})
}

func (a *API) listAggregatesAfter(w http.ResponseWriter, r *http.Request, list store.AggregateList, p paging) error {
	p.size = min(p.size, mostPerCursor)
	list.Limit = p.size + 1
	if p.token != "" {
		values, err := decodeCursor(p.token, "k", "o", "t")
		if err != nil {
			return err
		}
		at, err := parseISO(values["t"])
		if err != nil {
			return err
		}
		list.After = &store.AfterAggregate{Time: at, AggregateKey: store.AggregateKey{Owner: message.Address(values["o"]), Key: values["k"]}}
	}
	rows, err := a.Store.ListAggregates(r.Context(), list)
	if err != nil {
		return err
	}
	rows, last := cutPage(rows, p.size)
	var next any
	if last != nil {
		at := last.LastUpdated
		if list.ByCreation {
			at = last.Created
		}
		next = encodeCursor(object{{"k", last.Key}, {"o", last.Owner}, {"t", isoOffset(at)}})
	}
	return a.writeAggregates(w, r, rows, object{{"pagination_per_page", p.size}, {"next_cursor", next}})
}

func (a *API) writeAggregates(w http.ResponseWriter, r *http.Request, rows []store.AggregateRow, rest object) error {
	out := newListWriter(w, r, spacedJSON, "aggregates")
	defer out.release()
	err := a.Store.EachAggregateContent(r.Context(), rows, func(row store.AggregateRow, content json.RawMessage) error {
		return out.add(object{
			{"address", row.Owner},
			{"key", row.Key},
			{"content", content},
			{"created", isoOffset(row.Created)},
			{"last_updated", isoOffset(row.LastUpdated)},
		})
	})
	if err != nil {
		return err
	}
	return out.end(rest)
}

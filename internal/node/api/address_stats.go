package api

import (
	"context"
	"net/http"
	"unicode/utf8"

	"aleph/internal/node/store"
	"aleph/message"
)

const (
	// mostUnnamed is how many senders are answered to who names none: those who
	// sent most. // spec ccn-http-api 8.1
	mostUnnamed = 1000
	// longestPart is the most characters of addressContains. // spec ccn-http-api 8.2
	longestPart = 66
)

// countedTypes are the columns of address statistics in the order of answers.
var countedTypes = []struct {
	name string
	typ  message.Type
}{
	{"messages", ""},
	{"aggregate", message.TypeAggregate},
	{"forget", message.TypeForget},
	{"instance", message.TypeInstance},
	{"post", message.TypePost},
	{"program", message.TypeProgram},
	{"store", message.TypeStore},
}

// addSender writes the totals of a sender, if it has any.
func (a *API) addSender(ctx context.Context, out *listWriter, sender message.Address) error {
	totals, err := a.Store.SenderTotals(ctx, sender)
	if err != nil || totals[""] == 0 {
		return err
	}
	counts := make(object, len(countedTypes))
	for i, c := range countedTypes {
		counts[i] = member{c.name, totals[c.typ]}
	}
	return out.add(member{string(sender), counts})
}

// addressStatsV0 answers GET /api/v0/addresses/stats.json, the one route with a
// parameter that is repeated. // spec ccn-http-api 8.1
func (a *API) addressStatsV0(w http.ResponseWriter, r *http.Request) error {
	senders := newQuery(r).repeated("addresses[]")
	if senders == nil {
		most, err := a.rankedSenders(r.Context(), store.Senders{Limit: mostUnnamed})
		if err != nil {
			return err
		}
		for _, s := range most {
			senders = append(senders, string(s.Address))
		}
	}
	out := newMembersWriter(w, r, spacedJSON, "data")
	defer out.release()
	seen := make(map[string]bool, len(senders))
	for _, sender := range senders {
		if seen[sender] {
			continue
		}
		seen[sender] = true
		if err := a.addSender(r.Context(), out, message.Address(sender)); err != nil {
			return err
		}
	}
	return out.end(nil)
}

// addressStatsV1 answers GET /api/v1/addresses/stats.json. // spec ccn-http-api 8.2
func (a *API) addressStatsV1(w http.ResponseWriter, r *http.Request) error {
	q := newQuery(r)
	list := store.Senders{Contains: q.text("addressContains"), Ascending: q.ascending("sortOrder")}
	if utf8.RuneCountInString(list.Contains) > longestPart {
		q.add(issue{
			kind: "string_too_long", loc: []any{"addressContains"}, text: "String should have at most 66 characters",
			input: list.Contains, bounds: object{{"max_length", longestPart}},
		})
	}
	sortBy := q.choice([]string{"total", "post", "aggregate", "store", "forget", "program", "instance"}, "sortBy")
	for _, c := range countedTypes {
		if c.name == sortBy {
			list.Type = c.typ
		}
	}
	p, err := q.paging(20, "")
	if err != nil {
		return err
	}
	if err := q.err(); err != nil {
		return err
	}
	if p.cursor {
		return a.listSendersAfter(w, r, list, p)
	}
	return a.listSenders(w, r, list, p)
}

func (a *API) listSenders(w http.ResponseWriter, r *http.Request, list store.Senders, p paging) error {
	whole := list
	list.Offset = p.offset()
	out := newMembersWriter(w, r, compactJSON, "data")
	defer out.release()
	count, err := pages(r.Context(), p.size, func(ctx context.Context, limit int64) ([]store.RankedSender, error) {
		list.Limit = limit
		rows, err := a.rankedSenders(ctx, list)
		if len(rows) > 0 {
			last := rows[len(rows)-1]
			list.After, list.Offset = &store.AfterSender{Total: last.Total, Address: last.Address}, 0
		}
		return rows, err
	}, func(s store.RankedSender) error { return a.addSender(r.Context(), out, s.Address) }) //nolint:contextcheck // the request's own
	if err != nil {
		return err
	}
	total, known := p.total(count)
	if !known {
		total, err = a.totals.ofRows(r.Context(), "senders", whole.Contains, func(ctx context.Context) (int64, error) {
			return a.Store.CountSenders(ctx, whole)
		})
		if err != nil {
			return err
		}
	}
	return out.end(object{
		{"pagination_per_page", p.size}, {"pagination_page", p.number}, {"pagination_total", total}, {"pagination_item", "addresses"},
	})
}

func (a *API) listSendersAfter(w http.ResponseWriter, r *http.Request, list store.Senders, p paging) error {
	list.Limit = p.size + 1
	if p.token != "" {
		after, err := decodeSenderCursor(p.token)
		if err != nil {
			return err
		}
		list.After = after
	}
	rows, err := a.rankedSenders(r.Context(), list)
	if err != nil {
		return err
	}
	rows, last := cutPage(rows, p.size)
	var next any
	if last != nil {
		next = encodeCursor(object{{"a", last.Address}, {"v", last.Total}})
	}
	out := newMembersWriter(w, r, compactJSON, "data")
	defer out.release()
	for _, row := range rows {
		if err := a.addSender(r.Context(), out, row.Address); err != nil {
			return err
		}
	}
	return out.end(object{{"pagination_per_page", p.size}, {"next_cursor", next}})
}

// decodeSenderCursor returns the place that a token names. // spec ccn-http-api 2.9
func decodeSenderCursor(token string) (*store.AfterSender, error) {
	members, err := cursorMembers(token, "a", "v")
	if err != nil {
		return nil, err
	}
	address, err := cursorText(members, "a")
	if err != nil {
		return nil, err
	}
	total, err := cursorInt(members, "v")
	if err != nil {
		return nil, err
	}
	return &store.AfterSender{Total: total, Address: message.Address(address)}, nil
}

// addressPostTypes answers GET /api/v0/addresses/{address}/post_types. // spec ccn-http-api 8.7
func (a *API) addressPostTypes(w http.ResponseWriter, r *http.Request) error {
	address := r.PathValue("address")
	types, err := a.Store.SenderPostTypes(r.Context(), message.Address(address))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, compactJSON, object{{"address", address}, {"post_types", types}})
}

// addressChannels answers GET /api/v0/addresses/{address}/channels. // spec ccn-http-api 8.7
func (a *API) addressChannels(w http.ResponseWriter, r *http.Request) error {
	address := r.PathValue("address")
	channels, err := a.Store.SenderChannels(r.Context(), message.Address(address))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, compactJSON, object{{"address", address}, {"channels", channels}})
}

package api

import (
	"encoding/json"
	"net/http"
	"slices"

	"aleph/internal/node/store"
	"aleph/message"
)

// mostAuthorized is the largest page of authorizations. // spec ccn-http-api 7.3
const mostAuthorized = 500

// authorizationFilter selects entries of an address's authorizations. A nil list
// restricts nothing. // spec ccn-http-api 7.3
type authorizationFilter struct {
	channels, types, postTypes, chains, aggregateKeys []string
}

func (q *query) authorizationFilter() authorizationFilter {
	return authorizationFilter{
		channels: q.list("channels"), types: q.list("types"), postTypes: q.list("postTypes", "post_types"),
		chains: q.list("chains"), aggregateKeys: q.list("aggregateKeys", "aggregate_keys"),
	}
}

// keeps reports whether each field of an entry is unset or has one of the
// wanted values.
func (f authorizationFilter) keeps(a *message.Authorization) bool {
	for _, c := range []struct {
		wanted []string
		set    message.Restriction
	}{
		{f.channels, a.Channels},
		{f.types, a.Types},
		{f.postTypes, a.PostTypes},
		{f.chains, a.Chain},
		{f.aggregateKeys, a.AggregateKeys},
	} {
		if c.wanted != nil && c.set != nil && !slices.ContainsFunc(c.set, func(s string) bool { return slices.Contains(c.wanted, s) }) {
			return false
		}
	}
	return true
}

// authorized is one address and the entries that name it.
type authorized struct {
	address message.Address
	entries []json.RawMessage
}

// authorizedBy groups the entries of a list by whom they name, in the order of
// first appearance, kept or not.
func authorizedBy(list json.RawMessage, f authorizationFilter) []authorized {
	var groups []authorized
	at := map[message.Address]int{}
	for _, a := range message.ParseAuthorizations(list) {
		i, known := at[a.Address]
		if !known {
			i, at[a.Address] = len(groups), len(groups)
			groups = append(groups, authorized{address: a.Address})
		}
		if f.keeps(&a) {
			groups[i].entries = append(groups[i].entries, a.Entry)
		}
	}
	return slices.DeleteFunc(groups, func(g authorized) bool { return len(g.entries) == 0 })
}

// authorizationPage reads which addresses are wanted, and from which page.
func (q *query) authorizationPage() paging {
	return paging{size: q.intUpTo(20, 1, mostAuthorized, "pagination"), number: q.int(1, 1, "page")}
}

// afterAuthorizations are the members that follow a page.
func afterAuthorizations(p paging, total int64, address message.Address) object {
	return object{
		{"pagination_page", p.number},
		{"pagination_per_page", p.size},
		{"pagination_total", total},
		{"pagination_item", "authorizations"},
		{"address", address},
	}
}

// granted answers GET /api/v0/authorizations/granted/{address}.json. // spec ccn-http-api 7.3
func (a *API) granted(w http.ResponseWriter, r *http.Request) error {
	q := newQuery(r)
	filter := q.authorizationFilter()
	grantee, only := q.get("grantee")
	p := q.authorizationPage()
	if err := q.errJSON(); err != nil {
		return err
	}
	owner := message.Address(r.PathValue("address"))
	lists, err := a.Store.AggregateMembers(r.Context(), []message.Address{owner}, "security", "authorizations")
	if err != nil {
		return err
	}
	groups := authorizedBy(lists[owner], filter)
	if only {
		groups = slices.DeleteFunc(groups, func(g authorized) bool { return string(g.address) != grantee })
	}
	total := int64(len(groups))
	groups = groups[min(p.offset(), total):]
	groups = groups[:min(p.size, int64(len(groups)))]
	page := make(object, len(groups))
	for i, g := range groups {
		page[i] = member{string(g.address), g.entries}
	}
	return writeJSON(w, http.StatusOK, spacedJSON, append(object{{"authorizations", page}}, afterAuthorizations(p, total, owner)...))
}

// received answers GET /api/v0/authorizations/received/{address}.json. // spec ccn-http-api 7.3
func (a *API) received(w http.ResponseWriter, r *http.Request) error {
	q := newQuery(r)
	f := q.authorizationFilter()
	wanted := store.Received{
		Grantee:  message.Address(r.PathValue("address")),
		Channels: f.channels, Types: f.types, PostTypes: f.postTypes, Chains: f.chains, AggregateKeys: f.aggregateKeys,
	}
	if granter, only := q.get("granter"); only {
		wanted.Granter = (*message.Address)(&granter)
	}
	p := q.authorizationPage()
	if err := q.errJSON(); err != nil {
		return err
	}
	owners, err := a.Store.Granters(r.Context(), wanted, p.size, p.offset())
	if err != nil {
		return err
	}
	total, known := p.total(int64(len(owners)))
	if !known {
		if total, err = a.Store.CountGranters(r.Context(), wanted); err != nil {
			return err
		}
	}
	list := newMembersWriter(w, r, spacedJSON, "authorizations")
	defer list.release()
	for _, owner := range owners {
		entries, err := a.Store.ReceivedFrom(r.Context(), wanted, owner)
		if err != nil {
			return err
		}
		if len(entries) == 0 {
			continue // it was taken back since the page was read
		}
		if err := list.add(member{string(owner), entries}); err != nil {
			return err
		}
	}
	return list.end(afterAuthorizations(p, total, wanted.Grantee))
}

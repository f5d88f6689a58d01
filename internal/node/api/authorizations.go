package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"

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
func (f authorizationFilter) keeps(entry object) bool {
	for _, c := range []struct {
		name   string
		wanted []string
	}{
		{"channels", f.channels},
		{"types", f.types},
		{"post_types", f.postTypes},
		{"chain", f.chains},
		{"aggregate_keys", f.aggregateKeys},
	} {
		if c.wanted == nil {
			continue
		}
		set := textsOf(entry, c.name)
		if len(set) > 0 && !slices.ContainsFunc(set, func(s string) bool { return slices.Contains(c.wanted, s) }) {
			return false
		}
	}
	return true
}

// textsOf returns the text, or the texts of the list, that a member holds. What
// is no text counts as one that nobody asks for.
func textsOf(entry object, name string) []string {
	for _, m := range entry {
		if m.name != name {
			continue
		}
		var one *string
		if json.Unmarshal(m.value.(json.RawMessage), &one) == nil {
			if one == nil || *one == "" {
				return nil
			}
			return []string{*one}
		}
		var list []any
		if json.Unmarshal(m.value.(json.RawMessage), &list) != nil {
			return []string{"\x00"}
		}
		set := make([]string, len(list))
		for i, v := range list {
			text, ok := v.(string)
			if !ok {
				text = "\x00"
			}
			set[i] = text
		}
		return set
	}
	return nil
}

// authorized is one address and the entries that name it.
type authorized struct {
	address string
	entries []object
}

// authorizedBy groups the entries of a list by whom they name, in the order of
// first appearance, kept or not. What is malformed names nobody. // spec messages 5.2
func authorizedBy(list json.RawMessage, f authorizationFilter) []authorized {
	var raw []json.RawMessage
	if json.Unmarshal(list, &raw) != nil {
		return nil
	}
	var groups []authorized
	at := map[string]int{}
	for _, item := range raw {
		address, entry, ok := splitEntry(item)
		if !ok {
			continue
		}
		i, known := at[address]
		if !known {
			i, at[address] = len(groups), len(groups)
			groups = append(groups, authorized{address: address})
		}
		if f.keeps(entry) {
			groups[i].entries = append(groups[i].entries, entry)
		}
	}
	return slices.DeleteFunc(groups, func(g authorized) bool { return len(g.entries) == 0 })
}

// splitEntry takes the address out of an entry and leaves the other members in
// their order.
func splitEntry(raw json.RawMessage) (address string, rest object, ok bool) {
	in := json.NewDecoder(bytes.NewReader(raw))
	if start, err := in.Token(); err != nil || start != json.Delim('{') {
		return "", nil, false
	}
	rest = object{}
	for in.More() {
		name, err := in.Token()
		if err != nil {
			return "", nil, false
		}
		var value json.RawMessage
		if err := in.Decode(&value); err != nil {
			return "", nil, false
		}
		if name != "address" {
			rest = append(rest, member{name.(string), value})
		} else if json.Unmarshal(value, &address) != nil {
			return "", nil, false
		}
	}
	return address, rest, address != ""
}

// granted answers GET /api/v0/authorizations/granted/{address}.json. // spec ccn-http-api 7.3
func (a *API) granted(w http.ResponseWriter, r *http.Request) error {
	q := newQuery(r.URL)
	filter := q.authorizationFilter()
	grantee, only := q.get("grantee")
	p := paging{size: q.intUpTo(20, 1, mostAuthorized, "pagination"), number: q.int(1, 1, "page")}
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
		groups = slices.DeleteFunc(groups, func(g authorized) bool { return g.address != grantee })
	}
	total := len(groups)
	groups = groups[min(p.offset(), int64(total)):]
	groups = groups[:min(p.size, int64(len(groups)))]
	page := make(object, len(groups))
	for i, g := range groups {
		page[i] = member{g.address, g.entries}
	}
	return writeJSON(w, http.StatusOK, spacedJSON, object{
		{"authorizations", page},
		{"pagination_page", p.number},
		{"pagination_per_page", p.size},
		{"pagination_total", total},
		{"pagination_item", "authorizations"},
		{"address", owner},
	})
}

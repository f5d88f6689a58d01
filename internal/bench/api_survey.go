package bench

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"aleph/message"
)

// survey is what a node holds that can be asked for, as its lists tell.
type survey struct {
	version  string
	messages int64
	values   found
	// priced are messages that cost something, and aggregates owners and keys.
	priced     []string
	aggregates [][2]string
	chains     []string // of balances
}

// surveyAPI reads lists of a node. That the node has no version or no balances is no
// failure: other implementations may lack a route.
func surveyAPI(ctx context.Context, ask *asker) (*survey, error) {
	s := &survey{values: found{}}
	first, err := ask.page(ctx, messagesPath, url.Values{"pagination": {"1"}})
	if err != nil {
		if _, ok := errors.AsType[*url.Error](err); ok {
			return nil, fmt.Errorf("%w: no node answers at %s: check the URL, or start one with `aleph local`: %w", message.ErrUnavailable, ask.api, err)
		}
		return nil, fmt.Errorf("%s is no node of the network, or it is unwell: %w", ask.api, err)
	}
	if s.messages = first.Total; len(first.Messages) == 0 {
		return nil, fmt.Errorf("%w: the node at %s has no messages to ask for: publish some, or measure a corpus with --corpus", message.ErrNotFound, ask.api)
	}
	messages, err := ask.sample(ctx)
	if err != nil {
		return nil, err
	}
	for _, m := range messages {
		s.values.learn(m)
		switch message.Type(m.Type) {
		case message.TypeStore, message.TypeProgram, message.TypeInstance:
			if len(s.priced) < mostValues {
				s.priced = append(s.priced, m.ItemHash)
			}
		default:
		}
	}
	var version struct {
		Version string `json:"version"`
	}
	var aggregates struct {
		Aggregates []struct{ Address, Key string } `json:"aggregates"`
	}
	var balances struct {
		Balances []struct{ Address, Chain string } `json:"balances"`
	}
	for path, into := range map[string]any{
		"/version": &version, "/api/v0/aggregates.json?pagination=60": &aggregates, "/api/v0/balances?pagination=1000": &balances,
	} {
		if err := ask.read(ctx, path, into); err != nil && ctx.Err() != nil {
			return nil, err
		}
	}
	s.version = version.Version
	for _, a := range aggregates.Aggregates {
		s.aggregates = append(s.aggregates, [2]string{a.Address, a.Key})
	}
	for _, b := range balances.Balances {
		if !slices.Contains(s.chains, b.Chain) {
			s.chains = append(s.chains, b.Chain)
		}
	}
	return s, nil
}

// apiRow is one thing to ask for, with different values.
type apiRow struct {
	name  string
	kind  Kind
	paths []string
	// later says that pages after the first are meant: by cursor, or by number
	// where the list has none.
	later, numbered bool
}

// each makes a path of every value by a form with one %s.
func each(form string, values []string) []string {
	paths := make([]string, len(values))
	for i, value := range values {
		paths[i] = fmt.Sprintf(form, url.PathEscape(value))
	}
	return paths
}

func (s *survey) all(parameter string) []string {
	return slices.Sorted(maps.Keys(s.values[parameter]))
}

// rows returns everything that can be asked for.
// // spec ccn-http-api 19
func (s *survey) rows() []apiRow {
	hashes, owners, senders := s.all("hashes"), s.all("owners"), s.all("addresses")
	files := s.all("contentHashes")
	var aggregates, keys, aggregateOwners []string
	for _, a := range s.aggregates {
		aggregates = append(aggregates, "/api/v0/aggregates/"+url.PathEscape(a[0])+".json?keys="+url.QueryEscape(a[1]))
		aggregateOwners, keys = append(aggregateOwners, a[0]), append(keys, a[1])
	}
	rows := []apiRow{
		{name: "message by hash", kind: KindPoint, paths: each("/api/v0/messages/%s", hashes)},
		{name: "status of a message", kind: KindPoint, paths: each("/api/v0/messages/%s/status", hashes)},
		{name: "content of a message", kind: KindPoint, paths: each("/api/v0/messages/%s/content", hashes)},
		{name: "aggregate", kind: KindQuick, paths: aggregates},
		{name: "price", kind: KindQuick, paths: each("/api/v0/price/%s", s.priced)},
		{name: "balance", kind: KindPoint, paths: each("/api/v0/addresses/%s/balance", owners)},
		{name: "file", kind: KindPoint, paths: each("/api/v0/storage/raw/%s", files)},
		{name: "size of a file", kind: KindPoint, paths: each("/api/v0/storage/metadata/%s", files)},
		{name: "file of a message", kind: KindPoint, paths: each("/api/v0/storage/by-message-hash/%s", s.priced)},
	}
	for _, f := range filtersBy(s.values) {
		rows = append(rows, lists(f.name, f.pagesOnly, pathsOf(f)...)...)
	}
	query := func(path, name string, values []string) []string { return each(path+name+"=%s", values) }
	rows = append(rows, lists("aggregates keys", false, query("/api/v0/aggregates.json?", "keys", keys)...)...)
	rows = append(rows, lists("aggregates addresses", false, query("/api/v0/aggregates.json?", "addresses", aggregateOwners)...)...)
	rows = append(rows, lists("balances", false, "/api/v0/balances")...)
	rows = append(rows, lists("balances chains", false, query("/api/v0/balances?", "chains", s.chains)...)...)
	rows = append(rows, lists("credit balances", false, "/api/v0/credit_balances")...)
	rows = append(rows, lists("statistics of addresses", false, "/api/v1/addresses/stats.json")...)
	rows = append(rows, lists("files of an address", false, each("/api/v0/addresses/%s/files", owners)...)...)
	rows = append(rows, lists("credit history of an address", false, each("/api/v0/addresses/%s/credit_history", owners)...)...)
	rows = append(rows, lists("costs of an address", true, query("/api/v0/costs?include_details=1&", "address", owners)...)...)
	rows = append(rows, lists("authorizations of an address", true, each("/api/v0/authorizations/granted/%s.json", owners)...)...)
	return append(rows,
		apiRow{name: "post types of an address", kind: KindList, paths: each("/api/v0/addresses/%s/post_types", senders)},
		apiRow{name: "channels of an address", kind: KindList, paths: each("/api/v0/addresses/%s/channels", senders)},
		apiRow{name: "channels", kind: KindOther, paths: []string{"/api/v0/channels/list.json"}},
		apiRow{name: "metrics", kind: KindOther, paths: []string{"/metrics"}},
		apiRow{name: "metrics.json", kind: KindOther, paths: []string{"/metrics.json"}},
		apiRow{name: "version", kind: KindOther, paths: []string{"/version"}},
	)
}

// pathsOf returns the paths of a filter's values.
func pathsOf(f pageFilter) []string {
	var paths []string
	for _, values := range f.values {
		query := url.Values{}
		for name, value := range values {
			query.Set(name, value)
		}
		paths = append(paths, strings.TrimSuffix(f.path+"?"+query.Encode(), "?"))
	}
	return paths
}

// lists returns the rows of a list: pages of 20, the first and later ones.
func lists(name string, numbered bool, paths ...string) []apiRow {
	of20 := make([]string, len(paths))
	for i, path := range paths {
		mark := "?"
		if strings.Contains(path, "?") {
			mark = "&"
		}
		of20[i] = path + mark + "pagination=20"
	}
	return []apiRow{
		{name: name, kind: KindList, paths: of20, numbered: numbered},
		{name: name + ", later pages", kind: KindList, paths: of20, numbered: numbered, later: true},
	}
}

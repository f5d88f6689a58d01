package api

import (
	"math"
	"net/http"
	"slices"
	"strings"

	"aleph/internal/node/store"
	"aleph/message"
)

// Kind is how the value of a parameter is read.
type Kind string

// The kinds. // spec ccn-http-api 2.7
const (
	KindText    Kind = "text"
	KindInteger Kind = "integer"
	KindSeconds Kind = "seconds"
	KindTruth   Kind = "truth"
	KindOrder   Kind = "order"
	KindChoice  Kind = "choice"
	KindCursor  Kind = "cursor"
	// Lists are one value with commas.
	KindTexts   Kind = "texts"
	KindChoices Kind = "choices"
	KindHashes  Kind = "hashes"
	// KindRepeated is a parameter that is given once for each value.
	KindRepeated Kind = "repeated"
)

// Places of parameters.
const (
	InPath   = "path"
	InQuery  = "query"
	InHeader = "header"
)

// Parameter is what a route reads beside its body.
type Parameter struct {
	// Name is the spelling that errors use and that counts when Alias, the other
	// one, is given too. Alias may be empty.
	Name, Alias string
	In          string
	Kind        Kind
	// Values are those of a choice, and of the elements of choices.
	Values []string
	// Least and Most bound an integer.
	Least, Most int64
}

// Parameters returns what the route reads: of its path, its query and its headers.
func (r Route) Parameters() []Parameter {
	var list []Parameter
	for rest := r.Path; ; {
		_, after, ok := strings.Cut(rest, "{")
		if !ok {
			break
		}
		name, tail, _ := strings.Cut(after, "}")
		p := Parameter{Name: name, In: InPath, Kind: KindText}
		if name == pageParameter {
			p.Kind, p.Least, p.Most = KindInteger, 1, math.MaxInt64
		}
		list, rest = append(list, p), tail
	}
	pagePath := slices.ContainsFunc(list, func(p Parameter) bool { return p.Name == pageParameter })
	for _, p := range queryParameters(r.Name) {
		if pagePath && p.Name == pageParameter {
			continue // that of the path counts
		}
		p.In = InQuery
		list = append(list, p)
	}
	for _, name := range headerParameters(r.Name) {
		list = append(list, Parameter{Name: name, In: InHeader, Kind: KindText})
	}
	return list
}

// pageParameter may stand in a path instead of the query.
const pageParameter = "page"

// queryParameters returns what the routes of a name read of a query.
func queryParameters(name string) []Parameter {
	switch name {
	case "core_metrics", "compute_metrics":
		return []Parameter{seconds("start_date", ""), seconds("end_date", ""), choice("sort", "", "ASC", "DESC", "ASCENDING", "DESCENDING", "1", "-1")}
	case "messages":
		return slices.Concat(messageParameters(), pageParameters())
	case "message_hashes":
		return slices.Concat(dateParameters(), pageParameters()[:2], []Parameter{
			choice("status", "", texts(message.Statuses())...), order("sortOrder", "sort_order"), truth("hash_only", "hashOnly"),
		})
	case "programs_on_message":
		return []Parameter{order("sort_order", "")}
	case "socket_messages":
		return append(messageParameters(), integer("history", 0, mostHistory-1))
	case "posts_v0", "posts_v1":
		return slices.Concat(dateParameters(), pageParameters(), []Parameter{
			choice("sortBy", "sort_by", sortChoices...), order("sortOrder", "sort_order"), list("addresses", ""), hashList("hashes", ""),
			list("refs", ""), list("types", "post_types"), list("tags", ""), list("channels", ""), chainList(),
		})
	case "aggregates_of":
		return []Parameter{list("keys", ""), integer("limit", math.MinInt64, math.MaxInt64), truth("with_info", ""), truth("value_only", "")}
	case "aggregates":
		return []Parameter{
			list("keys", ""), list("addresses", ""), choice("sortBy", "", "last_modified", "creation_time"), order("sortOrder", ""),
			integer("pagination", 1, mostAggregates), integer(pageParameter, 1, math.MaxInt64), cursor(),
		}
	case "authorizations_granted":
		return append(authorizationParameters(), Parameter{Name: "grantee", Kind: KindText})
	case "authorizations_received":
		return append(authorizationParameters(), Parameter{Name: "granter", Kind: KindText})
	case "balance":
		return []Parameter{choice("chain", "", texts(message.Chains())...), truth("include_credit_details", "")}
	case "credit_history":
		return slices.Concat(creditParameters(), pageParameters(), []Parameter{
			choice("sort_by", "", texts([]store.CreditOrder{
				store.ByTime, store.ByExpiration, store.ByMethod, store.ByAmount, store.ByOrigin, store.ByTxHash, store.ByProvider,
			})...), order("sort_order", ""),
		})
	case "credit_history_summary":
		return creditParameters()
	case "balances":
		return slices.Concat(pageParameters(), []Parameter{chainList(), integer("min_balance", 1, math.MaxInt64)})
	case "credit_balances":
		return append(pageParameters(), integer("min_balance", 1, math.MaxInt64))
	case "address_stats_v0":
		return []Parameter{{Name: "addresses[]", Kind: KindRepeated}}
	case "address_stats_v1":
		return slices.Concat(pageParameters(), []Parameter{
			{Name: "addressContains", Kind: KindText, Most: longestPart},
			order("sortOrder", ""),
			choice("sortBy", "", "total", "post", "aggregate", "store", "forget", "program", "instance"),
		})
	case "address_files":
		return slices.Concat(pageParameters(), []Parameter{{Name: "file_hash", Kind: KindText}, order("sort_order", "")})
	case "price":
		return []Parameter{{Name: "include_size", Kind: KindText}}
	case "costs":
		return []Parameter{
			{Name: "address", Kind: KindText},
			{Name: "item_hash", Kind: KindText},
			choice("payment_type", "", texts(paymentTypes)...),
			integer("include_details", costsSummary, costsByRow), truth("include_size", ""),
			integer("pagination", 10, 1000), integer(pageParameter, 1, math.MaxInt64),
		}
	}
	return nil
}

// headerParameters returns the headers that mean something to the routes of a name.
func headerParameters(name string) []string {
	switch name {
	case "price_recalculate", "price_recalculate_one":
		return []string{"X-Auth-Token"}
	case "storage_raw", "static":
		return []string{"Range", "If-None-Match", "If-Match", "If-Range"}
	case "socket_messages", "socket_status":
		return []string{"Upgrade"}
	}
	return nil
}

// Body returns the types of bodies that the route takes, none when it reads
// no body. // spec ccn-http-api 10
func (r Route) Body() []string {
	const form = "multipart/form-data"
	switch r.Name {
	case "add_file":
		return []string{form, "application/octet-stream"}
	case "ipfs_add_file", "ipfs_add_car":
		return []string{form}
	case "price_recalculate", "price_recalculate_one":
		return nil
	}
	if r.Method == http.MethodPost {
		return []string{"application/json"}
	}
	return nil
}

package api

import (
	"math"
	"slices"

	"aleph/message"
)

// pageParameters are those of [query.paging].
func pageParameters() []Parameter {
	return []Parameter{integer("pagination", 0, math.MaxInt64), integer(pageParameter, 1, math.MaxInt64), cursor()}
}

// dateParameters are those of [query.dates].
func dateParameters() []Parameter {
	return []Parameter{seconds("startDate", "start_date"), seconds("endDate", "end_date")}
}

// messageParameters are those of [query.messageFilter]. // spec ccn-http-api 5.1
func messageParameters() []Parameter {
	types := texts(message.Types())
	return slices.Concat(dateParameters(), []Parameter{
		choice("sortBy", "sort_by", sortChoices...), order("sortOrder", "sort_order"),
		choice("msgType", "message_type", types...), choices("msgTypes", "message_types", types...),
		choices("msgStatuses", "message_statuses", texts(message.Statuses())...),
		list("addresses", ""), list("owners", ""), list("refs", ""), hashList("contentHashes", "content_hashes"),
		list("contentKeys", "content_keys"), list("contentTypes", "content_types"), chainList(), list("channels", ""),
		list("tags", ""), hashList("hashes", ""), choices("paymentTypes", "payment_types", texts(paymentTypes)...),
		truth("excludeContent", "exclude_content"), choice("contentFormat", "content_format", formats...),
		{Name: "startBlock", Alias: "start_block", Kind: KindInteger, Most: math.MaxInt64},
		{Name: "endBlock", Alias: "end_block", Kind: KindInteger, Most: math.MaxInt64},
	})
}

// authorizationParameters are those of both lists of authorizations.
// // spec ccn-http-api 7.3
func authorizationParameters() []Parameter {
	return []Parameter{
		list("channels", ""), list("types", ""), list("postTypes", "post_types"), list("chains", ""),
		list("aggregateKeys", "aggregate_keys"), integer("pagination", 1, mostAuthorized), integer(pageParameter, 1, math.MaxInt64),
	}
}

// creditParameters are those of [query.creditFilter]. // spec ccn-http-api 8.8
func creditParameters() []Parameter {
	group := append(dateParameters(),
		list("exclude_payment_method", ""), choices("resourceTypes", "resource_types", texts(message.Types())...),
		truth("has_expiration", ""), choice("direction", "", "incoming", "outgoing"))
	for _, name := range []string{"tx_hash", "token", "chain", "provider", "origin", "origin_ref", "payment_method", "resource"} {
		group = append(group, Parameter{Name: name, Kind: KindText})
	}
	return group
}

func integer(name string, least, most int64) Parameter {
	return Parameter{Name: name, Kind: KindInteger, Least: least, Most: most}
}

func seconds(name, alias string) Parameter {
	return Parameter{Name: name, Alias: alias, Kind: KindSeconds}
}

func truth(name, alias string) Parameter {
	return Parameter{Name: name, Alias: alias, Kind: KindTruth}
}

func order(name, alias string) Parameter {
	return Parameter{Name: name, Alias: alias, Kind: KindOrder, Values: []string{"-1", "1"}}
}

func cursor() Parameter { return Parameter{Name: "cursor", Kind: KindCursor} }

func choice(name, alias string, values ...string) Parameter {
	return Parameter{Name: name, Alias: alias, Kind: KindChoice, Values: values}
}

func choices(name, alias string, values ...string) Parameter {
	return Parameter{Name: name, Alias: alias, Kind: KindChoices, Values: values}
}

func list(name, alias string) Parameter {
	return Parameter{Name: name, Alias: alias, Kind: KindTexts}
}

func hashList(name, alias string) Parameter {
	return Parameter{Name: name, Alias: alias, Kind: KindHashes}
}

func chainList() Parameter { return choices("chains", "", texts(message.Chains())...) }

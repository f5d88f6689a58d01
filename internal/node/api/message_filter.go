package api

import (
	"slices"

	"aleph/internal/node/store"
	"aleph/message"
)

// contentFormat says how much of a content a listed message shows.
type contentFormat string

const (
	contentFull    contentFormat = "full"
	contentHeaders contentFormat = "headers"
	contentNone    contentFormat = "none"
)

// messageFilter is what the list of messages and its WebSocket share.
// // spec ccn-http-api 5.1
type messageFilter struct {
	store.MessageFilter
	byConfirmation bool
	ascending      bool
	format         contentFormat
	// unsupported names the filters given that a list of forgotten or removed
	// messages cannot apply.
	unsupported []string
}

// The legal values of enumerations, in the order in which errors list them.
var (
	paymentTypes = []message.PaymentType{message.PaymentHold, message.PaymentSuperfluid, message.PaymentCredit}
	sortChoices  = []string{"time", "tx-time"}
	formats      = []string{string(contentFull), string(contentHeaders), string(contentNone)}
)

// messageFilter reads the filters of 5.1 in both spellings.
func (q *query) messageFilter() messageFilter {
	f := messageFilter{
		byConfirmation: q.choice(sortChoices, "sortBy", "sort_by") == "tx-time",
		ascending:      q.ascending("sortOrder", "sort_order"),
		format:         q.contentFormat(),
	}
	f.Types = q.messageTypes()
	f.Statuses = choicesOf(q, message.Statuses(), "msgStatuses", "message_statuses")
	f.Senders = q.addresses("addresses")
	f.Owners = q.addresses("owners")
	f.Refs = q.list("refs")
	f.ContentHashes = q.hashes("contentHashes", "content_hashes")
	f.ContentKeys = q.list("contentKeys", "content_keys")
	f.ContentTypes = q.list("contentTypes", "content_types")
	f.Chains = q.chains()
	f.Channels = q.list("channels")
	f.Tags = q.list("tags")
	f.Hashes = q.hashes("hashes")
	f.PaymentTypes = choicesOf(q, paymentTypes, "paymentTypes", "payment_types")
	f.From, f.Until = q.dates()
	f.FromBlock = q.int(0, 0, "startBlock", "start_block")
	f.UntilBlock = q.int(0, 0, "endBlock", "end_block")
	if f.FromBlock != 0 && f.UntilBlock != 0 && f.UntilBlock < f.FromBlock {
		q.fail("end block cannot be lower than start block.")
	}
	for _, names := range [][]string{
		{"refs"},
		{"contentTypes", "content_types"},
		{"contentHashes", "content_hashes"},
		{"contentKeys", "content_keys"},
		{"tags"},
	} {
		if q.has(names...) {
			f.unsupported = append(f.unsupported, names[0])
		}
	}
	if f.FromBlock != 0 {
		f.unsupported = append(f.unsupported, "startBlock")
	}
	if f.UntilBlock != 0 {
		f.unsupported = append(f.unsupported, "endBlock")
	}
	return f
}

// messageTypes returns the types of msgTypes that msgType, the older way to
// say it, allows too.
func (q *query) messageTypes() []message.Type {
	types := choicesOf(q, message.Types(), "msgTypes", "message_types")
	if !q.has("msgType", "message_type") {
		return types
	}
	one := oneOf(q, message.Types(), "msgType", "message_type")
	if types != nil && !slices.Contains(types, one) {
		one = "" // no message has both
	}
	return []message.Type{one}
}

// chains returns a list of legal chains.
func (q *query) chains() []message.Chain {
	values := q.list("chains")
	if values == nil {
		return nil
	}
	list := make([]message.Chain, len(values))
	for i, value := range values {
		list[i] = message.Chain(value)
		if !list[i].Valid() {
			q.add(issue{
				kind: "enum", loc: []any{"chains", i}, text: "Input should be the code of a chain", input: value,
				bounds: object{{"expected", "the code of a chain"}},
			})
		}
	}
	return list
}

// dates returns startDate and endDate.
func (q *query) dates() (from, until message.Timestamp) {
	from, until = q.date("startDate", "start_date"), q.date("endDate", "end_date")
	if from != 0 && until != 0 && until < from {
		q.fail("end date cannot be lower than start date.")
	}
	return from, until
}

func (q *query) contentFormat() contentFormat {
	exclude := q.bool(false, "excludeContent", "exclude_content")
	if !q.has("contentFormat", "content_format") && exclude {
		return contentNone
	}
	return contentFormat(q.choice(formats, "contentFormat", "content_format"))
}

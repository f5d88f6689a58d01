package api

import (
	"slices"

	"aleph/message"
)

// matches reports whether a live message is one that a WebSocket asked for.
// Statuses and blocks have no meaning here. // spec ccn-http-api 11.1
func (l *live) matches(f *messageFilter) bool {
	m, d := l.message, &l.derived
	return within(f.Types, m.Type) &&
		within(f.Senders, m.Sender) &&
		within(f.Owners, d.Owner) &&
		within(f.Hashes, m.ItemHash) &&
		within(f.Chains, m.Chain) &&
		(f.Channels == nil || m.Channel != nil && slices.Contains(f.Channels, *m.Channel)) &&
		given(f.Refs, d.ContentRef) &&
		given(f.ContentTypes, d.ContentType) &&
		given(f.ContentHashes, d.ContentItemHash) &&
		(f.ContentKeys == nil || m.Type == message.TypeAggregate && slices.Contains(f.ContentKeys, d.ContentKey)) &&
		given(f.PaymentTypes, d.PaymentType) &&
		(f.Tags == nil || slices.ContainsFunc(f.Tags, func(tag string) bool { return slices.Contains(d.Tags, tag) })) &&
		(f.From == 0 || m.Time >= f.From) &&
		(f.Until == 0 || m.Time < f.Until)
}

// within reports whether a value is in a list; no list restricts nothing.
func within[T comparable](list []T, value T) bool { return list == nil || slices.Contains(list, value) }

// given is within for a value that may be absent: then no list matches.
func given[T ~string](list []T, value T) bool {
	return list == nil || value != "" && slices.Contains(list, value)
}

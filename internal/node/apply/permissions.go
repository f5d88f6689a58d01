package apply

import (
	"encoding/json"
	"slices"
	"strings"

	"aleph/internal/node/store"
	"aleph/message"
)

// securityKey names the aggregate in which an owner says who else may act. // spec messages 5.1
const (
	securityKey    = "security"
	authorizations = "authorizations"
)

// subject is the message whose attributes an authorization is matched with. // spec messages 5.3
type subject struct {
	chain    message.Chain
	channel  *string
	typ      message.Type
	postType string
	key      string
}

// subjectOf returns the attributes of a message that is being processed.
func subjectOf(m *message.Message) subject {
	sub := subject{chain: m.Chain, channel: m.Channel, typ: m.Type}
	switch c := m.Content.(type) {
	case *message.Post:
		sub.postType = c.Type
	case *message.Aggregate:
		sub.key = c.Key
	}
	return sub
}

// subjectOfRow returns the attributes of a message that was processed before.
func subjectOfRow(row *store.MessageRow) subject {
	sub := subject{chain: row.Message.Chain, channel: row.Message.Channel, typ: row.Message.Type, postType: row.ContentType}
	if row.ContentKey != nil {
		sub.key = *row.ContentKey
	}
	return sub
}

// authorization is one entry of the list.
type authorization struct {
	address       string // lower case
	chain         string // "" for any
	channels      filter
	types         filter
	postTypes     filter
	aggregateKeys filter
}

// filter is a list of an authorization; an empty list restricts nothing.
type filter struct {
	restricts bool
	texts     []string
}

func (f filter) allows(s string) bool {
	return !f.restricts || slices.Contains(f.texts, s)
}

// permit returns nil when the sender may act for the owner, else code 2.
func (s *Session) permit(sender, owner message.Address, sub subject) error {
	ok, err := s.authorized(sender, owner, sub)
	if err != nil || ok {
		return err
	}
	return message.Reject(message.CodePermissionDenied, "%s is not authorized to act for %s", sender, owner)
}

// authorized implements the algorithm of spec messages 5.2.
func (s *Session) authorized(sender, owner message.Address, sub subject) (bool, error) {
	if sender.EqualFold(owner) {
		return true, nil
	}
	entries, err := s.authorizationsOf(owner)
	if err != nil {
		return false, err
	}
	for i := range entries {
		if entries[i].allows(sender, sub) {
			return true, nil
		}
	}
	return false, nil
}

func (a *authorization) allows(sender message.Address, sub subject) bool {
	switch {
	case !sender.EqualFold(message.Address(a.address)):
		return false
	case a.chain != "" && a.chain != string(sub.chain):
		return false
	case a.channels.restricts && (sub.channel == nil || !a.channels.allows(*sub.channel)):
		return false
	case !a.types.allows(string(sub.typ)):
		return false
	case sub.typ == message.TypePost && !a.postTypes.allows(sub.postType):
		return false
	case sub.typ == message.TypeAggregate && !a.aggregateKeys.allows(sub.key):
		return false
	}
	return true
}

// authorizationsOf reads the entries of an owner, whose text is used as it
// stands, from the current state. // spec messages 5.2
func (s *Session) authorizationsOf(owner message.Address) ([]authorization, error) {
	if entries, ok := s.auth[owner]; ok {
		return entries, nil
	}
	if err := s.readAuthorizations([]message.Address{owner}); err != nil {
		return nil, err
	}
	return s.auth[owner], nil
}

// readAuthorizations reads the entries of owners.
func (s *Session) readAuthorizations(owners []message.Address) error {
	lists, err := s.read.AggregateMembers(s.ctx, unique(owners), securityKey, authorizations)
	if err != nil {
		return err
	}
	if s.auth == nil {
		s.auth = map[message.Address][]authorization{}
	}
	for _, owner := range owners {
		s.auth[owner] = parseAuthorizations(lists[owner])
	}
	return nil
}

// parseAuthorizations reads the list leniently: what is malformed matches
// nobody. // spec messages 5.2
func parseAuthorizations(raw json.RawMessage) []authorization {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		return nil
	}
	entries := make([]authorization, 0, len(list))
	for _, item := range list {
		if entry, ok := parseAuthorization(item); ok {
			entries = append(entries, entry)
		}
	}
	return entries
}

func parseAuthorization(raw json.RawMessage) (a authorization, ok bool) {
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil {
		return a, false
	}
	if json.Unmarshal(fields["address"], &a.address) != nil || a.address == "" {
		return a, false
	}
	a.address = strings.ToLower(a.address)
	if chain := fields["chain"]; truthy(chain) && json.Unmarshal(chain, &a.chain) != nil {
		return a, false
	}
	for name, f := range map[string]*filter{
		"channels": &a.channels, "types": &a.types, "post_types": &a.postTypes, "aggregate_keys": &a.aggregateKeys,
	} {
		if list, given := fields[name]; given && !f.parse(list) {
			return a, false
		}
	}
	return a, true
}

// parse reads a list; elements that are no strings match nothing.
func (f *filter) parse(raw json.RawMessage) bool {
	var list []any
	if json.Unmarshal(raw, &list) != nil || list == nil {
		return false
	}
	f.restricts = len(list) > 0
	for _, v := range list {
		if s, ok := v.(string); ok {
			f.texts = append(f.texts, s)
		}
	}
	return true
}

// truthy reports whether a JSON value counts as true in the reference's language.
func truthy(raw json.RawMessage) bool {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return false
	}
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case float64:
		return v != 0
	case string:
		return v != ""
	case []any:
		return len(v) > 0
	case map[string]any:
		return len(v) > 0
	}
	return true
}

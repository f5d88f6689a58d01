package message

// Derived is what the network keeps of a content beside it, to find messages
// by. Empty means that the content has no such member. // spec messages 3.13
type Derived struct {
	// Owner is content.address.
	Owner Address
	// ContentType is content.type: the type of a POST, vm-function of a PROGRAM.
	ContentType string
	// ContentRef is content.ref of a POST or STORE.
	ContentRef string
	// ContentKey is content.key of an AGGREGATE, or of a STORE that has such a
	// member.
	ContentKey string
	// ContentItemHash is content.item_hash of a STORE.
	ContentItemHash Hash
	// PaymentType is content.payment.type.
	PaymentType PaymentType
	// Tags are nil rather than empty.
	Tags []string
}

// DerivedOf returns what m is found by; nothing when its content is not known.
func DerivedOf(m *Message) Derived {
	if m.Content == nil {
		return Derived{}
	}
	d := Derived{Owner: m.Content.Owner(), Tags: Tags(m.Type, m.Content)}
	var payment *Payment
	switch c := m.Content.(type) {
	case *Post:
		d.ContentType, d.ContentRef = c.Type, c.Ref
	case *Aggregate:
		d.ContentKey = c.Key
	case *Store:
		// The object is open, and these count when the sender added them.
		d.ContentType, d.ContentKey = c.added("type"), c.added("key")
		d.ContentRef, d.ContentItemHash, payment = c.Ref, c.ItemHash, c.Payment
	case *Program:
		d.ContentType, payment = "vm-function", c.Payment
	case *Instance:
		payment = c.Payment
	case *VProgram:
		payment = c.Payment
	}
	if payment != nil {
		d.PaymentType = payment.Type
	}
	return d
}

// added returns a string that the sender added to the open object of a STORE.
func (s *Store) added(name string) string {
	if v := value(s.raw).member(name); v.kind() == kindString {
		return string(v.text())
	}
	return ""
}

// Tags returns the tags of a content of type t: the strings of a list whose
// place depends on the type. It returns nil when there is none.
// // spec messages 3.13
func Tags(t Type, c Content) []string {
	if c == nil {
		return nil
	}
	list := value(c.Raw())
	switch t {
	case TypePost, TypeAggregate:
		list = list.member("content").member("tags")
	case TypeStore:
		list = list.member("tags")
	case TypeProgram, TypeInstance, TypeVProgram:
		list = list.member("metadata").member("tags")
	case TypeForget:
		return nil
	}
	var tags []string
	if list.kind() != kindArray {
		return nil
	}
	for _, tag := range list.elements {
		if tag.kind() == kindString {
			tags = append(tags, string(tag.text()))
		}
	}
	return tags
}

package api

import (
	"encoding/json"

	"aleph/internal/node/store"
	"aleph/message"
)

// listShape is shape L: a message in a list, its members sorted. Nothing may be
// added: clients refuse members they do not know. // spec ccn-http-api 3.1
func listShape(m *store.MessageRow, format contentFormat) object {
	env := &m.Message
	o := make(object, 0, 13)
	o = append(o, member{"chain", env.Chain}, member{"channel", env.Channel},
		member{"confirmations", confirmationList(m.Confirmations)}, member{"confirmed", len(m.Confirmations) > 0})
	switch format {
	case contentFull:
		o = append(o, member{"content", m.Content()})
	case contentHeaders:
		o = append(o, member{"content", headerContent(m)})
	case contentNone:
	}
	return append(o, member{"item_content", inlineContent(env)}, member{"item_hash", env.ItemHash},
		member{"item_type", env.ItemType}, member{"sender", env.Sender}, member{"signature", orNull(env.Signature)},
		member{"size", m.Size}, member{"time", env.Time}, member{"type", env.Type})
}

// headerContent is the reduced content of contentFormat=headers. // spec ccn-http-api 3.1
func headerContent(m *store.MessageRow) object {
	d := message.Derived{Owner: m.Owner, ContentType: m.ContentType, ContentRef: m.ContentRef, ContentItemHash: m.ContentItemHash}
	if m.ContentKey != nil {
		d.ContentKey = *m.ContentKey
	}
	return headersOf(m.Message.Type, d)
}

func headersOf(t message.Type, d message.Derived) object {
	o := object{{"address", d.Owner}}
	add := func(name, value string) {
		if value != "" {
			o = append(o, member{name, value})
		}
	}
	switch t {
	case message.TypePost:
		add("ref", d.ContentRef)
		add("type", d.ContentType)
	case message.TypeAggregate:
		o = append(o, member{"key", d.ContentKey})
	case message.TypeStore:
		add("item_hash", string(d.ContentItemHash))
		add("ref", d.ContentRef)
	case message.TypeForget, message.TypeProgram, message.TypeInstance, message.TypeVProgram:
	}
	return o
}

// singleShape is shape S: one processed message with its content in the
// normalised form of its type. A content that no longer has that form is shown
// as it was sent. // spec ccn-http-api 3.2
func singleShape(m *message.Message, content json.RawMessage, confirmations []store.Confirmation) object {
	return object{
		{"sender", m.Sender},
		{"chain", m.Chain},
		{"signature", orNull(m.Signature)},
		{"type", m.Type},
		{"item_content", inlineContent(m)},
		{"item_type", m.ItemType},
		{"item_hash", m.ItemHash},
		{"time", m.Time},
		{"channel", m.Channel},
		{"content", content},
		{"confirmed", len(confirmations) > 0},
		{"confirmations", confirmationObjects(confirmations)},
	}
}

// confirmationList are the confirmations of a message in a list, their members
// sorted. // spec ccn-http-api 3.1
func confirmationList(list []store.Confirmation) []object {
	out := make([]object, len(list))
	for i, c := range list {
		out[i] = object{{"chain", c.Chain}, {"hash", c.Hash}, {"height", c.Height}}
	}
	return out
}

// confirmationObjects are the confirmations of one message or post.
// // spec ccn-http-api 3.2
func confirmationObjects(list []store.Confirmation) []object {
	out := make([]object, len(list))
	for i, c := range list {
		out[i] = object{{"chain", c.Chain}, {"height", c.Height}, {"hash", c.Hash}}
	}
	return out
}

// normalized returns the content of a message in the normalised form of its
// type, or as it was sent when it does not satisfy the schema any more.
func normalized(t message.Type, raw json.RawMessage) json.RawMessage {
	content, err := message.ParseContent(t, raw)
	if err != nil {
		return raw
	}
	form, err := message.Normalized(content)
	if err != nil {
		return raw
	}
	return form
}

// pendingShape is shape P. // spec ccn-http-api 3.3
func pendingShape(p *store.PendingRow) object {
	m := &p.Message
	var content any
	switch {
	case m.ItemType == message.ItemInline:
		content = json.RawMessage(m.ItemContent)
	case p.Body != "":
		content = json.RawMessage(p.Body)
	}
	return object{
		{"sender", m.Sender},
		{"chain", m.Chain},
		{"signature", orNull(m.Signature)},
		{"type", m.Type},
		{"item_content", inlineContent(m)},
		{"item_type", m.ItemType},
		{"item_hash", m.ItemHash},
		{"time", isoZ(m.Time)},
		{"channel", m.Channel},
		{"content", content},
		{"reception_time", isoZ(p.ReceptionTime)},
	}
}

// forgottenShape is shape F. // spec ccn-http-api 3.4
func forgottenShape(f *store.ForgottenRow) object {
	return append(goneShape(&f.Message, orNull(f.Owner), f.PaymentType, f.Size), member{"forgotten_at", f.ForgottenAt})
}

// removedShape is shape R. // spec ccn-http-api 3.4
func removedShape(f *store.RemovedRow) object {
	return append(goneShape(&f.Message, f.Owner, f.PaymentType, f.Size), member{"removed_at", f.RemovedAt})
}

// goneShape is what shapes F and R have in common.
func goneShape(m *message.Message, owner any, payment message.PaymentType, size *int64) object {
	return object{
		{"sender", m.Sender},
		{"chain", m.Chain},
		{"signature", orNull(m.Signature)},
		{"type", m.Type},
		{"item_type", m.ItemType},
		{"item_hash", m.ItemHash},
		{"time", m.Time},
		{"channel", m.Channel},
		{"owner", owner},
		{"payment_type", orNull(payment)},
		{"size", size},
	}
}

// removedListShape is shape RL. // spec ccn-http-api 3.5
func removedListShape(f *store.RemovedRow) object {
	m := &f.Message
	return object{
		{"chain", m.Chain},
		{"channel", m.Channel},
		{"item_hash", m.ItemHash},
		{"item_type", m.ItemType},
		{"owner", f.Owner},
		{"payment_type", orNull(f.PaymentType)},
		{"removed_at", f.RemovedAt},
		{"sender", m.Sender},
		{"signature", orNull(m.Signature)},
		{"size", f.Size},
		{"status", message.StatusRemoved},
		{"time", m.Time},
		{"type", m.Type},
	}
}

// forgottenListShape is shape FL. // spec ccn-http-api 3.5
func forgottenListShape(f *store.ForgottenRow) object {
	m := &f.Message
	return object{
		{"chain", m.Chain},
		{"channel", m.Channel},
		{"forgotten_at", f.ForgottenAt},
		{"forgotten_by", f.ForgottenBy},
		{"item_hash", m.ItemHash},
		{"item_type", m.ItemType},
		{"owner", orNull(f.Owner)},
		{"payment_type", orNull(f.PaymentType)},
		{"sender", m.Sender},
		{"signature", orNull(m.Signature)},
		{"size", f.Size},
		{"status", message.StatusForgotten},
		{"time", m.Time},
		{"type", m.Type},
	}
}

// inlineContent is the exact text of an inline message, null for the others.
func inlineContent(m *message.Message) any {
	if m.ItemType != message.ItemInline {
		return nil
	}
	return m.ItemContent
}

// orNull is null for the empty text.
func orNull[T ~string](text T) any {
	if text == "" {
		return nil
	}
	return string(text)
}

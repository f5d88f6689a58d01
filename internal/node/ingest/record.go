package ingest

import (
	"encoding/json"

	"aleph/message"
)

// rejectedMessage is a message as its rejection keeps it. // spec ccn-http-api 3.6
type rejectedMessage struct {
	ItemHash    message.Hash      `json:"item_hash"`
	Type        message.Type      `json:"type"`
	Chain       message.Chain     `json:"chain"`
	Sender      message.Address   `json:"sender"`
	Signature   *string           `json:"signature"`
	ItemType    message.ItemType  `json:"item_type"`
	ItemContent *string           `json:"item_content"`
	Content     json.RawMessage   `json:"content"`
	Time        message.Timestamp `json:"time"`
	Channel     *string           `json:"channel"`
	Origin      Origin            `json:"origin"`
}

// rejectedObject returns the object that a rejection keeps: the message, or the
// submitted object as it came when it never became one.
func rejectedObject(j *job) json.RawMessage {
	if j.msg == nil {
		return j.raw
	}
	m := j.msg
	r := rejectedMessage{
		ItemHash: m.ItemHash, Type: m.Type, Chain: m.Chain, Sender: m.Sender, ItemType: m.ItemType,
		Time: m.Time, Channel: m.Channel, Origin: j.origin,
	}
	if m.Signature != "" {
		r.Signature = &m.Signature
	}
	if m.ItemType == message.ItemInline {
		r.ItemContent = &m.ItemContent
	}
	if m.Content != nil {
		r.Content = m.Content.Raw()
	}
	b, err := json.Marshal(r)
	if err != nil {
		panic(err) // parsed values always encode
	}
	return b
}

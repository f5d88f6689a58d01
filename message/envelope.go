package message

import "encoding/json"

// Message is a signed envelope. // spec messages 1.1
type Message struct {
	Sender   Address
	Chain    Chain
	Type     Type
	ItemHash Hash
	ItemType ItemType
	// ItemContent is the exact serialised content; inline messages only.
	ItemContent string
	// Signature is empty when the sender gave none.
	Signature string
	// Time is the envelope's time, which nothing signs. // spec messages 1.6
	Time Timestamp
	// Channel is nil when the envelope has none.
	Channel *string
	// Content is the parsed body of an inline message; nil until the body of a
	// storage or IPFS message has been fetched.
	Content Content
}

// SigningBuffer returns the bytes that a signature covers. // spec messages 2.2
func (m *Message) SigningBuffer() []byte {
	b := make([]byte, 0, len(m.Chain)+len(m.Sender)+len(m.Type)+len(m.ItemHash)+3)
	b = append(b, m.Chain...)
	b = append(b, '\n')
	b = append(b, m.Sender...)
	b = append(b, '\n')
	b = append(b, m.Type...)
	b = append(b, '\n')
	return append(b, m.ItemHash...)
}

// wireMessage is the envelope as clients send it: absent members are left out.
type wireMessage struct {
	Sender      Address   `json:"sender"`
	Chain       Chain     `json:"chain"`
	Type        Type      `json:"type"`
	Channel     *string   `json:"channel"`
	Time        Timestamp `json:"time"`
	ItemType    ItemType  `json:"item_type"`
	ItemHash    Hash      `json:"item_hash"`
	ItemContent *string   `json:"item_content,omitempty"`
	Signature   string    `json:"signature"`
}

// MarshalJSON writes the envelope for the wire, without the parsed content.
func (m *Message) MarshalJSON() ([]byte, error) {
	w := wireMessage{
		Sender: m.Sender, Chain: m.Chain, Type: m.Type, Channel: m.Channel, Time: m.Time,
		ItemType: m.ItemType, ItemHash: m.ItemHash, Signature: m.Signature,
	}
	if m.ItemType == ItemInline {
		w.ItemContent = &m.ItemContent
	}
	return json.Marshal(w)
}

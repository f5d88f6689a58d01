package message

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"time"
	"unicode/utf8"
)

// MaxInlineContent is the longest content that travels inside its envelope, in
// Unicode code points. // spec messages 1.5
const MaxInlineContent = 200_000

// ParseEnvelope reads a message as the network sends it and checks everything
// that needs nothing but the message: the envelope's members, the hash and the
// schema of an inline content. It does not check the signature; package account
// does. The error is a [*Rejection] with [CodeInvalidFormat] whose details are
// [FieldError] values or one text.
//
// Of an inline message Content is set; of the others it is nil until the body
// has been fetched and given to [ParseFetchedContent]. Members that the
// envelope does not know are ignored. The message keeps nothing of raw.
// // spec messages 1
func ParseEnvelope(raw []byte) (*Message, error) {
	v, err := scanJSON(raw)
	if err != nil {
		return nil, Reject(CodeInvalidFormat, "message is %s", err)
	}
	var d decoder
	m := d.envelope(v)
	if err := d.rejection(); err != nil {
		return nil, err
	}
	return m, nil
}

// envelopeSlots are the members of an envelope. // spec messages 1.1
type envelopeSlots struct {
	sender, chain, kind, itemHash, itemType, itemContent, signature, time, channel, content slot
}

func (d *decoder) envelope(v value) *Message {
	s := envelopeSlots{
		sender: slot{key: "sender"}, chain: slot{key: "chain"}, kind: slot{key: "type"},
		itemHash: slot{key: "item_hash"}, itemType: slot{key: "item_type"},
		itemContent: slot{key: "item_content"}, signature: slot{key: "signature"},
		time: slot{key: "time"}, channel: slot{key: "channel"}, content: slot{key: "content"},
	}
	if !d.object(v, false, &s.sender, &s.chain, &s.kind, &s.itemHash, &s.itemType,
		&s.itemContent, &s.signature, &s.time, &s.channel, &s.content) {
		return nil
	}
	m := &Message{
		Sender:    Address(d.name(s.sender)),
		Chain:     d.chain(s.chain),
		Type:      d.messageType(s.kind),
		Signature: d.optText(s.signature, anyLength),
		Time:      d.envelopeTime(s.time),
		ItemType:  d.itemType(&s),
	}
	if s.channel.value.given() {
		channel := d.name(s.channel)
		m.Channel = &channel
	}
	if len(d.errs) > 0 {
		return nil
	}
	if m.ItemType == ItemInline {
		d.inline(m, &s)
	} else {
		d.remote(m, &s)
	}
	return m
}

// name reads a required string that stores keep as text. It must not hold the
// character NUL, which databases refuse.
func (d *decoder) name(s slot) string {
	text := d.text(s, anyLength)
	if strings.IndexByte(text, 0) >= 0 {
		d.invalid(key(s.key), s.value, "the character NUL is not allowed")
	}
	return text
}

func (d *decoder) chain(s slot) Chain {
	if !d.present(s) {
		return ""
	}
	if s.value.kind() == kindString {
		if c := Chain(s.value.text()); c.Valid() {
			return c
		}
	}
	d.fail(key(s.key), s.value, "enum", "Input should be the code of a chain")
	return ""
}

func (d *decoder) messageType(s slot) Type {
	if !d.present(s) {
		return ""
	}
	if s.value.kind() == kindString {
		if t := Type(s.value.text()); t.Valid() {
			return t
		}
	}
	d.fail(key(s.key), s.value, "enum", "Input should be one of: POST, AGGREGATE, STORE, PROGRAM, INSTANCE, FORGET, V-PROGRAM")
	return ""
}

// itemType finds where the content lives. // spec messages 1.3
func (d *decoder) itemType(s *envelopeSlots) ItemType {
	if !d.present(s.itemHash) {
		return ""
	}
	if s.itemHash.value.kind() != kindString {
		d.fail(key(s.itemHash.key), s.itemHash.value, "string_type", "Input should be a valid string")
		return ""
	}
	byDefault := ItemInline
	if !s.itemContent.value.given() {
		byDefault = kindOf(string(s.itemHash.value.text()))
		if byDefault == "" {
			d.invalid(key(s.itemHash.key), s.itemHash.value, "could not determine the kind of the hash")
			return ""
		}
	}
	if !s.itemType.value.given() {
		return byDefault
	}
	return ItemType(d.enum(s.itemType, string(ItemInline), string(ItemStorage), string(ItemIPFS)))
}

// The instants that a time may name: the years 1 to 9999. // spec messages 1.6
var (
	firstTime = TimestampOf(time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC))
	endOfTime = TimestampOf(time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC))
)

// envelopeTime reads the envelope's time. // spec messages 1.6, Q-30
func (d *decoder) envelopeTime(s slot) Timestamp {
	if !d.present(s) {
		return 0
	}
	if s.value.kind() != kindNumber {
		d.fail(key(s.key), s.value, "float_type", "Input should be a valid number")
		return 0
	}
	if seconds := s.value.float(); math.Abs(seconds) < 1e12 {
		if t := TimestampFromSeconds(seconds); t >= firstTime && t < endOfTime {
			return t
		}
	}
	d.invalid(key(s.key), s.value, "time is not within the years 1 to 9999")
	return 0
}

// inline checks the content that the envelope carries. // spec messages 1.2, 1.3
func (d *decoder) inline(m *Message, s *envelopeSlots) {
	if !s.itemContent.value.given() {
		d.fail(key(s.itemContent.key), nil, "missing", "inline messages need item_content")
		return
	}
	if s.itemContent.value.kind() != kindString {
		d.fail(key(s.itemContent.key), s.itemContent.value, "string_type", "Input should be a valid string")
		return
	}
	quoted := s.itemContent.value[1 : len(s.itemContent.value)-1]
	text := appendUnescaped(make([]byte, 0, len(quoted)), quoted)
	if len(text) > MaxInlineContent && utf8.RuneCount(text) > MaxInlineContent {
		d.fail(key(s.itemContent.key), s.itemContent.value, "string_too_long",
			"inline content should have at most %d characters", MaxInlineContent)
		return
	}
	// The text is hashed as it is, never serialised again.
	var digits [2 * sha256.Size]byte
	sum := sha256.Sum256(text)
	hex.Encode(digits[:], sum[:])
	if !bytes.Equal(s.itemHash.value.text(), digits[:]) {
		d.invalid(key(s.itemHash.key), s.itemHash.value, "item_hash is not the SHA-256 of item_content, which is %s", digits[:])
		return
	}
	m.ItemHash = Hash(digits[:])
	m.ItemContent = string(text)
	content, err := ParseContent(m.Type, text)
	if err != nil {
		d.adopt(err, "content")
		return
	}
	m.Content = content
}

// remote checks a message whose content lives elsewhere.
func (d *decoder) remote(m *Message, s *envelopeSlots) {
	if s.itemContent.value.given() {
		d.invalid(key(s.itemContent.key), s.itemContent.value, "only inline messages carry item_content")
		return
	}
	m.ItemHash = Hash(d.name(s.itemHash))
	if m.ItemHash.Kind() != m.ItemType {
		d.invalid(key(s.itemHash.key), s.itemHash.value, "item_hash is not the hash of an item of type '%s'", m.ItemType)
		return
	}
	// A content that comes along is not used, but has to be valid.
	if s.content.value.given() {
		if _, err := decodeContent(m.Type, s.content.value); err != nil {
			d.adopt(err, "content")
		}
	}
}

// adopt takes over the faults of a part.
func (d *decoder) adopt(err error, part string) {
	r, ok := errors.AsType[*Rejection](err)
	if !ok {
		d.invalid(key(part), nil, "%s", err)
		return
	}
	for _, e := range r.Errors {
		if e, ok := e.(FieldError); ok {
			e.Loc = append([]any{part}, e.Loc...)
			d.errs = append(d.errs, e)
			continue
		}
		d.fail(key(part), nil, "json_invalid", "%v", e)
	}
}

// InlineSize returns the size of an inline message as the network counts it:
// the code points of its content. // spec messages 1.5
func (m *Message) InlineSize() int64 { return int64(utf8.RuneCountInString(m.ItemContent)) }

// UnmarshalJSON reads the envelope like [ParseEnvelope].
func (m *Message) UnmarshalJSON(raw []byte) error {
	parsed, err := ParseEnvelope(raw)
	if err != nil {
		return err
	}
	*m = *parsed
	return nil
}

var _ json.Unmarshaler = (*Message)(nil)

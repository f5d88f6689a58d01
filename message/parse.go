package message

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// nulEscape is refused anywhere in a content, even where it is not an escape:
// the rule is a plain search. // spec messages 1.8
var nulEscape = []byte(`\u0000`)

// ParseContent reads the content of a message of type t and checks every rule
// of its schema. The error is a [*Rejection] with [CodeInvalidFormat] whose
// details are [FieldError] values, or one text when raw is not JSON at all.
//
// The content keeps raw: the caller must not modify it afterwards.
// // spec messages 1.8, 3
func ParseContent(t Type, raw []byte) (Content, error) {
	v, err := scanContent(raw)
	if err != nil {
		return nil, err
	}
	return decodeContent(t, v)
}

// ParseFetchedContent reads the content of a storage or IPFS message from the
// bytes that its item hash names. An address or time that the content lacks is
// taken from the envelope, and Raw then holds it too. // spec messages 1.9
func ParseFetchedContent(m *Message, raw []byte) (Content, error) {
	v, err := scanContent(raw)
	if err != nil {
		return nil, err
	}
	if v.kind() == kindObject {
		v, err = withDefaults(v, m)
		if err != nil {
			return nil, err
		}
	}
	return decodeContent(m.Type, v)
}

// scanContent applies the rules that hold for the text of every content.
func scanContent(raw []byte) (value, error) {
	if bytes.Contains(raw, nulEscape) {
		return nil, Reject(CodeInvalidFormat, `content holds the sequence \u0000`)
	}
	v, err := scanJSON(raw)
	if err != nil {
		return nil, Reject(CodeInvalidFormat, "content is %s", err)
	}
	return v, nil
}

// withDefaults adds the members that a fetched content may leave out.
func withDefaults(v value, m *Message) (value, error) {
	var added []byte
	if !v.member("address").given() {
		address, err := json.Marshal(m.Sender)
		if err != nil {
			return nil, fmt.Errorf("default of content.address: %w", err)
		}
		added = append(append(added, `,"address":`...), address...)
	}
	if !v.member("time").given() {
		added = append(append(added, `,"time":`...), FormatSeconds(m.Time.Seconds())...)
	}
	if added == nil {
		return v, nil
	}
	if v.length() == 0 {
		added = added[1:]
	}
	whole := make(value, 0, len(v)+len(added))
	whole = append(whole, v[:len(v)-1]...)
	whole = append(whole, added...)
	return append(whole, '}'), nil
}

// decodeContent applies the schema of t.
func decodeContent(t Type, v value) (Content, error) {
	var (
		d       decoder
		content Content
	)
	switch t {
	case TypePost:
		content = d.post(v)
	case TypeAggregate:
		content = d.aggregate(v)
	case TypeStore:
		content = d.store(v)
	case TypeForget:
		content = d.forget(v)
	case TypeProgram:
		content = d.program(v)
	case TypeInstance:
		content = d.instance(v)
	case TypeVProgram:
		content = d.vprogram(v)
	default:
		return nil, Reject(CodeInvalidFormat, "unknown message type %q", clip(string(t)))
	}
	if err := d.rejection(); err != nil {
		return nil, err
	}
	return content, nil
}

// base reads the members that every content has. // spec messages 3.3
func (d *decoder) base(v value, address, time slot) Base {
	return Base{
		Address: Address(d.text(address, anyLength)),
		Time:    d.contentTime(time),
		raw:     json.RawMessage(v),
	}
}

// maxContentTime is the latest content.time, in seconds: the last second that
// a count of nanoseconds in 64 bits holds. // spec messages 3.3
const maxContentTime = 9223372036

// contentTime reads content.time. A numeric string satisfies the reference's
// schema and then crashes it; it is refused here. // spec messages 1.6
func (d *decoder) contentTime(s slot) Timestamp {
	if !d.present(s) {
		return 0
	}
	var seconds float64
	switch s.value.kind() {
	case kindNumber:
		seconds = s.value.float()
	case kindTrue:
		seconds = 1
	case kindFalse:
	default:
		d.fail(key(s.key), s.value, "float_type", "Input should be a valid number")
		return 0
	}
	switch {
	case seconds < 0:
		d.fail(key(s.key), s.value, "greater_than_equal", "Input should be greater than or equal to 0")
		return 0
	case seconds > maxContentTime:
		d.fail(key(s.key), s.value, "less_than_equal", "Input should be less than or equal to %d", int64(maxContentTime))
		return 0
	}
	return TimestampFromSeconds(seconds)
}

// The limits of a FORGET. // spec messages 3.7
const (
	maxForgetTargets = 1000
	maxForgetReason  = 1000 // code points
)

func (d *decoder) post(v value) *Post {
	address, time := slot{key: "address"}, slot{key: "time"}
	kind, content, ref := slot{key: "type"}, slot{key: "content"}, slot{key: "ref"}
	if !d.object(v, true, &address, &time, &kind, &content, &ref) {
		return nil
	}
	p := &Post{Base: d.base(v, address, time), Type: d.text(kind, anyLength)}
	if content.value.given() {
		p.Content = json.RawMessage(content.value)
	}
	// An object was legal once; such posts never get past storing. // Q-06
	p.Ref, p.HasRef = d.optText(ref, anyLength), ref.value.given()
	if p.IsAmend() && p.Ref == "" {
		d.invalid(key("type"), kind.value, "a 'ref' is required for posts of type 'amend'")
	}
	return p
}

func (d *decoder) aggregate(v value) *Aggregate {
	address, time := slot{key: "address"}, slot{key: "time"}
	name, content := slot{key: "key"}, slot{key: "content"}
	if !d.object(v, true, &address, &time, &name, &content) {
		return nil
	}
	// The object form of a key never gets past storing. // Q-07
	a := &Aggregate{Base: d.base(v, address, time), Key: d.text(name, anyLength)}
	if d.present(content) {
		if content.value.kind() != kindObject {
			d.fail(key(content.key), content.value, "dict_type", "Input should be an object")
		}
		a.Content = json.RawMessage(content.value)
	}
	return a
}

func (d *decoder) store(v value) *Store {
	address, time := slot{key: "address"}, slot{key: "time"}
	itemType, itemHash, size := slot{key: "item_type"}, slot{key: "item_hash"}, slot{key: "size"}
	contentType, ref := slot{key: "content_type"}, slot{key: "ref"}
	metadata, payment := slot{key: "metadata"}, slot{key: "payment"}
	if !d.object(v, false, &address, &time, &itemType, &itemHash, &size, &contentType, &ref, &metadata, &payment) {
		return nil
	}
	s := &Store{
		Base:        d.base(v, address, time),
		ItemType:    ItemType(d.enum(itemType, string(ItemInline), string(ItemStorage), string(ItemIPFS))),
		ItemHash:    d.hash(itemHash),
		ContentType: d.optText(contentType, anyLength),
		Ref:         d.optText(ref, anyLength),
		HasRef:      ref.value.given(),
		Metadata:    d.optObject(metadata, anyLength),
		Payment:     d.payment(payment),
	}
	if size.value.given() {
		if n, ok := d.anyInteger(size); ok {
			whole := n.int64()
			s.Size = &whole
		}
	}
	if s.Payment != nil && s.Payment.Type == PaymentSuperfluid {
		d.invalid(key("payment"), payment.value, "only 'hold' and 'credit' pay for storage")
	}
	return s
}

func (d *decoder) forget(v value) *Forget {
	address, time := slot{key: "address"}, slot{key: "time"}
	hashes, aggregates, reason := slot{key: "hashes"}, slot{key: "aggregates"}, slot{key: "reason"}
	if !d.object(v, true, &address, &time, &hashes, &aggregates, &reason) {
		return nil
	}
	f := &Forget{
		Base:   d.base(v, address, time),
		Hashes: d.hashes(hashes, maxForgetTargets),
		Reason: d.optText(reason, maxForgetReason),
	}
	if aggregates.value != nil {
		f.Aggregates = d.hashes(aggregates, maxForgetTargets)
	}
	return f
}

// payment reads an optional payment. // spec messages 3.8
func (d *decoder) payment(s slot) *Payment {
	if !s.value.given() {
		return nil
	}
	d.enter(key(s.key))
	defer d.leave()
	kind, chain, receiver := slot{key: "type"}, slot{key: "chain"}, slot{key: "receiver"}
	if !d.object(s.value, false, &kind, &chain, &receiver) {
		return nil
	}
	p := &Payment{
		Type:     PaymentType(d.enum(kind, string(PaymentHold), string(PaymentSuperfluid), string(PaymentCredit))),
		Chain:    Chain(d.optText(chain, anyLength)),
		Receiver: d.optText(receiver, anyLength),
	}
	if chain.value.given() && !p.Chain.Valid() {
		d.fail(key(chain.key), chain.value, "enum", "Input should be the code of a chain")
	}
	return p
}

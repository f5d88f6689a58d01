package message_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"aleph/message"
)

// posted is the example of the specification. // spec messages 1.1
const posted = `{
  "sender": "0xA07B1214bAe0D5ccAA25449C3149c0aC83658874",
  "chain": "ETH",
  "type": "POST",
  "channel": "ALEPH-CLOUDSOLUTIONS",
  "time": 1730410918.092607,
  "item_type": "inline",
  "item_hash": "f524a258d87f1771e8538fd4fd91acdcc527c3b7f138fafd6ff89a5fcf97c3b7",
  "item_content": "{\"address\":\"0xA07B1214bAe0D5ccAA25449C3149c0aC83658874\",\"time\":1730410918.0924816,\"content\":{\"type\":\"polygon\",\"address\":\"0xA07B1214bAe0D5ccAA25449C3149c0aC83658874\",\"content\":{\"body\":\"This message was posted from the typescript-SDK test suite\"},\"time\":1689163528.372},\"type\":\"test\"}",
  "signature": "0x99efc66c781c889e1f21c680869c832141dcee90189e75e85f570b8b49e72dee0338d77c214ae55bfcb886bbd7bac6dc4dcfda4eb0d2c47ed93d51b36b7259b01c"
}`

func TestParseEnvelope(t *testing.T) {
	t.Parallel()
	m, err := message.ParseEnvelope([]byte(posted))
	if err != nil {
		t.Fatal(err)
	}
	if m.Sender != "0xA07B1214bAe0D5ccAA25449C3149c0aC83658874" || m.Chain != "ETH" || m.Type != message.TypePost ||
		m.ItemType != message.ItemInline || m.Time != 1730410918092607 || *m.Channel != "ALEPH-CLOUDSOLUTIONS" ||
		!strings.HasPrefix(m.Signature, "0x99ef") {
		t.Errorf("got %+v", m)
	}
	post, ok := m.Content.(*message.Post)
	if !ok || post.Type != "test" || post.Time != 1730410918092482 || post.Owner() != m.Sender || post.HasRef {
		t.Errorf("content %+v", m.Content)
	}
	if string(post.Raw()) != m.ItemContent {
		t.Errorf("raw content %s", post.Raw())
	}
}

// envelope returns the wire form of an inline message with some members
// replaced; a member set to absent is left out.
func envelope(t *testing.T, content string, changes map[string]any) []byte {
	t.Helper()
	members := map[string]any{
		"sender": "0xA07B1214bAe0D5ccAA25449C3149c0aC83658874", "chain": "ETH", "type": "POST", "time": 1730410918.5,
		"item_type": "inline", "item_content": content, "item_hash": message.HashOf([]byte(content)), "signature": "0x00",
	}
	maps.Copy(members, changes)
	for key, member := range members {
		if member == absent {
			delete(members, key)
		}
	}
	raw, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

const absent = "\x00absent"

const (
	smallPost = `{"address":"0xA07B","time":1,"type":"t"}`
	ipfsHash  = "QmXNHbWRJEGxhhkyhyMYEJ5sqpYi6p3Qb4wPnTn6Zg5P9j"
	fileHash  = "f524a258d87f1771e8538fd4fd91acdcc527c3b7f138fafd6ff89a5fcf97c3b7"
)

func TestParseEnvelopeRules(t *testing.T) {
	t.Parallel()
	type changes = map[string]any
	for name, test := range map[string]struct {
		content string
		change  changes
		loc     string // of the only fault; empty when the message is good
	}{
		"plain":                      {},
		"unknown member":             {change: changes{"_id": 1, "confirmed": true, "size": -1, "hash_type": 3}},
		"no sender":                  {change: changes{"sender": absent}, loc: "[sender]"},
		"sender is null":             {change: changes{"sender": nil}, loc: "[sender]"},
		"empty sender":               {change: changes{"sender": ""}},
		"NUL in sender":              {change: changes{"sender": "a\x00"}, loc: "[sender]"},
		"no chain":                   {change: changes{"chain": absent}, loc: "[chain]"},
		"unknown chain":              {change: changes{"chain": "BTC"}, loc: "[chain]"},
		"chain in lower case":        {change: changes{"chain": "eth"}, loc: "[chain]"},
		"chain without verifier":     {change: changes{"chain": "AURORA"}},
		"type in lower case":         {change: changes{"type": "post"}, loc: "[type]"},
		"type is a number":           {change: changes{"type": 1}, loc: "[type]"},
		"no type":                    {change: changes{"type": absent}, loc: "[type]"},
		"no time":                    {change: changes{"time": absent}, loc: "[time]"},
		"time is a string":           {change: changes{"time": "1730410918"}, loc: "[time]"},
		"time is null":               {change: changes{"time": nil}, loc: "[time]"},
		"time is true":               {change: changes{"time": true}, loc: "[time]"},
		"negative time":              {change: changes{"time": -1.5}},
		"year 1":                     {change: changes{"time": -62135596800.0}},
		"year 0":                     {change: changes{"time": -62135596801.0}, loc: "[time]"},
		"year 9999":                  {change: changes{"time": 253402300799.0}},
		"year 10000":                 {change: changes{"time": 253402300800.0}, loc: "[time]"},
		"enormous time":              {change: changes{"time": 1e300}, loc: "[time]"},
		"channel is null":            {change: changes{"channel": nil}},
		"channel is a number":        {change: changes{"channel": 5}, loc: "[channel]"},
		"very long channel":          {change: changes{"channel": strings.Repeat("x", 1000)}},
		"signature is null":          {change: changes{"signature": nil}},
		"no signature":               {change: changes{"signature": absent}},
		"signature is an object":     {change: changes{"signature": changes{"curve": "sr25519"}}, loc: "[signature]"},
		"content is ignored":         {change: changes{"content": "anything"}},
		"no item type":               {change: changes{"item_type": absent}},
		"item type is null":          {change: changes{"item_type": nil}},
		"item type in upper case":    {change: changes{"item_type": "INLINE"}, loc: "[item_type]"},
		"no item hash":               {change: changes{"item_hash": absent}, loc: "[item_hash]"},
		"item hash is null":          {change: changes{"item_hash": nil}, loc: "[item_hash]"},
		"item hash is a number":      {change: changes{"item_hash": 7}, loc: "[item_hash]"},
		"another item hash":          {change: changes{"item_hash": fileHash}, loc: "[item_hash]"},
		"item hash in upper case":    {change: changes{"item_hash": strings.ToUpper(string(message.HashOf([]byte(smallPost))))}, loc: "[item_hash]"},
		"no item content":            {change: changes{"item_content": absent}, loc: "[item_content]"},
		"item content is an object":  {change: changes{"item_content": changes{}}, loc: "[item_content]"},
		"white space around content": {content: " \n" + smallPost + "\t"},
		"non-ASCII content":          {content: `{"address":"é","time":1,"type":"日本 🎈"}`},
		"bad content":                {content: `{"address":"é","time":1}`, loc: "[content type]"},
		"NUL as an escape":           {content: `{"address":"a","time":1,"type":"\u0000"}`, loc: "[content]"},
		"NUL as a character":         {content: "{\"address\":\"a\",\"time\":1,\"type\":\"\x00\"}", loc: "[content]"},
		"content is null":            {content: `null`, loc: "[content]"},
		"content is a list":          {content: `[]`, loc: "[content]"},
		"content is no JSON":         {content: `{`, loc: "[content]"},
		"storage by its hash":        {change: changes{"item_type": absent, "item_content": absent, "item_hash": fileHash}},
		"storage, loose hash":        {change: changes{"item_type": "storage", "item_content": nil, "item_hash": strings.Repeat("é", 64)}},
		"ipfs by its hash":           {change: changes{"item_type": nil, "item_content": absent, "item_hash": ipfsHash}},
		"storage with an ipfs hash":  {change: changes{"item_type": "storage", "item_content": absent, "item_hash": ipfsHash}, loc: "[item_hash]"},
		"ipfs with a storage hash":   {change: changes{"item_type": "ipfs", "item_content": absent}, loc: "[item_hash]"},
		"storage with content":       {change: changes{"item_type": "storage"}, loc: "[item_content]"},
		"NUL in a storage hash":      {change: changes{"item_type": "storage", "item_content": absent, "item_hash": strings.Repeat("\x00", 64)}, loc: "[item_hash]"},
		"unknown hash":               {change: changes{"item_type": "storage", "item_content": absent, "item_hash": "abc"}, loc: "[item_hash]"},
		"storage with a good copy": {change: changes{
			"item_type": "storage", "item_content": absent,
			"content": changes{"address": "0xA07B", "time": 1, "type": "t"},
		}},
		"storage with a null copy": {change: changes{"item_type": "storage", "item_content": absent, "content": nil}},
		"storage with a bad copy": {change: changes{
			"item_type": "storage", "item_content": absent,
			"content": changes{"address": "0xA07B", "time": 1},
		}, loc: "[content type]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			content := test.content
			if content == "" {
				content = smallPost
			}
			m, err := message.ParseEnvelope(envelope(t, content, test.change))
			if got := onlyLoc(t, err); got != test.loc {
				t.Fatalf("fault at %q, want %q: %v", got, test.loc, err)
			}
			if err == nil && (m.Content != nil) != (m.ItemType == message.ItemInline) {
				t.Errorf("content %v of an item of type %s", m.Content, m.ItemType)
			}
		})
	}
}

// onlyLoc returns the way to the only fault that err reports; "" without err.
func onlyLoc(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	r, ok := errors.AsType[*message.Rejection](err)
	if !ok || r.Code != message.CodeInvalidFormat {
		t.Fatalf("error is no rejection with code 0: %v", err)
	}
	if len(r.Errors) != 1 {
		t.Fatalf("%d faults: %v", len(r.Errors), err)
	}
	e, ok := r.Errors[0].(message.FieldError)
	if !ok {
		return fmt.Sprint(r.Errors[0])
	}
	return fmt.Sprint(e.Loc)
}

// The limit counts code points, not bytes. // spec messages 1.5
func TestInlineContentLimit(t *testing.T) {
	t.Parallel()
	frame := len(`{"address":"a","time":1,"type":""}`)
	for length, ok := range map[int]bool{message.MaxInlineContent: true, message.MaxInlineContent + 1: false} {
		for _, letter := range []string{"x", "é", "🎈"} {
			content := `{"address":"a","time":1,"type":"` + strings.Repeat(letter, length-frame) + `"}`
			m, err := message.ParseEnvelope(envelope(t, content, nil))
			if (err == nil) != ok {
				t.Fatalf("%d code points of %s: %v", length, letter, err)
			}
			if err == nil && m.InlineSize() != int64(length) {
				t.Errorf("size %d, want %d", m.InlineSize(), length)
			}
		}
	}
}

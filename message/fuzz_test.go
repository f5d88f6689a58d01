package message_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aleph/message"
)

// checkRejection fails when an error of a parser is not what callers store.
func checkRejection(t *testing.T, err error) {
	t.Helper()
	r, ok := errors.AsType[*message.Rejection](err)
	if !ok || r.Code != message.CodeInvalidFormat || !json.Valid(r.Details()) || len(r.Details()) > 64<<10 {
		t.Fatalf("error is no storable rejection: %v", err)
	}
	if bytes.Equal(r.Details(), []byte("null")) {
		t.Fatalf("rejection says nothing: %v", err)
	}
}

func FuzzParseEnvelope(f *testing.F) {
	f.Add([]byte(posted))
	f.Add([]byte(`{"item_hash":"QmXNHbWRJEGxhhkyhyMYEJ5sqpYi6p3Qb4wPnTn6Zg5P9j","sender":"a","chain":"TEZOS","type":"FORGET","time":1e9,"content":{}}`))
	f.Add([]byte(`[` + strings.Repeat(`{"a":`, 40)))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := message.ParseEnvelope(raw)
		if err != nil {
			checkRejection(t, err)
			return
		}
		if m.ItemType == message.ItemInline && message.HashOf([]byte(m.ItemContent)) != m.ItemHash {
			t.Fatalf("accepted a wrong hash: %+v", m)
		}
		message.DerivedOf(m)
		wire, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		again, err := message.ParseEnvelope(wire)
		if err != nil {
			t.Fatalf("own form is refused: %v: %s", err, wire)
		}
		if again.ItemContent != m.ItemContent || again.Sender != m.Sender || again.Time != m.Time || again.ItemHash != m.ItemHash {
			t.Fatalf("got %+v, want %+v", again, m)
		}
	})
}

// FuzzParseContent checks for every type that whatever is accepted can be shown
// and stored, and that the result is accepted too. The number chooses the type.
func FuzzParseContent(f *testing.F) {
	types := message.Types()
	for i, typ := range types {
		seed, err := os.ReadFile(filepath.Join("testdata", "schema", strings.ToLower(string(typ))+".json"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(i), seed)
		f.Add(uint8(i), []byte(`{"address":"a","time":1}`))
	}
	f.Fuzz(func(t *testing.T, number uint8, raw []byte) {
		typ := types[int(number)%len(types)]
		c, err := message.ParseContent(typ, raw)
		if err != nil {
			checkRejection(t, err)
			return
		}
		checkContent(t, typ, raw, c)
	})
}

func checkContent(t *testing.T, typ message.Type, raw []byte, c message.Content) {
	t.Helper()
	var standard map[string]any
	if err := json.Unmarshal(raw, &standard); err != nil {
		t.Fatalf("accepted what encoding/json refuses: %v", err)
	}
	message.Tags(typ, c)
	normal, err := message.Normalized(c)
	if err != nil || !json.Valid(normal) {
		t.Fatalf("normalised form %s, %v", normal, err)
	}
	again, err := message.ParseContent(typ, normal)
	if err != nil {
		// The one rule that the normalised form can break: see TestSchemas.
		if bytes.Contains(normal, []byte(`"trusted_execution":{`)) {
			return
		}
		t.Fatalf("normalised form is refused: %v: %s", err, normal)
	}
	if again.Owner() != c.Owner() || again.CreatedAt() != c.CreatedAt() {
		t.Fatalf("normalised form is another content: %s", normal)
	}
}

// Fetched bodies come from anybody. The number chooses the type.
func FuzzParseFetchedContent(f *testing.F) {
	types := message.Types()
	for i, typ := range types {
		seed, err := os.ReadFile(filepath.Join("testdata", "schema", strings.ToLower(string(typ))+".json"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(i), seed)
		f.Add(uint8(i), []byte(` { } `))
	}
	f.Add(uint8(0), []byte(`{"type":"t"}`))
	f.Fuzz(func(t *testing.T, number uint8, raw []byte) {
		m := &message.Message{Type: types[int(number)%len(types)], Sender: "a\"\u2028", Time: 1500000}
		c, err := message.ParseFetchedContent(m, raw)
		if err != nil {
			checkRejection(t, err)
			return
		}
		if _, err := message.ParseContent(m.Type, c.Raw()); err != nil {
			t.Fatalf("raw content is refused: %v: %s", err, c.Raw())
		}
	})
}

func FuzzParseHash(f *testing.F) {
	for _, seed := range []string{
		fileHash, ipfsHash, "bafy" + strings.Repeat("a", 55), strings.Repeat("é", 64), "",
		"Qm" + strings.Repeat("1", 42), "Qm" + strings.Repeat("1", 45), "Qm" + strings.Repeat("0", 44), "Qm" + strings.Repeat("a", 62),
		"bafy" + strings.Repeat("1", 55), "bafk" + strings.Repeat("a", 55), strings.ToUpper(fileHash), fileHash + "0", fileHash[1:],
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		strict, err := message.ParseHash(text)
		loose, looseErr := message.ParseLooseHash(text)
		if err == nil && (looseErr != nil || strict != loose || string(strict) != text) {
			t.Fatalf("strict %q, loose %q, %v", strict, loose, looseErr)
		}
		if looseErr == nil && !loose.Kind().Valid() {
			t.Fatalf("%q has no kind", loose)
		}
		if looseErr != nil && (len(looseErr.Error()) > 1000 || !errors.Is(looseErr, message.ErrInvalid)) {
			t.Fatalf("the error is not for people: %v", looseErr)
		}
	})
}

package message_test

import (
	"encoding/json"
	"strings"
	"testing"

	"aleph/message"
)

// free parses a POST whose content member is the given JSON text, so that the
// text is read by the rules for contents and by nothing else.
func free(text string) error {
	_, err := message.ParseContent(message.TypePost, []byte(`{"address":"a","time":1,"type":"t","content":`+text+`}`))
	return err
}

// The table of strictness. // spec messages 1.8
func TestStrictJSON(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		` {"a" : [ 1 ,2 ] } `:            true,
		"\n\t\r [] ":                     true,
		"\f[]":                           false,
		"\u00a0[]":                       false,
		"\ufeff[]":                       false,
		`1 2`:                            false,
		`"open`:                          false,
		`"open\`:                         false,
		`[1,`:                            false,
		`[1,]`:                           false,
		`[,1]`:                           false,
		`[1 2]`:                          false,
		`{"a":1,}`:                       false,
		`{"a"}`:                          false,
		`{"a":}`:                         false,
		`{a:1}`:                          false,
		`{'a':1}`:                        false,
		`{1:2}`:                          false,
		`{"a":1 "b":2}`:                  false,
		`/**/1`:                          false,
		`NaN`:                            false,
		`Infinity`:                       false,
		`-Infinity`:                      false,
		`nul`:                            false,
		`nulls`:                          false,
		`True`:                           false,
		`{"a":1,"a":{"b":2}}`:            true,
		`18446744073709551616`:           true,
		strings.Repeat("9", 308):         true,
		strings.Repeat("9", 310):         false,
		`1e308`:                          true,
		`1e309`:                          false,
		`-1e999`:                         false,
		`1e-999`:                         true,
		`0.` + strings.Repeat("1", 400):  true,
		`-0`:                             true,
		`01`:                             false,
		`+1`:                             false,
		`1.`:                             false,
		`.5`:                             false,
		`-`:                              false,
		`1e`:                             false,
		`1e+`:                            false,
		`0x1`:                            false,
		`"\ud83d\ude00\uD83D\uDE00"`:     true,
		`"\ud800"`:                       false,
		`"\udc00"`:                       false,
		`"\ud800\u0041"`:                 false,
		`"\ud800\ud800"`:                 false,
		`{"\ud800":1}`:                   false,
		`"\u12"`:                         false,
		`"\u12g4"`:                       false,
		`"\x41"`:                         false,
		`"\"\\\/\b\f\n\r\t"`:             true,
		"\"\x7f\"":                       true,
		"\"\x1f\"":                       false,
		"\"a\nb\"":                       false,
		"\"a\tb\"":                       false,
		"\"\x00\"":                       false,
		"\"\xff\"":                       false,
		"\"\xc0\x80\"":                   false,
		"\"\xed\xa0\x80\"":               false, // a surrogate in UTF-8
		"\"\xf4\x90\x80\x80\"":           false, // beyond Unicode
		nested("[", "]", 1023):           true,  // and the content around them
		nested("[", "]", 1024):           false,
		nested(`{"a":`, "}", 1023):       true,
		nested(`{"a":`, "}", 1024):       false,
		nested("[", "]", 100_000):        false,
		strings.Repeat("[", 100_000):     false,
		strings.Repeat(`{"a":`, 100_000): false,
		`"` + strings.Repeat("x", 1_000_000) + `"`: true,
	} {
		err := free(text)
		if (err == nil) != ok {
			if len(text) > 100 {
				text = text[:100] + "…"
			}
			t.Errorf("%q: %v", text, err)
		}
	}
}

func nested(open, end string, depth int) string {
	return strings.Repeat(open, depth) + "1" + strings.Repeat(end, depth)
}

// The rule about NUL searches the text and does not understand it.
// // spec messages 1.8
func TestNUL(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		`"\u0000"`: false, `"\\u0000"`: false, `{"\u0000":1}`: false, `"\u00001"`: false,
		`"\u0001"`: true, `"u0000"`: true, `"\u000"`: false, `"\\u000"`: true, `"\u0030"`: true,
	} {
		if err := free(text); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// Of duplicate keys the last one counts, whatever was wrong with the others.
// // spec messages 1.8
func TestDuplicateKeys(t *testing.T) {
	t.Parallel()
	c, err := message.ParseContent(message.TypePost,
		[]byte(`{"address":5,"time":"x","type":"t","address":"a","time":2,"\u0061ddress":"b"}`))
	if err != nil {
		t.Fatal(err)
	}
	if c.Owner() != "b" || c.CreatedAt() != 2e6 {
		t.Errorf("address %s, time %v", c.Owner(), c.CreatedAt())
	}
}

func TestStringsAreDecoded(t *testing.T) {
	t.Parallel()
	const text = `"a\"\\\/\b\f\n\r\t\u00e9\ud83c\udf88é🎈"`
	var want string
	if err := json.Unmarshal([]byte(text), &want); err != nil {
		t.Fatal(err)
	}
	c, err := message.ParseContent(message.TypePost, []byte(`{"address":`+text+`,"time":1,"type":"t"}`))
	if err != nil {
		t.Fatal(err)
	}
	if string(c.Owner()) != want {
		t.Errorf("got %q, want %q", c.Owner(), want)
	}
}

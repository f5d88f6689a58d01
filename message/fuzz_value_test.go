package message_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"aleph/message"
)

// FuzzJSON compares the strict reader with the standard library: it must accept
// the same texts but for what the network refuses besides.
// // spec messages 1.8
func FuzzJSON(f *testing.F) {
	for _, seed := range []string{
		`{"a":[1,-2.5e3,"x\n\u00e9\ud83d\ude00",true,false,null,{}]}`, `"\ud800"`, `"\ud83d\u0041"`, `1e400`, `-0`, `01`,
		`{"a":1,"a":2}`, `[` + strings.Repeat("[", 40) + strings.Repeat("]", 41), "\"\x7f\"", "\"\x01\"", "\"\xff\"", ` [ ] `, `1 2`, `"\u0000"`,
		strings.Repeat("9", 310), "0." + strings.Repeat("1", 400),
	} {
		f.Add([]byte(seed))
	}
	surrogate := regexp.MustCompile(`(?i)\\ud[89a-f]`)
	f.Fuzz(func(t *testing.T, raw []byte) {
		whole := slices.Concat([]byte(`{"address":"a","time":1,"type":"t","content":`), raw, []byte("}"))
		_, err := message.ParseContent(message.TypePost, whole)
		if err == nil && (!json.Valid(whole) || !utf8.Valid(whole)) {
			t.Fatal("accepted what encoding/json refuses, or what is not UTF-8")
		}
		if err == nil || !json.Valid(raw) || !utf8.Valid(raw) || surrogate.Match(raw) || bytes.Contains(raw, []byte(`\u0000`)) {
			return
		}
		if deepest(raw) >= 1023 || hugeNumber(raw) {
			return
		}
		t.Fatalf("refused: %v", err)
	})
}

// deepest counts the levels of a text that is JSON.
func deepest(raw []byte) (most int) {
	reader := json.NewDecoder(bytes.NewReader(raw))
	reader.UseNumber()
	for depth := 0; ; {
		token, err := reader.Token()
		if err != nil {
			return most
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
			most = max(most, depth)
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
	}
}

// hugeNumber reports whether a text that is JSON has a number that no double
// holds.
func hugeNumber(raw []byte) bool {
	reader := json.NewDecoder(bytes.NewReader(raw))
	reader.UseNumber()
	for {
		token, err := reader.Token()
		if err != nil {
			return false
		}
		if number, ok := token.(json.Number); ok {
			if _, err := number.Float64(); err != nil {
				return true
			}
		}
	}
}

// FuzzCoerce compares what schemas take in the place of an integer, a boolean
// and a time with the rules as the specification words them.
// // spec messages 1.6, appendix A
func FuzzCoerce(f *testing.F) {
	for _, seed := range []string{
		`2`, `2.0`, `2.5`, `"2"`, `" 2 "`, `"+2"`, `"02"`, `"1_000"`, `"1__0"`, `"2.0"`, `"2.5"`, `"1e3"`, `"0x10"`, `null`, `true`, `false`, `1e2`,
		`"\u00a02"`, `"yes"`, `"OFF"`, `"tRue"`, `0.0`, `-0`, `1.0`, `9223372036`, `9223372036.1`, `-1`, `1e-9`, `18446744073709551616`, `"-0"`, `".0"`, `"1."`, `"_1"`, `{}`, `[]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if !json.Valid(raw) || !utf8.Valid(raw) || free(string(raw)) != nil {
			return // not one value by the rules of FuzzJSON
		}
		var v any
		reader := json.NewDecoder(bytes.NewReader(raw))
		reader.UseNumber()
		if err := reader.Decode(&v); err != nil {
			t.Fatal(err)
		}
		parsed := func(member string) (message.Content, bool) {
			c, err := message.ParseContent(message.TypeProgram, programWith(member, raw))
			if err != nil {
				checkRejection(t, err)
			}
			return c, err == nil
		}
		c, ok := parsed("vcpus")
		number, isInt := wantInt(v)
		if ok != (isInt && number >= 1 && number <= 256) {
			t.Fatalf("vcpus %s: %t, is an integer: %t, %d", raw, ok, isInt, number)
		}
		if ok && int64(c.(*message.Program).Resources.VCPUs) != number {
			t.Fatalf("vcpus %s: read as %d", raw, c.(*message.Program).Resources.VCPUs)
		}
		c, ok = parsed("internet")
		truth, isBool := wantBool(v)
		if ok != isBool || ok && c.(*message.Program).Environment.Internet != truth {
			t.Fatalf("internet %s: %t, want %t %t", raw, ok, isBool, truth)
		}
		c, ok = parsed("time")
		seconds, isTime := wantTime(v)
		if ok != isTime || ok && c.CreatedAt() != message.TimestampFromSeconds(seconds) {
			t.Fatalf("time %s: %t, want %t %v", raw, ok, isTime, seconds)
		}
		envelope := []byte(fmt.Sprintf(`{"item_hash":%q,"sender":"a","chain":"ETH","type":"POST","item_type":"storage","signature":"x","time":%s}`, fileHash, raw))
		if _, err := message.ParseEnvelope(envelope); err != nil {
			checkRejection(t, err)
		} else if _, isNumber := v.(json.Number); !isNumber {
			t.Fatalf("envelope time %s: accepted", raw)
		}
	})
}

// programWith is a PROGRAM in which one member has another value.
func programWith(member string, raw []byte) []byte {
	values := map[string]string{"vcpus": "1", "internet": "true", "time": "1"}
	values[member] = string(raw)
	return fmt.Appendf(nil, `{"address":"a","type":"vm-function","time":%s,"allow_amend":false,"resources":{"vcpus":%s,"memory":128,"seconds":1},`+
		`"environment":{"internet":%s},"code":{"encoding":"zip","entrypoint":"a:b","ref":%q},"runtime":{"ref":%q,"comment":""},"on":{"http":true}}`,
		values["time"], values["vcpus"], values["internet"], fileHash, fileHash)
}

// wantInt reads an integer by the words of appendix A.
func wantInt(v any) (int64, bool) {
	switch v := v.(type) {
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	case json.Number:
		f, err := v.Float64()
		if err != nil || f != math.Trunc(f) || math.Abs(f) >= 1<<62 {
			return 0, false
		}
		return int64(f), true
	case string:
		form := regexp.MustCompile(`^[+-]?([0-9]+(?:_[0-9]+)*)(\.0+)?$`)
		text := strings.TrimFunc(v, unicode.IsSpace)
		parts := form.FindStringSubmatch(text)
		if parts == nil || len(v) > 4300 {
			return 0, false
		}
		number, err := strconv.ParseInt(strings.ReplaceAll(parts[1], "_", ""), 10, 62)
		if strings.HasPrefix(text, "-") {
			number = -number
		}
		return number, err == nil
	}
	return 0, false
}

func wantBool(v any) (truth, ok bool) {
	switch v := v.(type) {
	case bool:
		return v, true
	case json.Number:
		f, err := v.Float64()
		return f == 1, err == nil && (f == 0 || f == 1)
	case string:
		text := strings.ToLower(v)
		truth = slices.Contains([]string{"1", "on", "t", "true", "y", "yes"}, text)
		return truth, truth || slices.Contains([]string{"0", "off", "f", "false", "n", "no"}, text)
	}
	return false, false
}

func wantTime(v any) (float64, bool) {
	switch v := v.(type) {
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	case json.Number:
		f, err := v.Float64()
		return f, err == nil && f >= 0 && f <= 9223372036
	}
	return 0, false
}

// Timestamps survive their wire form, and the form is a number everywhere.
func FuzzTimestamp(f *testing.F) {
	for _, seed := range []float64{0, 1, 1652126646.5008686, -62135596800, 253402300799.999, 0.0000005, 9223372036, 1e-300, 1e300, -0.5, 1.982551962601042e10} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seconds float64) {
		if math.IsNaN(seconds) || math.IsInf(seconds, 0) {
			return // JSON has no such number
		}
		text := message.FormatSeconds(seconds)
		back, err := strconv.ParseFloat(text, 64)
		if err != nil || back != seconds {
			t.Fatalf("%v is printed %s", seconds, text)
		}
		if math.Abs(seconds) > 253402300800 {
			return // outside of the years that messages have
		}
		at := message.TimestampFromSeconds(seconds)
		raw, err := json.Marshal(at)
		if err != nil || !json.Valid(raw) {
			t.Fatalf("%v: %s, %v", seconds, raw, err)
		}
		var again float64
		if err := json.Unmarshal(raw, &again); err != nil || message.TimestampFromSeconds(again) != at {
			t.Fatalf("%v: %d µs, then %s, then %d µs, %v", seconds, at, raw, message.TimestampFromSeconds(again), err)
		}
	})
}

package message_test

import (
	"os"
	"strings"
	"testing"

	"aleph/message"
)

func BenchmarkParseEnvelope(b *testing.B) {
	raw := []byte(posted)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := message.ParseEnvelope(raw); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseContent(b *testing.B) {
	large := `{"address":"a","time":1,"type":"t","content":[` + strings.Repeat(`{"a":"b","c":[1,2.5]},`, 9_000) + `0]}`
	b.Run("POST-200kB", func(b *testing.B) { benchmarkContent(b, message.TypePost, []byte(large)) })
	for _, typ := range message.Types() {
		raw, err := os.ReadFile("testdata/schema/" + strings.ToLower(string(typ)) + ".json")
		if err != nil {
			b.Fatal(err)
		}
		b.Run(string(typ), func(b *testing.B) { benchmarkContent(b, typ, raw) })
	}
}

func benchmarkContent(b *testing.B, typ message.Type, raw []byte) {
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := message.ParseContent(typ, raw); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNormalized(b *testing.B) {
	raw, err := os.ReadFile("testdata/schema/program.json")
	if err != nil {
		b.Fatal(err)
	}
	c, err := message.ParseContent(message.TypeProgram, raw)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := message.Normalized(c); err != nil {
			b.Fatal(err)
		}
	}
}

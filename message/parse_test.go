package message_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aleph/message"
)

// What a body lacks comes from the envelope; what it has stays.
// // spec messages 1.9
func TestParseFetchedContent(t *testing.T) {
	t.Parallel()
	m := &message.Message{Type: message.TypePost, Sender: `0x"A"`, Time: 1646123806500000}
	for body, want := range map[string]string{
		`{"type":"t"}`:                                      `{"type":"t","address":"0x\"A\"","time":1646123806.5}`,
		`{"type":"t","time":1}`:                             `{"type":"t","time":1,"address":"0x\"A\""}`,
		`{"type":"t","address":"b"}`:                        `{"type":"t","address":"b","time":1646123806.5}`,
		"\n" + `{"type":"t","address":"b","time":0}` + "\t": `{"type":"t","address":"b","time":0}`,
		`{"address":null,"type":"t","time":null}`:           `{"address":null,"type":"t","time":null,"address":"0x\"A\"","time":1646123806.5}`,
	} {
		c, err := message.ParseFetchedContent(m, []byte(body))
		if err != nil {
			t.Errorf("%s: %v", body, err)
			continue
		}
		if string(c.Raw()) != want {
			t.Errorf("%s: raw is %s, want %s", body, c.Raw(), want)
		}
	}
	for body, loc := range map[string]string{
		`{}`: "[type]", `[]`: "[]", `null`: "[]", `5`: "[]", `"x"`: "[]",
		`{"type":"t","address":5}`: "[address]", `{"type":"t","time":"1"}`: "[time]",
	} {
		_, err := message.ParseFetchedContent(m, []byte(body))
		if got := onlyLoc(t, err); got != loc {
			t.Errorf("%s: fault at %q, want %q: %v", body, got, loc, err)
		}
	}
	for _, body := range []string{``, `{`, `{"type":"\u0000"}`, "{\"type\":\"\xff\"}", `{"type":"t"} x`} {
		_, err := message.ParseFetchedContent(m, []byte(body))
		if r, ok := errors.AsType[*message.Rejection](err); !ok || r.Code != message.CodeInvalidFormat {
			t.Errorf("%q: %v", body, err)
		}
	}
}

// The details of a rejection have the shape of the network's validator.
// // spec ccn-http-api 2.2, messages 4.6
func TestRejectionDetails(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 300)
	for content, want := range map[string]string{
		`{"address":"a","time":1}`: `{"errors":[{"type":"missing","loc":["type"],"msg":"Field required","input":null}]}`,
		`{"address":"a","time":1,"type":[ 1 ]}`: `{"errors":[{"type":"string_type","loc":["type"],` +
			`"msg":"Input should be a valid string","input":[1]}]}`,
		`{"address":"a","time":1,"type":"t","<x>":"` + long + `"}`: `{"errors":[{"type":"extra_forbidden","loc":["\u003cx\u003e"],` +
			`"msg":"Extra inputs are not permitted","input":"\"` + strings.Repeat("é", 127) + `…"}]}`,
		`{`: `{"errors":["content is not valid JSON: expected a key at byte 1"]}`,
	} {
		_, err := message.ParseContent(message.TypePost, []byte(content))
		r, ok := errors.AsType[*message.Rejection](err)
		if !ok {
			t.Errorf("%s: %v", content, err)
			continue
		}
		if diff := cmp.Diff(want, string(r.Details())); diff != "" {
			t.Errorf("%s: %s", content, diff)
		}
	}
}

// A message full of faults does not make a record full of them.
func TestFaultsAreBounded(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	b.WriteString(`{"address":"a","time":1,"type":"t"`)
	for i := range 10_000 {
		fmt.Fprintf(&b, `,"x%d":%d`, i, i)
	}
	b.WriteString(`}`)
	_, err := message.ParseContent(message.TypePost, b.Bytes())
	r, ok := errors.AsType[*message.Rejection](err)
	if !ok || len(r.Errors) > 100 || len(r.Details()) > 10_000 {
		t.Errorf("%d faults", len(r.Errors))
	}
}

func TestParseContentOfUnknownType(t *testing.T) {
	t.Parallel()
	if _, err := message.ParseContent("post", []byte(`{}`)); err == nil {
		t.Error("accepted")
	}
}

// The values that handlers read are the coerced ones. // spec messages, appendix A
func TestProgramValues(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/schema/program.json")
	if err != nil {
		t.Fatal(err)
	}
	raw = bytes.Replace(raw, []byte(`"vcpus": 1`), []byte(`"vcpus": " +0_2.0 "`), 1)
	c, err := message.ParseContent(message.TypeProgram, raw)
	if err != nil {
		t.Fatal(err)
	}
	const hash = "f524a258d87f1771e8538fd4fd91acdcc527c3b7f138fafd6ff89a5fcf97c3b7"
	got, ok := c.(*message.Program)
	if !ok {
		t.Fatalf("content is %T", c)
	}
	want := &message.Program{
		Executable: message.Executable{
			Metadata:       got.Metadata,
			AuthorizedKeys: []string{"ssh-ed25519 AAAA"},
			Variables:      map[string]string{"A": "b"},
			Resources: message.Resources{
				VCPUs: 2, Memory: 128, Seconds: 30,
				PublishedPorts: []message.PublishedPort{{Protocol: "tcp", Port: 80}},
			},
			Payment: &message.Payment{Type: message.PaymentHold, Chain: "ETH"},
			Requirements: &message.Requirements{
				CPU: &message.CPURequirement{Architecture: "x86_64", Vendor: "AuthenticAMD", Features: []string{"sev"}},
				Node: &message.NodeRequirement{
					Owner: "0xC", AddressRegex: "^https://.*", NodeHash: hash,
					TermsAndConditions: message.Hash(strings.Repeat("1", 64)),
				},
				GPUs: []message.GPURequirement{},
			},
			Volumes: []message.Volume{
				{Kind: message.VolumeImmutable, Comment: "c", Mount: "/a", Ref: hash},
				{Kind: message.VolumeEphemeral, Mount: "/b", SizeMiB: 5},
				{
					Kind: message.VolumePersistent, Mount: "/c", SizeMiB: 100, Persistence: "host", Name: "n", HasName: true,
					Parent: &message.Parent{Ref: hash, UseLatest: true},
				},
			},
			Replaces: hash, HasReplaces: true,
		},
		Environment: message.Environment{Internet: true},
		Code: message.ProgramCode{
			Encoding: message.EncodingZip, Entrypoint: "main:app", Ref: hash, Interface: "asgi", Args: []string{"a"},
		},
		Runtime: message.ProgramRuntime{Ref: message.Hash(strings.Repeat("1", 64)), UseLatest: true, Comment: "x"},
		Data:    &message.ProgramData{Encoding: message.EncodingZip, Mount: "/data", Ref: hash},
		Export:  &message.ProgramExport{Encoding: message.EncodingZip, Mount: "/out"},
		On:      message.Trigger{HTTP: true, Message: got.On.Message},
	}
	want.Base = got.Base
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(message.Base{})); diff != "" {
		t.Error(diff)
	}
	if got.Owner() != "0x9319Ad3B7A8E0eE24f2E639c40D8eD124C5520Ba" || got.CreatedAt() != 1619017773500000 {
		t.Errorf("base %v", got.Base)
	}
	if len(got.On.Message) != 1 || !json.Valid(got.On.Message[0]) {
		t.Errorf("subscriptions %s", got.On.Message)
	}
}

// Normalised contents are compact and in the order of the table.
// // spec ccn-http-api 3.2
func TestNormalizedOrder(t *testing.T) {
	t.Parallel()
	for typ, want := range map[message.Type]string{
		message.TypePost:      `{"address":"0xA","time":1646123806.5,"content":{"title":"Hi","tags":["a"]},"ref":"H","type":"amend"}`,
		message.TypeAggregate: `{"address":"0xA","time":1646123806.5,"key":"profile","content":{"name":"Alice","bio":null}}`,
		message.TypeStore: `{"address":"0xA","time":1646123806.5,"item_type":"ipfs","item_hash":"QmXNHbWRJEGxhhkyhyMYEJ5sqpYi6p3Qb4wPnTn6Zg5P9j",` +
			`"size":10,"content_type":"text/plain","ref":"my-avatar","metadata":{"a":null},"payment":{"chain":"ETH","receiver":"x","type":"credit"}}`,
		message.TypeForget: `{"address":"0xA","time":1646123806.5,"hashes":["H","QmXNHbWRJEGxhhkyhyMYEJ5sqpYi6p3Qb4wPnTn6Zg5P9j"],"aggregates":[],"reason":"obsolete"}`,
	} {
		raw, err := os.ReadFile("testdata/schema/" + strings.ToLower(string(typ)) + ".json")
		if err != nil {
			t.Fatal(err)
		}
		c, err := message.ParseContent(typ, raw)
		if err != nil {
			t.Fatal(err)
		}
		got, err := message.Normalized(c)
		if err != nil {
			t.Fatal(err)
		}
		short := strings.ReplaceAll(string(got), "f524a258d87f1771e8538fd4fd91acdcc527c3b7f138fafd6ff89a5fcf97c3b7", "H")
		if diff := cmp.Diff(want, short); diff != "" {
			t.Errorf("%s: %s", typ, diff)
		}
	}
	if _, err := message.Normalized(&message.Post{}); !errors.Is(err, message.ErrInvalid) {
		t.Errorf("normalised a content that was never parsed: %v", err)
	}
}

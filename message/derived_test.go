package message_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"aleph/message"
)

// // spec messages 3.13
func TestDerivedOf(t *testing.T) {
	t.Parallel()
	const hash = "f524a258d87f1771e8538fd4fd91acdcc527c3b7f138fafd6ff89a5fcf97c3b7"
	const exe = `"address":"a","time":1,"allow_amend":false,"environment":{},"resources":{}`
	const program = `{` + exe + `,"type":"vm-function","on":{"http":true},"runtime":{"ref":"` + hash + `","comment":""},` +
		`"code":{"encoding":"zip","entrypoint":"x","ref":"` + hash + `"},"metadata":`
	const store = `{"address":"a","time":1,"item_type":"storage","item_hash":"` + hash + `"`
	for _, test := range []struct {
		typ     message.Type
		content string
		want    message.Derived
	}{
		{message.TypePost, `{"address":"a","time":1,"type":"blog"}`, message.Derived{Owner: "a", ContentType: "blog"}},
		{
			message.TypePost, `{"address":"a","time":1,"type":"amend","ref":"r","content":{"tags":["x",5,null,"y",["z"]]}}`,
			message.Derived{Owner: "a", ContentType: "amend", ContentRef: "r", Tags: []string{"x", "y"}},
		},
		{message.TypePost, `{"address":"a","time":1,"type":"t","content":{"tags":"x"}}`, message.Derived{Owner: "a", ContentType: "t"}},
		{message.TypePost, `{"address":"a","time":1,"type":"t","content":{"tags":[]}}`, message.Derived{Owner: "a", ContentType: "t"}},
		{message.TypePost, `{"address":"a","time":1,"type":"t","content":{"tags":[1]}}`, message.Derived{Owner: "a", ContentType: "t"}},
		{message.TypePost, `{"address":"a","time":1,"type":"t","content":["tags"]}`, message.Derived{Owner: "a", ContentType: "t"}},
		{
			message.TypeAggregate, `{"address":"a","time":1,"key":"k","content":{"tags":["x"]}}`,
			message.Derived{Owner: "a", ContentKey: "k", Tags: []string{"x"}},
		},
		{message.TypeStore, store + `}`, message.Derived{Owner: "a", ContentItemHash: hash}},
		{
			message.TypeStore, store + `,"ref":"r","tags":["x"],"type":"picture","key":"k","payment":{"type":"credit"},"metadata":{"tags":["y"]}}`,
			message.Derived{Owner: "a", ContentItemHash: hash, ContentRef: "r", ContentType: "picture", ContentKey: "k", PaymentType: "credit", Tags: []string{"x"}},
		},
		{message.TypeStore, store + `,"type":5,"key":{"name":"k"},"tags":"x"}`, message.Derived{Owner: "a", ContentItemHash: hash}},
		{message.TypeForget, `{"address":"a","time":1,"hashes":[],"reason":"tags"}`, message.Derived{Owner: "a"}},
		{message.TypeProgram, program + `null}`, message.Derived{Owner: "a", ContentType: "vm-function"}},
		{
			message.TypeProgram, program + `{"tags":["x"]},"payment":{"type":"hold"}}`,
			message.Derived{Owner: "a", ContentType: "vm-function", PaymentType: "hold", Tags: []string{"x"}},
		},
		{
			message.TypeInstance, `{` + exe + `,"rootfs":{"parent":{"ref":"` + hash + `"},"persistence":"host","size_mib":1},` +
				`"payment":{"type":"superfluid"},"metadata":{"tags":["x"]}}`,
			message.Derived{Owner: "a", PaymentType: "superfluid", Tags: []string{"x"}},
		},
	} {
		c, err := message.ParseContent(test.typ, []byte(test.content))
		if err != nil {
			t.Errorf("%s: %v", test.content, err)
			continue
		}
		if diff := cmp.Diff(test.want, message.DerivedOf(&message.Message{Type: test.typ, Content: c})); diff != "" {
			t.Errorf("%s: %s", test.content, diff)
		}
	}
	if diff := cmp.Diff(message.Derived{}, message.DerivedOf(&message.Message{Type: message.TypePost})); diff != "" {
		t.Errorf("without content: %s", diff)
	}
}

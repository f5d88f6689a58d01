package message_test

import (
	"errors"
	"fmt"

	"aleph/message"
)

func ExampleParseEnvelope() {
	m, err := message.ParseEnvelope([]byte(`{
		"sender": "0xA07B1214bAe0D5ccAA25449C3149c0aC83658874", "chain": "ETH", "type": "POST",
		"time": 1730410918.5, "channel": "TEST", "signature": "0x…",
		"item_hash": "54cb19600acc92a2a42db891e911333ebb7d2817bf882886a3d30f5aae42040c",
		"item_content": "{\"address\":\"0xA07B\",\"time\":1730410918.5,\"type\":\"blog\",\"content\":{\"title\":\"Hi\"}}"
	}`))
	if rejection, ok := errors.AsType[*message.Rejection](err); ok {
		fmt.Println(rejection)
		return
	}
	post := m.Content.(*message.Post)
	fmt.Println(m.ItemType, post.Owner(), post.Type, string(post.Content))
	// Output:
	// inline 0xA07B blog {"title":"Hi"}
}

// A rejection carries what the network answers about it.
func ExampleParseContent() {
	_, err := message.ParseContent(message.TypeAggregate, []byte(`{"address":"0xA07B","time":-1,"key":5,"content":{}}`))
	rejection, ok := errors.AsType[*message.Rejection](err)
	if !ok {
		return
	}
	fmt.Println(rejection.Code, int(rejection.Code), rejection.Code.Retry())
	for _, fault := range rejection.Errors {
		fmt.Println(fault)
	}
	// Output:
	// INVALID_FORMAT 0 false
	// time: Input should be greater than or equal to 0
	// key: Input should be a valid string
}

// The body of a storage message may leave out what its envelope says.
func ExampleParseFetchedContent() {
	m := &message.Message{Type: message.TypePost, Sender: "0xA07B", Time: 1730410918500000}
	c, err := message.ParseFetchedContent(m, []byte(`{"type":"blog","content":"Hi"}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c.Owner(), c.CreatedAt().Time())
	fmt.Println(string(c.Raw()))
	// Output:
	// 0xA07B 2024-10-31 21:41:58.5 +0000 UTC
	// {"type":"blog","content":"Hi","address":"0xA07B","time":1730410918.5}
}

func ExampleNormalized() {
	c, err := message.ParseContent(message.TypePost, []byte(`{ "type": "blog", "time": 1, "address": "0xA07B" }`))
	if err != nil {
		fmt.Println(err)
		return
	}
	normal, err := message.Normalized(c)
	fmt.Println(string(normal), err)
	// Output:
	// {"address":"0xA07B","time":1.0,"content":null,"ref":null,"type":"blog"} <nil>
}

func ExampleDerivedOf() {
	c, err := message.ParseContent(message.TypePost,
		[]byte(`{"address":"0xA07B","time":1,"type":"blog","content":{"tags":["go",7]}}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	d := message.DerivedOf(&message.Message{Type: message.TypePost, Content: c})
	fmt.Println(d.Owner, d.ContentType, d.Tags)
	// Output:
	// 0xA07B blog [go]
}

// A network of one's own keeps the rules and changes who has a say.
func ExampleNetwork_GovernedBy() {
	local := message.PublicNetwork().GovernedBy("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266")
	local.Name = "local"
	fmt.Println(local.Name, local.Topic, local.Authorities.Settings, local.Cutoffs.CreditOnly.Time().Year())
	// Output:
	// local ALEPH-TEST 0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266 2027
}

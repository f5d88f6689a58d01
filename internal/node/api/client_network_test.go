package api_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aleph/client"
	"aleph/message"
)

// The SDK reads what the routes about addresses, authorizations and files answer.
func TestClientReadsAddresses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice, bob := message.Address(w.names["alice"]), message.Address(w.names["bob"])
	grant := signed(t, key(t, "1"), message.TypeAggregate, "TEST", 1767250100,
		`"key":"security","content":{"authorizations":[{"address":"`+string(bob)+`","types":["POST"]},{"address":"another"}]}`)
	if r := w.publish(t, grant); r.StatusCode != http.StatusOK {
		t.Fatalf("publish: %d %s", r.StatusCode, r.body)
	}
	c, err := client.New(client.Config{API: w.URL, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	ctx := t.Context()

	granted, total, err := c.Granted(ctx, alice, 1, 1)
	if err != nil || total != 2 || len(granted) != 1 || granted[0].Address != bob || string(granted[0].Entries[0]) != `{"types": ["POST"]}` {
		t.Errorf("granted: %+v %d %v", granted, total, err)
	}
	received, total, err := c.Received(ctx, "another", 0, 0)
	if err != nil || total != 1 || len(received) != 1 || received[0].Address != alice || string(received[0].Entries[0]) != `{}` {
		t.Errorf("received: %+v %d %v", received, total, err)
	}
	if received, total, err = c.Received(ctx, alice, 0, 0); err != nil || total != 0 || len(received) != 0 || received == nil {
		t.Errorf("nothing received: %+v %d %v", received, total, err)
	}
	totals, err := c.Totals(ctx, bob, "0xNobody")
	if want := map[message.Address]client.SenderTotals{bob: {Messages: 4, Aggregate: 1, Forget: 1, Post: 1, Store: 1}}; err != nil || !cmp.Equal(totals, want) {
		t.Errorf("totals: %+v %v", totals, err)
	}
	types, err := c.PostTypes(ctx, alice)
	if err != nil || !cmp.Equal(types, []string{"amend", "blog", "test"}) {
		t.Errorf("post types: %v %v", types, err)
	}
	channels, err := c.ChannelsOf(ctx, alice)
	if err != nil || !cmp.Equal(channels, []string{"OTHER", "TEST"}) {
		t.Errorf("channels of an address: %v %v", channels, err)
	}
	if channels, err = c.Channels(ctx); err != nil || !cmp.Equal(channels, []string{"OTHER", "TEST"}) {
		t.Errorf("channels: %v %v", channels, err)
	}
	programs, err := c.TriggeredPrograms(ctx)
	if err != nil || len(programs) != 1 || programs[0].Message != w.messages["prog"].ItemHash || string(programs[0].Triggers[0]) != `{"channel": "TEST"}` {
		t.Errorf("programs: %+v %v", programs, err)
	}
	file := message.Hash(w.names["f1"])
	if info, err := c.FileMetadata(ctx, file); err != nil || *info != (client.FileMetadata{File: file, Type: "file", Size: 13}) {
		t.Errorf("metadata: %+v %v", info, err)
	}
	if n, err := c.PinCount(ctx, file); err != nil || n < 2 {
		t.Errorf("pins: %d %v", n, err)
	}
	if n, err := c.PinCount(ctx, message.HashOf(nil)); err != nil || n != 0 {
		t.Errorf("pins of an unknown file: %d %v", n, err)
	}
	if _, err := c.NodeMetrics(ctx, client.CoreNode, "nobody", time.Time{}); !errors.Is(err, message.ErrNotFound) {
		t.Errorf("measurements of an unknown node: %v", err)
	}
}

package compute_test

import (
	"testing"

	"aleph/message"
)

// TestGrants asks who may operate the machines of an owner who delegates, and
// then no longer does. The host learns of both by messages, long before what
// it remembers is too old.
func TestGrants(t *testing.T) {
	t.Parallel()
	const helper = message.Address("0x9319Ad3B7A8E0eE24f2E639c40D8eD124C5520Ba")
	c := start(t, nil)
	may := func() bool { return c.host.MayOperate(t.Context(), owner, helper) }
	delegate := func(authorizations ...any) message.Hash {
		security := map[string]any{"authorizations": authorizations}
		c.node.setAggregate(owner, "security", security)
		return c.node.publish(message.TypeAggregate, map[string]any{"key": "security", "content": security})
	}
	if may() {
		t.Error("a stranger may operate")
	}
	delegate(map[string]any{"address": helper, "types": []string{"INSTANCE"}})
	waitFor(t, "the right of the helper", may)
	delegate(map[string]any{"address": helper, "types": []string{"POST"}})
	waitFor(t, "the end of the right", func() bool { return !may() })
	newest := delegate(map[string]any{"address": helper})
	waitFor(t, "the right of the helper", may)
	c.node.setAggregate(owner, "security", map[string]any{})
	c.node.forget(newest)
	waitFor(t, "the end of the right by a FORGET", func() bool { return !may() })
}

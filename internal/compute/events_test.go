package compute_test

import (
	"testing"

	"aleph/message"
)

// TestTrigger publishes a program that listens, and a message for it.
func TestTrigger(t *testing.T) {
	t.Parallel()
	c := start(t, nil)
	listens := func(name string, subscriptions ...any) message.Hash {
		return c.program(func(content map[string]any) {
			set("variables", "NAME", name)(content)
			set("on", "message", subscriptions)(content)
		})
	}
	want := listens("one", map[string]any{"channel": "TEST", "content": map[string]any{"type": "wanted"}})
	listens("two", map[string]any{"channel": "OTHER"})
	listens("three", map[string]any{"channel": 5})
	waitFor(t, "the run", func() bool {
		c.node.publish(message.TypePost, map[string]any{"type": "wanted", "content": map[string]any{"a": 1}})
		return len(c.host.Executions()) > 0
	})
	c.node.publish(message.TypePost, map[string]any{"type": "other", "content": map[string]any{"a": 1}})
	if got := c.host.Executions(); len(got) != 1 || got[0].Hash != want {
		t.Errorf("executions %v, want only %s", got, want)
	}
}

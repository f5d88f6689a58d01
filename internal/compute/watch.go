package compute

import (
	"context"
	"slices"

	"aleph/client"
	"aleph/message"
)

// watch follows the messages of the network and ends the machines whose
// message is forgotten or whose code is updated. The next call starts the
// function anew with what is current. Delegations that changed are forgotten
// too. // spec crn 2.7
func (h *Host) watch(ctx context.Context) {
	filter := client.WatchFilter{Patient: true}
	filter.Types = []message.Type{message.TypeProgram, message.TypeStore, message.TypeForget, message.TypeAggregate}
	for m, err := range h.client.Watch(ctx, filter) {
		if err != nil {
			if ctx.Err() == nil {
				h.log.Error("the node refuses to let messages be watched: updated and forgotten functions stay as they are until they are idle", "error", err)
			}
			return
		}
		h.events.note(m.Message)
		h.grants.note(m.Message)
		for _, f := range h.touched(m.Message) {
			h.log.InfoContext(ctx, "stop a function whose message or content changed",
				"vm_hash", f.hash, "item_hash", m.ItemHash, "type", m.Type)
			h.background.Go(func() { f.stop(context.WithoutCancel(ctx)) })
		}
	}
}

// touched lists the functions that a message makes old.
func (h *Host) touched(m *message.Message) []*function {
	var refs []message.Hash
	switch content := m.Content.(type) {
	case *message.Forget:
		refs = content.Hashes
	case *message.Store:
		if content.Ref == "" {
			return nil
		}
		refs = []message.Hash{message.Hash(content.Ref)}
	default:
		return nil
	}
	var old []*function
	for _, f := range h.all() {
		if slices.ContainsFunc(refs, f.concerns) {
			old = append(old, f)
		}
	}
	return old
}

// concerns reports whether a change of ref concerns the function: it is its
// message or content, or the function failed to start and may not any more.
func (f *function) concerns(ref message.Hash) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if ref == f.hash || f.failure != nil {
		return true
	}
	if f.current == nil {
		return false
	}
	_, watched := f.current.plan.watched[ref]
	return watched
}

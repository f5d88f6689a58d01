package corpus

import (
	"fmt"

	"aleph/message"
)

// races is what the kinds remember whose outcome depends on order.
type races struct {
	forgets pool[message.Hash] // FORGETs that were processed
	revoked revocation
	doomed  []*doomedKey
}

// revocation is the story of one delegate.
type revocation struct {
	owner, delegate *person
	granted, ended  int // lines; 0 before
	count           int
}

// revoke goes on with a story: an owner lets somebody act, who does; the owner
// ends it, and the delegate is refused. Every step waits until the one before is
// decided.
func (p *planner) revoke() bool {
	s := &p.races.revoked
	w := p.header.Window
	entries := func(list ...any) map[string]any {
		return map[string]any{"key": "security", "content": map[string]any{"authorizations": list}}
	}
	act := func() *item {
		return p.write(s.delegate, message.TypePost, map[string]any{"address": s.owner.address(), "type": "chat", "content": p.document()})
	}
	switch {
	case s.owner == nil:
		owner, err := newKey(p.opts.Seed, message.ChainEthereum, fmt.Sprint("revoker ", s.count))
		if err != nil {
			p.err = err
			return false
		}
		s.owner, s.delegate = &person{Account: owner, channel: channels[0]}, p.crowd.stranger()
		p.send(p.write(s.owner, message.TypeAggregate, entries(map[string]any{"address": s.delegate.address()})))
		s.granted = p.line
	case s.ended > 0 && p.line-s.ended > 6*w:
		*s = revocation{count: s.count + 1}
		return false
	case s.ended > 0 && p.old(s.ended):
		p.send(act().refused(message.CodePermissionDenied))
	case s.ended > 0:
		return false
	case p.line-s.granted > 11*w:
		p.send(p.write(s.owner, message.TypeAggregate, entries()))
		s.ended = p.line
	case p.line-s.granted > 6*w, !p.old(s.granted):
		return false
	default:
		p.send(act())
	}
	return true
}

// blocked emits a FORGET of a file that a machine uses.
func (p *planner) blocked() bool {
	vm, _, ok := p.vms.pick(p.r, func(e *vmEntry) bool { return e.code != nil && !e.locked && p.old(e.line) })
	if !ok {
		return false
	}
	vm.locked = true
	p.send(p.newForget(vm.code.owner, vm.code.hash).refused(message.CodeForgetNotAllowed))
	return true
}

// cascade emits a FORGET of a post that does not name the amends.
func (p *planner) cascade() bool {
	e, ok := p.posts.take(p.r, func(e *postEntry) bool { return len(e.amends) > 0 && !e.locked && p.old(e.line) })
	if !ok {
		return false
	}
	p.forgotten(1 + len(e.amends))
	p.send(p.newForget(e.owner, e.hash))
	return true
}

// doomedKey is an aggregate that will be forgotten as a whole.
type doomedKey struct {
	owner *person
	key   message.Hash
	line  int
}

// mostDoomed aggregates wait to be forgotten.
const mostDoomed = 64

// forgetKey emits a FORGET of an aggregate, or makes one to be forgotten. Only
// keys that look like hashes can be named. // spec messages 3.7
func (p *planner) forgetKey() bool {
	doomed := &p.races.doomed
	if len(*doomed) > 0 && p.old((*doomed)[0].line) {
		d := (*doomed)[0]
		*doomed = (*doomed)[1:]
		p.forgotten(2)
		p.send(p.write(d.owner, message.TypeForget, map[string]any{"hashes": []any{}, "aggregates": []message.Hash{d.key}}))
		return true
	}
	if len(*doomed) >= mostDoomed {
		return false
	}
	d := &doomedKey{owner: p.crowd.anyone(), key: message.HashOf(fmt.Append(nil, p.r.Uint64()))}
	for range 2 {
		p.send(p.write(d.owner, message.TypeAggregate, map[string]any{"key": d.key, "content": p.members()}))
	}
	d.line = p.line
	*doomed = append(*doomed, d)
	return true
}

// transfer emits a transfer of credits. Each account has its turn, so that what
// it has left does not depend on what else is in work.
func (p *planner) transfer() bool {
	from, to := p.turn(), p.turn()
	if from == nil || to == nil {
		return false
	}
	p.send(p.onCreditChannel(p.write(from, message.TypePost, map[string]any{
		"type": "aleph_credit_transfer",
		"content": map[string]any{"transfer": map[string]any{"credits": []any{
			map[string]any{"address": to.address(), "amount": 1 + p.r.IntN(1_000_000), "expiration": 4_102_444_800_000},
		}}},
	})))
	from.touched, to.touched = p.line, p.line
	return true
}

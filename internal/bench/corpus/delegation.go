package corpus

import (
	"aleph/message"
)

// delegation lets somebody act for an owner.
type delegation struct {
	owner, delegate *person
	rule            rule
	channel         string
}

// rule is what a delegate may do. // spec messages 5.2
type rule int

const (
	ruleAll     rule = iota // everything
	rulePosts               // POSTs
	ruleChannel             // on one channel
	ruleBlog                // POSTs of type blog
	ruleProfile             // the aggregate profile
	ruleChain               // with the delegate's chain
	rules                   // how many there are
)

// authorize publishes who may act for whom, once and for all. The busiest
// accounts are among the owners.
func (p *planner) authorize() {
	owners := min(max(len(p.crowd.people)/12, 6), 400)
	if room := p.opts.Messages/4 - p.line; owners > room {
		owners = max(room, 0)
	}
	for i := range owners {
		owner := p.crowd.people[i*2]
		owner.delegates = true
	}
	for i := range owners {
		owner := p.crowd.people[i*2]
		var entries []any
		for range 1 + p.r.IntN(2) {
			d := &delegation{owner: owner, delegate: p.crowd.stranger(owner), rule: rule(i) % rules, channel: channels[p.r.IntN(len(channels))]}
			if p.delegateOf(owner, d.delegate) {
				continue
			}
			p.delegates = append(p.delegates, d)
			entries = append(entries, d.entry())
		}
		p.send(p.write(owner, message.TypeAggregate, map[string]any{
			"key": "security", "content": map[string]any{"authorizations": entries},
		}))
	}
}

// delegateOf reports whether somebody acts for an owner already.
func (p *planner) delegateOf(owner, who *person) bool {
	for i := len(p.delegates) - 1; i >= 0 && p.delegates[i].owner == owner; i-- {
		if p.delegates[i].delegate == who {
			return true
		}
	}
	return false
}

// entry is the delegation as the owner writes it.
func (d *delegation) entry() map[string]any {
	e := map[string]any{"address": d.delegate.address()}
	switch d.rule {
	case rulePosts:
		e["types"] = []string{"POST"}
	case ruleChannel:
		e["channels"] = []string{d.channel}
	case ruleBlog:
		e["types"], e["post_types"] = []string{"POST"}, []string{"blog"}
	case ruleProfile:
		e["types"], e["aggregate_keys"] = []string{"AGGREGATE"}, []string{"profile"}
	case ruleChain:
		e["chain"] = d.delegate.Chain()
	case ruleAll, rules:
	}
	return e
}

// delegated emits a message by a delegate who may.
func (p *planner) delegated() bool {
	d, ok := p.anyDelegation()
	if !ok {
		return false
	}
	if d.rule == ruleAll && p.chance(3) {
		of, _, ok := p.posts.pick(p.r, func(e *postEntry) bool { return e.owner == d.owner && len(e.amends) < mostAmends })
		if ok {
			p.sendAmend(of, d.delegate)
			return true
		}
	}
	it := p.send(p.delegatedMessage(d, true))
	switch it.m.Type {
	case message.TypePost:
		p.posts.add(p.r, &postEntry{hash: it.m.ItemHash, owner: d.owner, by: d.delegate, line: p.line})
	case message.TypeAggregate:
		p.parts.add(p.r, &elementEntry{it.m.ItemHash, d.owner})
	default: // nothing refers to it
	}
	return true
}

func (p *planner) anyDelegation() (*delegation, bool) {
	if len(p.delegates) == 0 {
		return nil, false
	}
	return p.delegates[min(p.r.IntN(len(p.delegates)), p.r.IntN(len(p.delegates)))], true
}

// delegatedMessage makes a message that the delegate may send, or may not.
func (p *planner) delegatedMessage(d *delegation, may bool) *item {
	typ, content := message.TypePost, map[string]any{"type": "blog", "content": p.document()}
	switch {
	case !may && (d.rule == rulePosts || d.rule == ruleBlog):
		typ, content = message.TypeAggregate, map[string]any{"key": "profile", "content": p.members()}
	case !may && d.rule == ruleChannel: // the channel tells
	case may && d.rule == ruleProfile:
		typ, content = message.TypeAggregate, map[string]any{"key": "profile", "content": p.members()}
	case may && d.rule == ruleAll && p.chance(2):
		typ, content = message.TypeAggregate, map[string]any{"key": p.key(), "content": p.members()}
	}
	content["address"] = d.owner.address()
	it := p.write(d.delegate, typ, content)
	if d.rule == ruleChannel {
		channel := d.channel
		if !may {
			channel = "elsewhere"
		}
		it.m.Channel = &channel
	}
	if !may {
		it.refused(message.CodePermissionDenied)
	}
	return it
}

package corpus

import (
	"fmt"

	"aleph/message"
)

// postEntry is a post that others may refer to.
type postEntry struct {
	hash      message.Hash
	owner, by *person
	amends    []message.Hash
	line      int // of the latest of its messages
	locked    bool
}

func (p *planner) document() map[string]any {
	content := map[string]any{"title": p.sentence(4), "body": p.sentence(10 << min(p.r.IntN(5), p.r.IntN(5)))}
	if tags := p.tags(); tags != nil {
		content["tags"] = tags
	}
	return content
}

// newPost makes a post of somebody.
func (p *planner) newPost() (*item, *postEntry) {
	who := p.crowd.anyone()
	content := map[string]any{"type": postTypes[p.types.Uint64()], "content": p.document()}
	switch p.r.IntN(12) {
	case 0:
		content["ref"] = fmt.Sprint("topic-", p.r.IntN(50))
	case 1:
		if other, _, ok := p.posts.pick(p.r, anyPost); ok {
			content["type"], content["ref"] = "comment", other.hash
		}
	case 2:
		content["content"] = p.r.IntN(1000)
	}
	it := p.write(who, message.TypePost, content)
	return it, &postEntry{hash: it.m.ItemHash, owner: who, by: who}
}

func anyPost(*postEntry) bool { return true }

// post emits a post. There is always one to make.
func (p *planner) post() bool {
	it, entry := p.newPost()
	p.send(it)
	entry.line = p.line
	p.posts.add(p.r, entry)
	return true
}

// mostAmends of one post are made.
const mostAmends = 6

func (p *planner) newAmend(of *postEntry, by *person) *item {
	return p.write(by, message.TypePost, map[string]any{
		"address": of.owner.address(), "type": "amend", "ref": of.hash, "content": p.document(),
	})
}

// amend emits an amend of a post, by its owner.
func (p *planner) amend() bool {
	of, _, ok := p.posts.pick(p.r, func(e *postEntry) bool { return len(e.amends) < mostAmends })
	if !ok {
		return false
	}
	p.sendAmend(of, of.owner)
	return true
}

func (p *planner) sendAmend(of *postEntry, by *person) {
	it := p.send(p.newAmend(of, by))
	of.amends, of.line = append(of.amends, it.m.ItemHash), p.line
}

// elementEntry is an element of an aggregate.
type elementEntry struct {
	hash  message.Hash
	owner *person
}

func (p *planner) key() string { return aggregateKeys[p.keys.Uint64()] }

// members makes the content of an aggregate element.
func (p *planner) members() map[string]any {
	content := map[string]any{}
	for range 1 + p.r.IntN(4) {
		name := fmt.Sprint("m", min(p.r.IntN(40), p.r.IntN(40)))
		switch p.r.IntN(6) {
		case 0:
			content[name] = nil
		case 1:
			content[name] = map[string]any{"text": p.sentence(5), "list": []int{p.r.IntN(9), p.r.IntN(9)}}
		case 2:
			content[name] = p.sentence(12)
		default:
			content[name] = p.r.IntN(100_000)
		}
	}
	if tags := p.tags(); tags != nil && p.chance(3) {
		content["tags"] = tags
	}
	return content
}

// aggregate emits an element, or two of the same time. The busiest owners
// update the same few keys.
func (p *planner) aggregate() bool {
	who, key := p.crowd.anyone(), p.key()
	for i := range 1 + p.r.IntN(20)/19 {
		p.twins = i > 0
		it := p.send(p.write(who, message.TypeAggregate, map[string]any{"key": key, "content": p.members()}))
		p.parts.add(p.r, &elementEntry{it.m.ItemHash, who})
	}
	p.twins = false
	return true
}

// storage emits a message whose content is a file that is there before.
func (p *planner) storage() bool {
	if p.chance(3) {
		who := p.crowd.anyone()
		p.send(p.write(who, message.TypeAggregate, map[string]any{"key": p.key(), "content": p.members()}).outside())
		return true
	}
	it, entry := p.newPost()
	p.send(it.outside())
	entry.line = p.line
	p.posts.add(p.r, entry)
	return true
}

// copied emits an earlier message again.
func (p *planner) copied() bool {
	it, _, ok := p.sent.pick(p.r, func(*item) bool { return true })
	if !ok {
		return false
	}
	p.line++
	p.header.Copies++
	p.batch.messages++
	p.push(it)
	return true
}

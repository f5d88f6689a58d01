package corpus

import (
	"slices"

	"aleph/message"
)

// newForget makes a FORGET. It names all that it takes away, so that it waits
// for all of it.
func (p *planner) newForget(by *person, hashes ...message.Hash) *item {
	p.r.Shuffle(len(hashes), func(i, j int) { hashes[i], hashes[j] = hashes[j], hashes[i] })
	content := map[string]any{"hashes": hashes}
	if p.chance(2) {
		content["reason"] = p.sentence(4)
	}
	return p.write(by, message.TypeForget, content)
}

// forget emits a FORGET of something, which then nothing else refers to.
func (p *planner) forget() bool {
	owner, hashes := p.victims()
	if len(hashes) == 0 {
		return false
	}
	by := owner
	if d, ok := p.unrestricted(owner); ok && p.chance(3) {
		by = d
	}
	it := p.newForget(by, hashes...)
	p.forgotten(len(hashes))
	p.send(it)
	p.races.forgets.add(p.r, it.m.ItemHash)
	return true
}

// unrestricted returns somebody who may do everything for an owner.
func (p *planner) unrestricted(owner *person) (*person, bool) {
	if !owner.delegates {
		return nil, false
	}
	for _, d := range p.delegates {
		if d.owner == owner && d.rule == ruleAll {
			return d.delegate, true
		}
	}
	return nil, false
}

// victims returns messages of one owner that can be forgotten together.
func (p *planner) victims() (*person, []message.Hash) {
	switch n := p.r.IntN(20); {
	case n < 10:
		if e, ok := p.posts.take(p.r, func(e *postEntry) bool { return !e.locked }); ok {
			return e.owner, append([]message.Hash{e.hash}, e.amends...)
		}
	case n < 13: // the newest or any other amend of a post, which then stays
		e, _, ok := p.posts.pick(p.r, func(e *postEntry) bool { return len(e.amends) > 0 && !e.locked })
		if ok {
			i := max(p.r.IntN(len(e.amends)), p.r.IntN(len(e.amends)))
			hash := e.amends[i]
			e.amends, e.locked = slices.Delete(e.amends, i, i+1), true
			return e.owner, []message.Hash{hash}
		}
	case n < 16:
		if e, ok := p.parts.take(p.r, func(*elementEntry) bool { return true }); ok {
			return e.owner, []message.Hash{e.hash}
		}
	case n < 19:
		if e, ok := p.stores.take(p.r, func(e *storeEntry) bool { return !e.used && !e.locked }); ok {
			return e.owner, append([]message.Hash{e.hash}, e.revisions...)
		}
	default:
		if e, ok := p.vms.take(p.r, func(e *vmEntry) bool { return !e.locked }); ok {
			return e.owner, []message.Hash{e.hash}
		}
	}
	return nil, nil
}

// late emits a message before what it needs.
func (p *planner) late() bool {
	switch p.r.IntN(5) {
	case 0: // an amend before its original
		it, entry := p.newPost()
		p.send(p.newAmend(entry, entry.owner))
		p.hold(it)
	case 1: // a STORE before its file
		who := p.crowd.anyone()
		data := p.bytes()
		p.send(p.write(who, message.TypeStore, map[string]any{"item_type": "storage", "item_hash": message.HashOf(data)}))
		p.hold(&item{file: data})
	case 2: // a message before its content
		it, _ := p.newPost()
		it.outside()
		p.sendAlone(it)
		p.hold(&item{file: it.body})
	case 3: // a FORGET before its target
		it, entry := p.newPost()
		p.send(p.newForget(entry.owner, entry.hash))
		p.forgotten(1)
		p.hold(it)
	case 4: // a machine before its code
		who := p.crowd.anyone()
		data := p.bytes()
		p.sendFile(data)
		code := p.write(who, message.TypeStore, map[string]any{"item_type": "storage", "item_hash": message.HashOf(data)})
		it, _ := p.newProgram(who, code.m.ItemHash, "")
		p.send(it)
		p.hold(code)
	}
	return true
}

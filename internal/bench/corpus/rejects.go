package corpus

import (
	"fmt"

	"aleph/message"
)

// refusal makes a message that every node refuses, nil when there is nothing to
// refer to yet.
type refusal func(*planner) *item

// refusals lists the reasons. The more expensive ones for a node, which are
// tried many times before they fail, come at the end.
func refusals() (quick, slow []refusal) {
	quick = []refusal{
		(*planner).forged, (*planner).foreign, (*planner).unverifiable, (*planner).malformed, (*planner).withoutTargets,
		(*planner).amendOfAmend, (*planner).updateOfUpdate, (*planner).forgetOfForget, (*planner).foreignAmend,
		(*planner).foreignVersion, (*planner).fixedProgram, (*planner).restricted, (*planner).foreignForget,
		(*planner).withoutTokens, (*planner).withoutCredits,
	}
	slow = []refusal{
		(*planner).amendOfNothing, (*planner).versionOfNothing, (*planner).codeOfNothing, (*planner).forgetOfNothing,
		(*planner).replacesNothing, (*planner).fileOfNobody, (*planner).contentOfNobody,
	}
	return quick, slow
}

// reject emits a message that is refused.
func (p *planner) reject() bool {
	list, slow := refusals()
	if p.chance(5) {
		list = slow
	}
	it := list[p.r.IntN(len(list))](p)
	if it == nil {
		return false
	}
	p.sendAlone(it)
	return true
}

// nothing is a hash that no message and no file has.
func (p *planner) nothing() message.Hash {
	return message.HashOf(fmt.Append(nil, "nothing ", p.r.Uint64()))
}

func (p *planner) plain() map[string]any {
	return map[string]any{"type": postTypes[p.types.Uint64()], "content": p.document()}
}

// forged has the signature of another message.
func (p *planner) forged() *item {
	it := p.write(p.crowd.anyone(), message.TypePost, p.plain())
	it.forged = true
	return it.refused(message.CodeInvalidSignature)
}

// unverifiable is of a chain that has no scheme.
func (p *planner) unverifiable() *item {
	it := p.write(p.crowd.anyone(), message.TypePost, p.plain())
	it.chain = "AURORA"
	return it.refused(message.CodeInvalidFormat)
}

// malformed breaks a rule of its type.
func (p *planner) malformed() *item {
	who := p.crowd.anyone()
	switch p.r.IntN(4) {
	case 0:
		return p.write(who, message.TypeAggregate, map[string]any{"content": p.members()}).refused(message.CodeInvalidFormat)
	case 1:
		content := p.plain()
		content["extra"] = 1
		return p.write(who, message.TypePost, content).refused(message.CodeInvalidFormat)
	case 2:
		return p.write(who, message.TypeStore, map[string]any{"item_type": "ipfs", "item_hash": p.nothing()}).refused(message.CodeInvalidFormat)
	}
	return p.write(who, message.TypeForget, map[string]any{"hashes": []string{"profile"}}).refused(message.CodeInvalidFormat)
}

// foreign is for an owner who knows nothing of it.
func (p *planner) foreign() *item {
	who := p.crowd.anyone()
	content := p.plain()
	content["address"] = p.crowd.stranger(who).address()
	return p.write(who, message.TypePost, content).refused(message.CodePermissionDenied)
}

// restricted is by a delegate who may do other things only.
func (p *planner) restricted() *item {
	d, ok := p.anyDelegation()
	if !ok || d.rule == ruleAll || d.rule == ruleChain {
		return nil
	}
	return p.delegatedMessage(d, false)
}

func (p *planner) withoutTargets() *item {
	return p.write(p.crowd.anyone(), message.TypeForget, map[string]any{"hashes": []any{}}).refused(message.CodeForgetNoTarget)
}

// lockedPost returns a post that stays from now on.
func (p *planner) lockedPost(fits func(*postEntry) bool) *postEntry {
	e, _, ok := p.posts.pick(p.r, fits)
	if !ok {
		return nil
	}
	e.locked = true
	return e
}

func (p *planner) amendOfAmend() *item {
	e := p.lockedPost(func(e *postEntry) bool { return len(e.amends) > 0 })
	if e == nil {
		return nil
	}
	return p.write(e.owner, message.TypePost, map[string]any{
		"type": "amend", "ref": e.amends[0], "content": p.document(),
	}).refused(message.CodePostAmendAmend)
}

func (p *planner) foreignAmend() *item {
	e := p.lockedPost(anyPost)
	if e == nil {
		return nil
	}
	who := p.crowd.stranger(e.owner)
	return p.write(who, message.TypePost, map[string]any{"type": "amend", "ref": e.hash, "content": p.document()}).
		refused(message.CodePermissionDenied)
}

// foreignForget names a message of its own and one that is not.
func (p *planner) foreignForget() *item {
	e := p.lockedPost(func(e *postEntry) bool { return !e.owner.delegates })
	if e == nil {
		return nil
	}
	return p.newForget(p.crowd.stranger(e.owner), e.hash).refused(message.CodePermissionDenied)
}

func (p *planner) forgetOfForget() *item {
	hash, _, ok := p.races.forgets.pick(p.r, func(message.Hash) bool { return true })
	if !ok {
		return nil
	}
	return p.newForget(p.crowd.anyone(), hash).refused(message.CodeForgetForget)
}

// lockedStore returns a STORE that stays from now on.
func (p *planner) lockedStore(fits func(*storeEntry) bool) *storeEntry {
	e, _, ok := p.stores.pick(p.r, fits)
	if !ok {
		return nil
	}
	e.locked = true
	return e
}

func (p *planner) version(by *person, of message.Hash) *item {
	data, _, ok := p.files.pick(p.r, func([]byte) bool { return true })
	if !ok {
		return nil
	}
	return p.write(by, message.TypeStore, map[string]any{"item_type": "storage", "item_hash": message.HashOf(data), "ref": of})
}

func (p *planner) updateOfUpdate() *item {
	e := p.lockedStore(func(e *storeEntry) bool { return len(e.revisions) > 0 })
	if e == nil {
		return nil
	}
	if it := p.version(e.owner, e.revisions[0]); it != nil {
		return it.refused(message.CodeStoreUpdateUpdate)
	}
	return nil
}

func (p *planner) foreignVersion() *item {
	e := p.lockedStore(func(e *storeEntry) bool { return !e.named })
	if e == nil {
		return nil
	}
	if it := p.version(p.crowd.stranger(e.owner), e.hash); it != nil {
		return it.refused(message.CodePermissionDenied)
	}
	return nil
}

// fixedProgram replaces a program that can not be amended.
func (p *planner) fixedProgram() *item {
	vm, _, ok := p.vms.pick(p.r, func(e *vmEntry) bool { return e.program && !e.amendable })
	if !ok {
		return nil
	}
	vm.locked = true
	return p.replacing(vm.owner, vm.code.hash, vm.hash, message.CodeVMAmendNotAllowed)
}

func (p *planner) replacing(by *person, code, replaced message.Hash, refused message.Code) *item {
	return p.write(by, message.TypeProgram, map[string]any{
		"type": "vm-function", "allow_amend": false, "replaces": replaced,
		"environment": map[string]any{}, "resources": map[string]any{}, "on": map[string]any{"http": true},
		"code":    map[string]any{"encoding": "plain", "entrypoint": "main", "ref": code},
		"runtime": map[string]any{"ref": p.authority.runtime, "comment": ""},
	}).refused(refused)
}

func (p *planner) replacesNothing() *item {
	code, ok := p.file()
	if !ok {
		return nil
	}
	return p.replacing(code.owner, code.hash, p.nothing(), message.CodeVMRefNotFound)
}

func (p *planner) amendOfNothing() *item {
	return p.write(p.crowd.anyone(), message.TypePost, map[string]any{
		"type": "amend", "ref": p.nothing(), "content": p.document(),
	}).refused(message.CodePostAmendNotFound)
}

func (p *planner) versionOfNothing() *item {
	if it := p.version(p.crowd.anyone(), p.nothing()); it != nil {
		return it.refused(message.CodeStoreRefNotFound)
	}
	return nil
}

func (p *planner) codeOfNothing() *item {
	it, _ := p.newProgram(p.crowd.anyone(), p.nothing(), "")
	return it.refused(message.CodeVMVolumeNotFound)
}

func (p *planner) forgetOfNothing() *item {
	return p.newForget(p.crowd.anyone(), p.nothing()).refused(message.CodeForgetTargetNotFound)
}

// fileOfNobody is a STORE whose file never comes.
func (p *planner) fileOfNobody() *item {
	return p.write(p.crowd.anyone(), message.TypeStore, map[string]any{"item_type": "storage", "item_hash": p.nothing()}).
		refused(message.CodeFileUnavailable)
}

// contentOfNobody is a message whose content never comes.
func (p *planner) contentOfNobody() *item {
	it := p.write(p.crowd.anyone(), message.TypePost, p.plain()).outside()
	it.body = nil
	return it.refused(message.CodeContentUnavailable)
}

// withoutTokens is a machine of an account that holds nothing.
func (p *planner) withoutTokens() *item {
	return p.newInstance(p.poor(), "hold").refused(message.CodeBalanceInsufficient)
}

// withoutCredits is a machine of an account that has no credits.
func (p *planner) withoutCredits() *item {
	return p.newInstance(p.poor(), "credit").refused(message.CodeCreditInsufficient)
}

func (p *planner) poor() *person { return p.crowd.poor[p.r.IntN(len(p.crowd.poor))] }

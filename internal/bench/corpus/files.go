package corpus

import (
	"fmt"
	"strings"

	"aleph/message"
)

// storeEntry is a STORE that others may refer to.
type storeEntry struct {
	hash  message.Hash
	owner *person
	// named says that it is under a name of its owner's choice.
	named     bool
	revisions []message.Hash
	// frozen says that it gets no new versions: what machines cost would depend
	// on which version came first.
	frozen bool
	// used says that a machine refers to it, so that it can not be forgotten.
	used   bool
	locked bool
}

// newStore makes a STORE; the file is nil when it is there already.
func (p *planner) newStore() (it *item, entry *storeEntry, file []byte) {
	who := p.crowd.anyone()
	data, _, known := p.files.pick(p.r, func([]byte) bool { return p.chance(3) })
	if !known {
		data = p.bytes()
		file = data
		p.files.add(p.r, data)
	}
	content := map[string]any{"item_type": "storage", "item_hash": message.HashOf(data)}
	named := p.chance(4)
	if named {
		content["ref"] = fmt.Sprint("file-", min(p.r.IntN(20), p.r.IntN(20)))
	}
	if p.chance(3) {
		content["content_type"], content["metadata"] = "text/plain", map[string]any{"name": p.sentence(2)}
	}
	if tags := p.tags(); tags != nil {
		content["tags"] = tags
	}
	if p.chance(8) {
		content["payment"] = map[string]any{"type": "credit", "chain": "ETH"}
	}
	p.twins = p.chance(20) // two versions under a name may be of the same time
	it = p.write(who, message.TypeStore, content)
	p.twins = false
	return it, &storeEntry{hash: it.m.ItemHash, owner: who, named: named}, file
}

// store emits a STORE after its file.
func (p *planner) store() bool {
	it, entry, file := p.newStore()
	if file != nil {
		p.sendFile(file)
	}
	p.send(it)
	p.stores.add(p.r, entry)
	return true
}

// revision emits a new version of a file.
func (p *planner) revision() bool {
	of, _, ok := p.stores.pick(p.r, func(e *storeEntry) bool { return !e.named && !e.frozen && len(e.revisions) < mostAmends })
	if !ok {
		return false
	}
	data := p.bytes()
	p.sendFile(data)
	it := p.send(p.write(of.owner, message.TypeStore, map[string]any{
		"item_type": "storage", "item_hash": message.HashOf(data), "ref": of.hash,
	}))
	of.revisions = append(of.revisions, it.m.ItemHash)
	return true
}

// vmEntry is a machine that others may refer to.
type vmEntry struct {
	hash  message.Hash
	owner *person
	code  *storeEntry
	line  int
	// amendable says whether another machine may replace it.
	amendable, program bool
	locked             bool
}

// file returns a STORE for a machine to use, which then stays.
func (p *planner) file() (*storeEntry, bool) {
	e, _, ok := p.stores.pick(p.r, func(e *storeEntry) bool { return !e.named && len(e.revisions) == 0 && !e.locked })
	if ok {
		e.used, e.frozen = true, true
	}
	return e, ok
}

// shared returns what every machine says.
func (p *planner) shared() map[string]any {
	content := map[string]any{
		"allow_amend": p.chance(3), "metadata": map[string]any{"name": p.sentence(2), "tags": []string{"vm"}},
		"resources": map[string]any{"vcpus": 1 + p.r.IntN(4), "memory": 512 << p.r.IntN(4), "seconds": 30},
		"payment":   map[string]any{"type": []string{"hold", "credit", "superfluid"}[min(p.r.IntN(3), p.r.IntN(3))], "chain": "ETH"},
		"volumes":   p.volumes(),
	}
	if p.chance(3) {
		content["variables"] = map[string]string{"LOG_LEVEL": "info", "WHERE": p.sentence(2)}
	}
	return content
}

func (p *planner) volumes() []any {
	list := []any{}
	if p.chance(2) {
		list = append(list, map[string]any{"mount": "/tmp/cache", "ephemeral": true, "size_mib": 1 + p.r.IntN(1000)})
	}
	if p.chance(2) {
		volume := map[string]any{"mount": "/data", "persistence": "host", "name": "data", "size_mib": 10 + p.r.IntN(20_000)}
		if p.chance(3) {
			if e, ok := p.file(); ok {
				volume["parent"] = map[string]any{"ref": e.hash, "use_latest": true}
			}
		}
		list = append(list, volume)
	}
	if p.chance(2) {
		if e, ok := p.file(); ok {
			list = append(list, map[string]any{"mount": "/opt/lib", "ref": e.hash, "use_latest": p.chance(2)})
		}
	}
	return list
}

// replaceable returns a program for another one to replace, which then stays;
// "" most of the time.
func (p *planner) replaceable() message.Hash {
	if !p.chance(6) {
		return ""
	}
	vm, _, ok := p.vms.pick(p.r, func(e *vmEntry) bool { return e.amendable && e.program })
	if !ok {
		return ""
	}
	vm.locked = true
	return vm.hash
}

// newProgram makes a function of the given code.
func (p *planner) newProgram(by *person, code, replaces message.Hash) (*item, bool) {
	content := p.shared()
	if replaces != "" {
		content["replaces"] = replaces
	}
	amendable := content["allow_amend"].(bool)
	content["type"] = "vm-function"
	content["code"] = map[string]any{"encoding": "zip", "entrypoint": "main:app", "ref": code, "use_latest": p.chance(2)}
	content["runtime"] = map[string]any{"ref": p.authority.runtime, "use_latest": true, "comment": "Debian"}
	content["on"] = map[string]any{"http": true, "persistent": p.chance(4)}
	content["environment"] = map[string]any{"reproducible": false, "internet": p.chance(2), "aleph_api": true, "shared_cache": false}
	return p.write(by, message.TypeProgram, content), amendable
}

func (p *planner) program() bool {
	code, ok := p.file()
	if !ok {
		return false
	}
	it, amendable := p.newProgram(code.owner, code.hash, p.replaceable())
	p.send(it)
	p.vms.add(p.r, &vmEntry{hash: it.m.ItemHash, owner: code.owner, code: code, line: p.line, amendable: amendable, program: true})
	return true
}

// newInstance makes a virtual machine.
func (p *planner) newInstance(by *person, payment string) *item {
	content := p.shared()
	content["payment"] = map[string]any{"type": payment, "chain": "ETH"}
	content["authorized_keys"] = []string{"ssh-ed25519 " + strings.Repeat("A", 44) + " user@host"}
	environment := map[string]any{"internet": true, "aleph_api": true, "hypervisor": "qemu"}
	if p.chance(6) {
		environment["trusted_execution"] = map[string]any{"policy": 1}
	}
	content["environment"] = environment
	content["rootfs"] = map[string]any{
		"parent":      map[string]any{"ref": p.authority.rootfs, "use_latest": true},
		"persistence": "host", "size_mib": 20_480 << p.r.IntN(3),
	}
	return p.write(by, message.TypeInstance, content)
}

func (p *planner) instance() bool {
	who := p.crowd.anyone()
	it := p.send(p.newInstance(who, []string{"credit", "hold", "superfluid"}[min(p.r.IntN(3), p.r.IntN(3))]))
	p.vms.add(p.r, &vmEntry{hash: it.m.ItemHash, owner: who, line: p.line})
	return true
}

func (p *planner) vprogram() bool {
	workload, ok := p.file()
	tree, more := p.file()
	if !ok || !more {
		return false
	}
	who := p.crowd.anyone()
	root := string(message.HashOf([]byte(workload.hash)))
	it := p.send(p.write(who, message.TypeVProgram, map[string]any{
		"allow_amend": false, "metadata": map[string]any{"name": p.sentence(2)},
		"resources":   map[string]any{"vcpus": 2, "memory": 2048, "seconds": 30},
		"payment":     map[string]any{"type": "credit", "chain": "ETH"},
		"environment": map[string]any{"internet": true},
		"runtime":     map[string]any{"ref": p.authority.runtime, "comment": "verified"},
		"workload":    map[string]any{"ref": workload.hash, "hash_tree": tree.hash, "roothash": root},
		"verification": map[string]any{"backend": "sev_snp", "policy": 196_608, "measurements": []any{
			map[string]any{"platform": "sev_snp", "digest": root + root[:32]},
		}},
		"volumes": []any{},
	}))
	p.vms.add(p.r, &vmEntry{hash: it.m.ItemHash, owner: who, line: p.line})
	return true
}

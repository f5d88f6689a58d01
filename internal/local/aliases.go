package local

import (
	"sync"

	"aleph/internal/compute/runtime"
	"aleph/message"
)

// aliases says which references mean a runtime that this machine builds itself:
// the network's well-known ones, and the STORE messages by which the authority
// published what was built. Safe for concurrent use.
type aliases struct {
	mu     sync.RWMutex
	byHash map[message.Hash]string
}

func newAliases(network message.Network) *aliases {
	return &aliases{byHash: runtime.AliasesOf(network)}
}

// name returns the runtime that ref stands for.
func (a *aliases) name(ref message.Hash) (string, bool) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	name, ok := a.byHash[ref]
	return name, ok
}

// register makes a STORE message stand for a runtime.
func (a *aliases) register(ref message.Hash, name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.byHash[ref] = name
}

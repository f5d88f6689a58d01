package compute

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"aleph/client"
	"aleph/message"
)

// grantTTL is how long an owner's delegations are remembered, unless a message
// that changes them is seen. // spec crn 1.3
const grantTTL = 120 * time.Second

// maxGrants bounds the owners whose delegations are remembered.
const maxGrants = 1000

// securityKey is the key of the aggregate in which an owner delegates.
const securityKey = "security" // spec crn 1.3

// grants knows who may operate the machines of whom, from the owners' security
// aggregates. Safe for concurrent use.
type grants struct {
	client *client.Client

	mu      sync.Mutex // guards what follows
	owners  map[message.Address]grant
	changes int // how often drop was called
}

// grant is the delegations of one owner.
type grant struct {
	callers []message.Address
	until   time.Time
}

func newGrants(c *client.Client) *grants {
	return &grants{client: c, owners: map[message.Address]grant{}}
}

// allow reports whether owner lets caller operate its machines. What cannot be
// found out is not allowed. // spec crn 1.3
func (g *grants) allow(ctx context.Context, owner, caller message.Address) bool {
	g.mu.Lock()
	known, ok := g.owners[owner]
	changes := g.changes
	g.mu.Unlock()
	if !ok || time.Now().After(known.until) {
		callers, err := g.fetch(ctx, owner)
		if err != nil {
			return false
		}
		known = grant{callers: callers, until: time.Now().Add(grantTTL)}
		g.mu.Lock()
		if len(g.owners) >= maxGrants {
			clear(g.owners)
		}
		if g.changes == changes { // else what was read may be old already
			g.owners[owner] = known
		}
		g.mu.Unlock()
	}
	for _, a := range known.callers {
		if a.EqualFold(caller) {
			return true
		}
	}
	return false
}

// note looks at a message that may change what an owner lets others do: those
// are read again when somebody asks.
func (g *grants) note(m *message.Message) {
	switch content := m.Content.(type) {
	case *message.Aggregate:
		if content.Key == securityKey {
			g.drop(content.Owner())
		}
	case *message.Forget: // maybe of a security aggregate
		g.drop(content.Owner())
	}
}

// drop no longer remembers the delegations of an owner.
func (g *grants) drop(owner message.Address) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.changes++
	maps.DeleteFunc(g.owners, func(a message.Address, _ grant) bool { return a.EqualFold(owner) })
}

// fetch reads the addresses that an owner lets operate instances.
func (g *grants) fetch(ctx context.Context, owner message.Address) ([]message.Address, error) {
	raw, err := g.client.Aggregate(ctx, owner, securityKey)
	if errors.Is(err, message.ErrNotFound) {
		return nil, nil // the owner lets nobody
	}
	if err != nil {
		return nil, err
	}
	return parseGrants(raw), nil
}

// parseGrants reads a security aggregate. Entries of another shape count for
// nothing.
func parseGrants(raw json.RawMessage) []message.Address {
	var security struct {
		Authorizations []json.RawMessage `json:"authorizations"`
	}
	if json.Unmarshal(raw, &security) != nil {
		return nil
	}
	var callers []message.Address
	for _, entry := range security.Authorizations {
		var a struct {
			Address message.Address `json:"address"`
			Types   []string        `json:"types"`
		}
		if json.Unmarshal(entry, &a) != nil || a.Address == "" {
			continue
		}
		if len(a.Types) == 0 || slices.Contains(a.Types, string(message.TypeInstance)) {
			callers = append(callers, a.Address)
		}
	}
	return callers
}

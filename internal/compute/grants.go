package compute

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"aleph/client"
	"aleph/message"
)

// grantTTL is how long an owner's delegations are remembered. // spec crn 1.3
const grantTTL = 120 * time.Second

// maxGrants bounds the owners whose delegations are remembered.
const maxGrants = 1000

// grants knows who may operate the machines of whom, from the owners' security
// aggregates. Safe for concurrent use.
type grants struct {
	client *client.Client
	node   *http.Client

	mu     sync.Mutex // guards owners
	owners map[message.Address]grant
}

// grant is the delegations of one owner.
type grant struct {
	callers []message.Address
	until   time.Time
}

func newGrants(c *client.Client, node *http.Client) *grants {
	return &grants{client: c, node: node, owners: map[message.Address]grant{}}
}

// allow reports whether owner lets caller operate its machines. What cannot be
// found out is not allowed. // spec crn 1.3
func (g *grants) allow(ctx context.Context, owner, caller message.Address) bool {
	g.mu.Lock()
	known, ok := g.owners[owner]
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
		g.owners[owner] = known
		g.mu.Unlock()
	}
	for _, a := range known.callers {
		if a.EqualFold(caller) {
			return true
		}
	}
	return false
}

// fetch reads the addresses that an owner lets operate instances.
func (g *grants) fetch(ctx context.Context, owner message.Address) ([]message.Address, error) {
	target := g.client.API() + "/api/v0/aggregates/" + url.PathEscape(string(owner)) + ".json?keys=security"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, err
	}
	res, err := g.node.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	var all struct {
		Data struct {
			Security json.RawMessage `json:"security"`
		} `json:"data"`
	}
	if res.StatusCode == http.StatusNotFound {
		return nil, nil
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, 8<<20)).Decode(&all); err != nil {
		return nil, err
	}
	return parseGrants(all.Data.Security), nil
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

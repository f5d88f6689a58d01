package corpus

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"time"

	"aleph/internal/node/pricing"
	"aleph/message"
)

// settings are those of the corpus' network. // spec messages 7.2
//
//go:embed settings.json
var settings []byte

// authority are the accounts that the corpus' network obeys.
type authority struct {
	foundation *person // aggregates that the network reads
	platform   *person // balances
	credits    *person // owner of the posts about credits
	signer     *person // who signs them
	// What every machine refers to.
	runtime, rootfs message.Hash
}

func newAuthority(seed uint64) (*authority, error) {
	a := &authority{}
	for name, who := range map[string]**person{
		"foundation": &a.foundation, "platform": &a.platform, "credits": &a.credits, "credit signer": &a.signer,
	} {
		key, err := newKey(seed, message.ChainEthereum, name)
		if err != nil {
			return nil, fmt.Errorf("make the key of %s: %w", name, err)
		}
		*who = &person{Account: key, channel: "FOUNDATION"}
	}
	return a, nil
}

// network returns the network that obeys these accounts. Storage is paid for,
// by whatever means; no date of the public network plays a part.
func (a *authority) network() message.Network {
	n := message.PublicNetwork().GovernedBy(a.foundation.address())
	n.Name = "corpus"
	n.Images = nil
	n.Authorities.Balances = []message.Address{a.platform.address()}
	n.Authorities.Credits = []message.Address{a.credits.address()}
	n.Authorities.CreditSigner = a.signer.address()
	never := message.TimestampOf(time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC))
	n.Cutoffs.MachineCreditOnly, n.Cutoffs.CreditOnly = never, never
	return n
}

// Amounts that nobody in a corpus can use up.
const (
	tokens  = 1_000_000_000
	credits = 1_000_000_000_000_000
	// perPost is how many accounts one post funds.
	perPost = 400
)

// preamble emits what the rest relies on: the network's documents, files that
// all machines use, funds, and who may act for whom.
func (p *planner) preamble() {
	a := p.authority
	channel := p.header.Network.Authorities.CreditChannel
	p.send(p.write(a.credits, message.TypeAggregate, map[string]any{
		"key": "security", "content": map[string]any{"authorizations": []any{
			map[string]any{"address": a.signer.address(), "types": []string{"POST"}, "channels": []string{channel}},
		}},
	}))
	p.send(p.write(a.foundation, message.TypeAggregate, map[string]any{"key": "pricing", "content": pricing.DefaultPricesJSON()}))
	p.send(p.write(a.foundation, message.TypeAggregate, map[string]any{"key": "settings", "content": json.RawMessage(settings)}))
	p.send(p.write(a.foundation, message.TypeAggregate, map[string]any{
		"key": "corechannel", "content": map[string]any{"nodes": []any{}, "resource_nodes": []any{}},
	}))
	p.barrier()
	people := append([]*person{a.foundation}, p.crowd.people...)
	for len(people) > 0 {
		part := people[:min(perPost, len(people))]
		people = people[len(part):]
		p.send(p.report(part, func() any { return tokens }))
		p.send(p.grantTo(part, credits, 0))
	}
	p.barrier()
	a.runtime, a.rootfs = p.image("runtime"), p.image("rootfs")
	p.authorize()
	p.barrier()
}

// image emits a file that machines start from.
func (p *planner) image(name string) message.Hash {
	data := []byte("the bytes of a " + name + " that is never started\n")
	p.sendFile(data)
	return p.send(p.write(p.authority.foundation, message.TypeStore, map[string]any{
		"item_type": "storage", "item_hash": message.HashOf(data), "metadata": map[string]any{"name": name},
	})).m.ItemHash
}

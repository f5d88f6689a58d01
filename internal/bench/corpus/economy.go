package corpus

import "aleph/message"

// funds is what the planner remembers of tokens and credits.
type funds struct {
	next   int   // the account whose turn comes
	height int64 // of the latest report of balances
}

// turn returns the account whose credits move next, nil when they moved a
// moment ago.
func (p *planner) turn() *person {
	who := p.crowd.people[p.funds.next%len(p.crowd.people)]
	if who.touched > 0 && !p.old(who.touched) {
		return nil
	}
	p.funds.next++
	return who
}

// onCreditChannel puts a post where the network looks for posts about credits.
func (p *planner) onCreditChannel(it *item) *item {
	channel := p.header.Network.Authorities.CreditChannel
	it.m.Channel = &channel
	return it
}

// report makes a post about what some accounts hold.
func (p *planner) report(people []*person, amount func() any) *item {
	balances := map[string]any{}
	for _, who := range people {
		balances[string(who.address())] = amount()
	}
	p.funds.height++
	height := 20_000_000 + p.funds.height
	return p.write(p.authority.platform, message.TypePost, map[string]any{"type": "balances-update", "content": map[string]any{
		"tags": []string{"ERC20", "ethereum"}, "height": height, "main_height": height,
		"platform": "ALEPH_ETH", "token_symbol": "ALEPH", "chain": "ETH", "dapp": nil, "balances": balances,
	}})
}

// balances emits a later report, of any accounts.
func (p *planner) balances() bool {
	var people []*person
	for range 1 + p.r.IntN(20) {
		people = append(people, p.crowd.anyone())
	}
	p.send(p.report(people, func() any { return tokens + float64(p.r.IntN(1_000_000))/100 }))
	return true
}

// grantTo makes a post that gives credits to some accounts; an expiration of 0
// is none.
func (p *planner) grantTo(people []*person, amount int64, expiration message.Timestamp) *item {
	lots := make([]any, len(people))
	for i, who := range people {
		lots[i] = map[string]any{
			"address": who.address(), "amount": amount, "price": "0.000001", "tx_hash": "0x" + string(message.HashOf([]byte(who.address()))),
			"provider": "WALLET", "expiration": int64(expiration / 1000), "origin": "corpus", "ref": "", "payment_method": "credit_card",
		}
	}
	return p.onCreditChannel(p.write(p.authority.signer, message.TypePost, map[string]any{
		"address": p.authority.credits.address(), "type": "aleph_credit_distribution",
		"content": map[string]any{"distribution": map[string]any{"token": "ALEPH", "chain": "ETH", "credits": lots}},
	}))
}

// grant emits a small gift that expires soon, or never.
func (p *planner) grant() bool {
	who := p.turn()
	if who == nil {
		return false
	}
	var expiration message.Timestamp
	if p.chance(2) {
		expiration = p.at + message.Timestamp(1+p.r.Int64N(400))*86_400*1e6
	}
	p.send(p.grantTo([]*person{who}, 1+p.r.Int64N(1_000_000), expiration))
	who.touched = p.line
	return true
}

// expense emits what the network charges two accounts.
func (p *planner) expense() bool {
	one, other := p.turn(), p.turn()
	if one == nil || other == nil {
		return false
	}
	amount := 1 + p.r.IntN(1_000_000)
	p.send(p.onCreditChannel(p.write(p.authority.signer, message.TypePost, map[string]any{
		"address": p.authority.credits.address(), "type": "aleph_credit_expense",
		"content": map[string]any{"expense": map[string]any{"credits": []any{
			map[string]any{"address": one.address(), "amount": amount, "ref": "daily", "price": "0.1", "count": 3, "size": "75.5"},
			map[string]any{"address": other.address(), "amount": amount, "execution_id": message.HashOf([]byte(other.address())), "time": 3600},
		}}},
	})))
	one.touched, other.touched = p.line, p.line
	return true
}

package corpus

import (
	"fmt"
	"math/rand/v2"

	"aleph/account"
	"aleph/message"
)

// person is an account that publishes.
type person struct {
	account.Account
	// channel is where this account publishes most.
	channel string
	// delegates says that others may act for this account.
	delegates bool
	// touched is the line at which its credits moved last.
	touched int
}

func (p *person) address() message.Address { return p.Address() }

const (
	leastPeople = 200
	mostPeople  = 20_000
	// skew is the exponent of the law by which the nth account publishes: a few
	// publish most. The law begins at skewStart, so that nobody publishes all.
	skew      = 1.05
	skewStart = 6
	// ethereumShare of the accounts that do not stand for a chain of their own.
	ethereumShare = 0.88
	// firstForeign is the rank of the first account of another chain, and
	// foreignStep the distance to the next: even a small corpus has all of them.
	firstForeign = 16
	foreignStep  = 4
)

// crowd are the accounts of a corpus, the busiest first.
type crowd struct {
	people []*person
	ranks  *rand.Zipf
	r      *rand.Rand
	// poor have neither tokens nor credits.
	poor []*person
}

// newCrowd makes the accounts for a number of messages.
func newCrowd(seed uint64, messages int, r *rand.Rand) (*crowd, error) {
	n := min(max(messages/50, leastPeople), mostPeople)
	c := &crowd{r: r, ranks: rand.NewZipf(r, skew, skewStart, uint64(n-1))}
	foreign := foreignChains()
	for i := range n {
		personKey := func() (account.Account, error) { return newKey(seed, message.ChainEthereum, fmt.Sprint("person ", i)) }
		switch at := i - firstForeign; {
		case at >= 0 && at%foreignStep == 0 && at/foreignStep < len(foreign):
			personKey = foreign[at/foreignStep].key(seed, i)
		case r.Float64() > ethereumShare:
			personKey = foreign[r.IntN(len(foreign))].key(seed, i)
		}
		key, err := personKey()
		if err != nil {
			return nil, fmt.Errorf("make account %d: %w", i, err)
		}
		c.people = append(c.people, &person{Account: key, channel: channels[min(r.IntN(len(channels)), r.IntN(len(channels)))]})
	}
	for i := range 4 {
		key, err := newKey(seed, message.ChainEthereum, fmt.Sprint("poor ", i))
		if err != nil {
			return nil, fmt.Errorf("make account: %w", err)
		}
		c.poor = append(c.poor, &person{Account: key, channel: channels[0]})
	}
	return c, nil
}

// anyone returns an account by the law.
func (c *crowd) anyone() *person { return c.people[c.ranks.Uint64()] }

// stranger returns an account that is none of those given, and for which nobody
// acts but itself.
func (c *crowd) stranger(not ...*person) *person {
	for {
		p := c.people[c.r.IntN(len(c.people))]
		if p.delegates {
			continue
		}
		same := false
		for _, other := range not {
			same = same || p == other
		}
		if !same {
			return p
		}
	}
}

// foreignChain is a way to make accounts that are not of Ethereum itself.
type foreignChain struct {
	chain message.Chain
	curve string // prefix of a Tezos secret
}

// foreignChains lists every chain that can sign, those with more users first
// and more than once.
func foreignChains() []foreignChain {
	list := []foreignChain{{chain: "SOL"}, {chain: "AVAX"}, {chain: "BASE"}, {chain: "TEZOS"}, {chain: "DOT"}, {chain: "SOL"}, {chain: "CSDK"}, {chain: "NULS2"}, {chain: "BSC"}}
	for _, chain := range message.Chains() {
		switch chain.Family() {
		case message.FamilyNone:
		case message.FamilyTezos:
			list = append(list, foreignChain{"TEZOS", tezosSecp256k1}, foreignChain{"TEZOS", tezosP256})
		default:
			if chain != message.ChainEthereum {
				list = append(list, foreignChain{chain: chain})
			}
		}
	}
	return list
}

func (f foreignChain) key(seed uint64, i int) func() (account.Account, error) {
	name := fmt.Sprint("person ", i)
	if f.curve != "" {
		return func() (account.Account, error) { return newTezosKey(seed, f.curve, name) }
	}
	return func() (account.Account, error) { return newKey(seed, f.chain, name) }
}

// channels are where people publish, the busiest first.
var channels = []string{
	"ALEPH-CLOUDSOLUTIONS", "TEST", "blog", "MARKET", "game-scores", "weather", "INTEGRATION", "aleph-dao", "nft-art", "notes", "sensors", "archive",
}

package message

import (
	"math"
	"time"
)

// Network is what makes an Aleph network itself rather than another one: whose
// messages have power over it, since when which rule holds, and the names that
// its members agree on. It is configuration: start from [PublicNetwork] and
// change what differs, or take [Network.GovernedBy] for a network of your own.
//
// Addresses are compared exactly as written here unless a field says otherwise.
// The zero value of a field switches off what it names.
type Network struct {
	// Name is for people and logs.
	Name string
	// Topic is the gossip topic of messages, and the only one that the
	// publishing routes accept. // spec messages 1.10, ccn-http-api 5.7
	Topic string
	// Channel is the channel that clients publish on when told no other.
	// // spec messages 8.6
	Channel string

	// ImmutableVPrograms refuses V-PROGRAMs that allow amends, as revisions of
	// the schema do that the public network does not run yet. // spec messages Q-09
	ImmutableVPrograms bool

	Authorities Authorities
	Contracts   Contracts
	Cutoffs     Cutoffs

	// Images are the runtimes, root file systems and firmwares that clients
	// name without asking. // spec messages 8.5, clients 2.6.3
	Images []Image
}

// Authorities are the accounts whose messages the network obeys, by the
// content's address: a delegate may sign for it. // spec messages 8.1
type Authorities struct {
	// CoreChannel owns the aggregate `corechannel`, the list of nodes.
	// // spec messages 8.2
	CoreChannel Address
	// Settings owns the aggregates `pricing`, `settings`, `vm-images` and
	// `runtimes`. // spec messages 7.2, 8.5, clients 2.6.2
	Settings Address
	// Balances may post `balances-update`. // spec messages 7.7
	Balances []Address
	// Credits own distributions and expenses of credits, and may give away
	// credits that they do not have. // spec messages 7.8
	Credits []Address
	// CreditSigner is the usual delegate of Credits; nodes do not look at it,
	// the `security` aggregate decides.
	CreditSigner Address
	// CreditChannel is the envelope channel that posts about credits must have.
	CreditChannel string
	// Metrics may post measurements of nodes that nodes store, and
	// MetricsChannel is the envelope channel they must have. // spec messages 8.3
	Metrics        []Address
	MetricsChannel string
	// Scores may post scores of nodes, which the node registry reads.
	Scores []Address
	// Vouchers posts `vouchers-update`. // spec messages 8.4
	Vouchers Address
	// CreditRewards posts `credit-rewards-distribution`. // spec clients 2.6.2
	CreditRewards Address
	// Unbuilt are owners whose aggregates are stored and never merged.
	// // spec messages 6.1
	Unbuilt []Address
	// CommunityWallet receives a fifth of what is streamed to hosts.
	CommunityWallet Address
	// Scheduler signs the allocations that compute hosts accept by default.
	Scheduler Address
	// AdminKey is the compressed secp256k1 public key, in hex, that may ask
	// for a recalculation of costs. // spec messages 8.7
	AdminKey string
}

// Contracts are the on-chain counterparts of the network.
// // spec messages 4.9, 8.1
type Contracts struct {
	// EthereumSync emits the network's sync events; only those of
	// EthereumEmitters count, and none before block EthereumStart.
	EthereumSync     string
	EthereumEmitters []Address
	EthereumStart    uint64
	// BSCMessages and TezosMessages emit messages written by contracts.
	BSCMessages   string
	TezosMessages string
	// Token is the ALEPH ERC-20 on Ethereum. Sablier holds streams that count
	// as balances of their receivers.
	Token   string
	Sablier string
}

// Cutoffs are the instants from which a rule holds. Times are compared with the
// envelope's time unless a field says otherwise. // spec messages 7.1
type Cutoffs struct {
	// FreeHeight and FreeTime end the time when storage and on-demand programs
	// were free: an Ethereum block height for messages that have a
	// confirmation, else a time. Unpaid messages confirmed at FreeHeight or
	// later are removed. // spec messages 4.8, 7.6
	FreeHeight uint64
	FreeTime   Timestamp
	// MachineCreditOnly is when instances and persistent programs can be paid
	// by credit only.
	MachineCreditOnly Timestamp
	// CreditOnly is when everything can be paid by credit only.
	CreditOnly Timestamp
	// CreditPrecision is the content time before which amounts of credits count
	// CreditPrecisionFactor times. // spec messages 7.8
	CreditPrecision       Timestamp
	CreditPrecisionFactor int64
}

// Always is a cut-off that has been reached at any time; zero is one that never
// comes.
const Always = Timestamp(math.MinInt64)

// PaymentChanged reports whether messages that must be paid for are judged in
// another way at the second of two instants. // spec messages 7.1, 7.6
func (c *Cutoffs) PaymentChanged(from, to Timestamp) bool {
	for _, cutoff := range []Timestamp{c.FreeTime, c.MachineCreditOnly, c.CreditOnly} {
		if cutoff != 0 && from < cutoff && cutoff <= to {
			return true
		}
	}
	return false
}

// ImageKind says what an image is for.
type ImageKind string

// The kinds of image.
const (
	ImageRuntime  ImageKind = "runtime"  // root file system of functions
	ImageRootfs   ImageKind = "rootfs"   // first disk of instances
	ImageFirmware ImageKind = "firmware" // firmware of confidential instances
)

// Image is a file that the network's users share, by the STORE message that
// keeps it.
type Image struct {
	Name string
	Kind ImageKind
	Ref  Hash
}

// PublicNetwork returns the values of the public Aleph network. Each call makes
// a new value that the caller may change.
func PublicNetwork() Network {
	const (
		foundation = "0xa1B3bb7d2332383D96b7796B908fB7f7F3c2Be10"
		platforms  = "0xB34f25f2c935bCA437C061547eA12851d719dEFb"
		scoring    = "0x4D52380D3191274a04846c89c069E6C3F2Ed94e4"
	)
	return Network{
		Name:    "public",
		Topic:   "ALEPH-TEST",
		Channel: "ALEPH-CLOUDSOLUTIONS",
		Authorities: Authorities{
			CoreChannel:     foundation,
			Settings:        "0xFba561a84A537fCaa567bb7A2257e7142701ae2A",
			Balances:        []Address{platforms, foundation},
			Credits:         []Address{"0x2E4454fAD1906c0Ce6e45cBFA05cE898Ac3AC1dC"},
			CreditSigner:    "0x6aeaEEb08720DEc9d6dae1A8fc49344Dd99391Ac",
			CreditChannel:   "ALEPH_CREDIT",
			Metrics:         []Address{scoring},
			MetricsChannel:  "aleph-scoring",
			Scores:          []Address{scoring, "0x4Ec8b55e73F5f32118a90B8FD555706bD5dd42e7"},
			Vouchers:        platforms,
			CreditRewards:   "0x3a5CC6aBd06B601f4654035d125F9DD2FC992C25",
			Unbuilt:         []Address{"0x51A58800b26AA1451aaA803d1746687cB88E0501"},
			CommunityWallet: "0x5aBd3258C5492fD378EBC2e0017416E199e5Da56",
			Scheduler:       "0x2937f62e5F81A88e921f883f8fE56ceCf4A4A44A",
			AdminKey:        "0209fe82e08ec3c5c3ee4904fa147a11d49c7130579066c8a452d279d539959389",
		},
		Contracts: Contracts{
			EthereumSync:     "0x166fd4299364B21c7567e163d85D78d2fb2f8Ad5",
			EthereumEmitters: []Address{"0x23eC28598DCeB2f7082Cc3a9D670592DfEd6e0dC"},
			EthereumStart:    11_400_000,
			BSCMessages:      "0xdF270752C8C71D08acbae4372687DA65AECe2D5D",
			TezosMessages:    "KT1FfEoaNvooDfYrP61Ykct6L8z7w7e2pgnT",
			Token:            "0x27702a26126e0B3702af63Ee09aC4d1A084EF628",
			Sablier:          "0xCD18eAa163733Da39c232722cBC4E8940b1D8888",
		},
		Cutoffs: Cutoffs{
			FreeHeight:            22_196_000,
			FreeTime:              TimestampOf(time.Date(2025, 4, 4, 13, 57, 59, 0, time.UTC)),
			MachineCreditOnly:     TimestampOf(time.Date(2026, 3, 11, 0, 0, 0, 0, time.UTC)),
			CreditOnly:            TimestampOf(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)),
			CreditPrecision:       TimestampOf(time.Date(2026, 2, 2, 0, 0, 0, 0, time.UTC)),
			CreditPrecisionFactor: 10_000,
		},
		Images: []Image{
			{"python", ImageRuntime, "63f07193e6ee9d207b7d1fcf8286f9aee34e6f12f101d2ec77c1229f92964696"},
			{"debian-12", ImageRootfs, "b6ff5c3a8205d1ca4c7c3369300eeafff498b558f71b851aa2114afd0a532717"},
			{"ubuntu-22", ImageRootfs, "4a0f62da42f4478544616519e6f5d58adb1096e069b392b151d47c3609492d0c"},
			{"ubuntu-24", ImageRootfs, "5330dcefe1857bcd97b7b7f24d1420a7d46232d53f27be280c8a7071d88bd84e"},
			{"typescript-default", ImageRootfs, "f7e68c568906b4ebcd3cd3c4bfdff96c489cd2a9ef73ba2d7503f244dfd578de"},
			{"confidential", ImageFirmware, "ba5bb13f3abca960b101a759be162b229e2b7e93ecad9d1307e54de887f177ff"},
		},
	}
}

// GovernedBy returns n with one account in place of every authority and without
// contracts: a network that lives on its own and keeps the rules of n.
func (n Network) GovernedBy(authority Address) Network {
	only := []Address{authority}
	a := &n.Authorities
	a.CoreChannel, a.Settings, a.CreditSigner, a.Vouchers = authority, authority, authority, authority
	a.CreditRewards, a.CommunityWallet, a.Scheduler = authority, authority, authority
	a.Balances, a.Credits, a.Metrics, a.Scores, a.Unbuilt = only, only, only, only, nil
	a.AdminKey = ""
	n.Contracts = Contracts{}
	return n
}

// Image returns the well-known image that a STORE message keeps.
func (n Network) Image(ref Hash) (Image, bool) {
	for _, image := range n.Images {
		if image.Ref == ref {
			return image, true
		}
	}
	return Image{}, false
}

package message

import (
	"maps"
	"slices"
)

// Chain is the wire code of the blockchain whose key signs a message.
type Chain string

// The chains that more than one place of the program names. [Chains] has all.
const (
	ChainEthereum Chain = "ETH"
	ChainSolana   Chain = "SOL"
	ChainEclipse  Chain = "ES"
)

// Family groups chains that share one signature scheme.
type Family string

// The signature schemes of the network. // spec messages 2.1
const (
	FamilyEVM       Family = "evm"
	FamilySolana    Family = "solana"
	FamilySubstrate Family = "substrate"
	FamilyCosmos    Family = "cosmos"
	FamilyNULS      Family = "nuls"
	FamilyNULS2     Family = "nuls2"
	FamilyTezos     Family = "tezos"
	FamilyAvalanche Family = "avalanche"
	// FamilyNone marks a legal chain value for which no verifier exists.
	FamilyNone Family = "none"
)

// families is the table of legal chains. // spec messages 2.1
var families = map[Chain]Family{
	"ETH": FamilyEVM, "ARB": FamilyEVM, "BASE": FamilyEVM, "BLAST": FamilyEVM, "BOB": FamilyEVM,
	"BSC": FamilyEVM, "CYBER": FamilyEVM, "ETHERLINK": FamilyEVM, "FRAX": FamilyEVM, "HYPE": FamilyEVM,
	"INK": FamilyEVM, "LENS": FamilyEVM, "LINEA": FamilyEVM, "LISK": FamilyEVM, "METIS": FamilyEVM,
	"MODE": FamilyEVM, "NEO": FamilyEVM, "OP": FamilyEVM, "POL": FamilyEVM, "SONIC": FamilyEVM,
	"UNICHAIN": FamilyEVM, "WLD": FamilyEVM, "ZORA": FamilyEVM,
	"SOL": FamilySolana, "ES": FamilySolana,
	"DOT": FamilySubstrate, "CSDK": FamilyCosmos, "NULS": FamilyNULS, "NULS2": FamilyNULS2,
	"TEZOS": FamilyTezos, "AVAX": FamilyAvalanche,
	"AURORA": FamilyNone, "STT": FamilyNone,
}

// Valid reports whether c is a legal chain value.
func (c Chain) Valid() bool {
	_, ok := families[c]
	return ok
}

// Family returns the signature scheme of c, or "" when c is not a legal chain.
func (c Chain) Family() Family { return families[c] }

// Chains lists every legal chain value in alphabetical order.
func Chains() []Chain { return slices.Sorted(maps.Keys(families)) }

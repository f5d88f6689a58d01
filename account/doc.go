// Package account is who signs: keys, the addresses that belong to them, and
// the signatures of the network's messages.
//
// An [Account] is anything that can sign for an address. [Key] is the one whose
// secret this process holds: make one with [NewKey], [ImportKey] or
// [ImportBytes], keep it in a [Keystore] or in a file that [ReadKeyFile] reads.
// [Sign] completes a message and [Verify] checks one:
//
//	chain ─► family ─► scheme     one file per signature scheme:
//	ETH, BASE, …  evm             evm.go        EIP-191, recoverable
//	SOL, ES       solana          solana.go     Ed25519
//	DOT           substrate       substrate.go  sr25519, plain or wrapped
//	CSDK          cosmos          cosmos.go     amino document
//	NULS          nuls            nuls.go       public key and DER
//	NULS2         nuls2           nuls2.go      recoverable
//	TEZOS         tezos           tezos.go      three curves, raw or Micheline
//	AVAX          avalanche       avalanche.go  recoverable, X-, P- and C-
//
// All of them sign and verify. A [Key] signs the plain form, and [Key.Wallet]
// the one that wallets show. A chain whose scheme is not listed in scheme.go is
// refused by every function with [message.CodeInvalidFormat], never let through.
// docs/chains.md has what was checked against other implementations.
//
// Secrets stay inside: no error, log line or formatted value shows one. Only
// [Key.Secret] and [Keystore.Export] hand one out.
//
// Verify and all methods of Key are safe for concurrent use. The package
// implements chapter 2 of docs/spec/messages.md.
package account

//go:build !cgo

package account

// Cryptography says which implementation of secp256k1 is linked into the
// program: it decides how fast messages of Ethereum's family are verified.
func Cryptography() string { return "decred secp256k1 (pure Go)" }

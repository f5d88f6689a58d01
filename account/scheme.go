package account

import (
	"aleph/message"
)

// scheme is what one family of chains signs with. Implementations hold no
// state and are safe for concurrent use. Errors never show a secret.
type scheme interface {
	// verify returns nil when the signature of m is its sender's, else why not.
	verify(m *message.Message) error
	// signer makes a key of its raw bytes. It does not keep secret.
	signer(secret []byte) (signer, error)
	// derive returns the secret of the first account that wallets make of a
	// BIP-39 seed.
	derive(seed []byte) ([]byte, error)
}

// signer is a key of a scheme.
type signer interface {
	address() message.Address
	sign(buffer []byte) (string, error)
	// secret returns the text that the network's tools export and import.
	secret() string
}

// schemeOf lists the schemes that exist. A new family is one more case and one
// more file.
func schemeOf(c message.Chain) (scheme, error) {
	switch c.Family() {
	case message.FamilyEVM:
		return evm{}, nil
	case message.FamilySolana:
		return solana{}, nil
	case message.FamilyNone:
		return nil, reason("chain %s has no signature scheme", c)
	case message.FamilySubstrate, message.FamilyCosmos, message.FamilyNULS, message.FamilyNULS2,
		message.FamilyTezos, message.FamilyAvalanche:
		return nil, reason("unknown chain %s: this version does not support its signatures", c)
	}
	return nil, reason("unknown chain %q", c)
}

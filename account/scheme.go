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
	// mnemonic.
	derive(p phrase) ([]byte, error)
	// checkAddress returns nil when an address could be a sender's.
	checkAddress(address message.Address) error
}

// textScheme is a scheme whose tools write secrets in a form of their own.
type textScheme interface {
	// parse reads that form; false is some other text.
	parse(text string) (signer, bool, error)
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
	case message.FamilySubstrate:
		return substrate{}, nil
	case message.FamilyCosmos:
		return cosmos{}, nil
	case message.FamilyNULS:
		return nuls{}, nil
	case message.FamilyNULS2:
		return nuls2{}, nil
	case message.FamilyTezos:
		return tezos{}, nil
	case message.FamilyAvalanche:
		return avalanche{}, nil
	case message.FamilyNone:
		return nil, reason("chain %s has no signature scheme", c)
	}
	return nil, reason("unknown chain %q", c)
}

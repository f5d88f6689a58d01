package account

import (
	"aleph/message"
)

// rawScheme is a scheme that can also check signatures over bytes that are no
// message.
type rawScheme interface {
	verifyBytes(signer message.Address, buffer []byte, signature string) error
}

// rawSigner is the other end of [rawScheme].
type rawSigner interface {
	signBytes(buffer []byte) (string, error)
}

// VerifyBytes checks a signature over bytes that are no message, such as those
// of an owner's request to a compute host. The signature is hexadecimal, with
// or without 0x: 65 bytes by EIP-191 for chains of the Ethereum family, 64
// bytes of Ed25519 for Solana's. The error is [message.ErrInvalid].
// // spec crn 1.4.1
func VerifyBytes(chain message.Chain, address message.Address, buffer []byte, signature string) error {
	s, err := schemeOf(chain)
	if err != nil {
		return err
	}
	raw, ok := s.(rawScheme)
	if !ok {
		return reason("chain %s signs no such bytes", chain)
	}
	return raw.verifyBytes(address, buffer, signature)
}

// SignBytes signs bytes that are no message, as [VerifyBytes] checks them. The
// signature is 0x and hexadecimal. // spec crn 1.4.1
func (k *Key) SignBytes(buffer []byte) (string, error) {
	raw, ok := k.signer.(rawSigner)
	if !ok {
		return "", reason("chain %s signs no such bytes", k.chain)
	}
	return raw.signBytes(buffer)
}

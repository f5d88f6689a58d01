package account

import (
	"crypto/ed25519"
	"encoding/hex"
	"strings"

	"github.com/ethereum/go-ethereum/crypto"
	"github.com/mr-tron/base58"

	"aleph/message"
)

// VerifyBytes checks a signature over bytes that are no message, such as those
// of an owner's request to a compute host. The signature is hexadecimal, with
// or without 0x: 65 bytes by EIP-191 for chains of the Ethereum family, 64
// bytes of Ed25519 for Solana. The error is [message.ErrInvalid].
// // spec crn 1.4.1
func VerifyBytes(chain message.Chain, address message.Address, buffer []byte, signature string) error {
	switch chain.Family() {
	case message.FamilyEVM:
		return verifyPersonal(address, buffer, signature)
	case message.FamilySolana:
		return verifyEd25519(address, buffer, signature)
	case message.FamilySubstrate, message.FamilyCosmos, message.FamilyNULS, message.FamilyNULS2,
		message.FamilyTezos, message.FamilyAvalanche, message.FamilyNone:
	}
	return reason("chain %q signs no such bytes", chain)
}

func verifyPersonal(address message.Address, buffer []byte, text string) error {
	signature, err := parseEVMSignature(text)
	if err != nil {
		return err
	}
	public, err := crypto.SigToPub(personalDigest(buffer), signature[:])
	if err != nil {
		return reason("no key has made it")
	}
	if made := crypto.PubkeyToAddress(*public).Hex(); !strings.EqualFold(made, string(address)) {
		return reason("it was made by %s", made)
	}
	return nil
}

func verifyEd25519(address message.Address, buffer []byte, text string) error {
	public, err := base58.Decode(string(address))
	if err != nil || len(public) != ed25519.PublicKeySize {
		return reason("the address is not 32 bytes in base58")
	}
	signature, err := hex.DecodeString(strings.TrimPrefix(text, "0x"))
	if err != nil || len(signature) != ed25519.SignatureSize {
		return reason("it is not 64 bytes in hex")
	}
	if !ed25519.Verify(public, buffer, signature) {
		return reason("the key did not make it")
	}
	return nil
}

// SignBytes signs bytes that are no message, as [VerifyBytes] checks them. The
// signature is 0x and hexadecimal. // spec crn 1.4.1
func (k *Key) SignBytes(buffer []byte) (string, error) {
	switch key := k.signer.(type) {
	case *evmKey:
		return key.sign(buffer)
	case *solanaKey:
		return "0x" + hex.EncodeToString(ed25519.Sign(key.key, buffer)), nil
	}
	return "", reason("chain %q signs no such bytes", k.chain)
}

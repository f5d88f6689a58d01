package account

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"

	"aleph/message"
)

// Key is an account whose secret this process holds. Printing one, in whatever
// way, shows its address only.
type Key struct {
	chain  message.Chain
	signer signer
}

var (
	_ Account        = (*Key)(nil)
	_ fmt.Formatter  = Key{}
	_ slog.LogValuer = Key{}
)

// NewKey makes a fresh random key.
func NewKey(chain message.Chain) (*Key, error) {
	var secret [32]byte
	_, _ = rand.Read(secret[:]) // never fails: the program ends instead
	return ImportBytes(chain, secret[:])
}

// ImportBytes makes a key of its raw bytes: 32 for every chain, or 64 for
// Solana's, whose second half is the public key, and for Substrate's, whose
// second half is a nonce. Those of Tezos are a seed of Ed25519. It keeps
// nothing of secret.
func ImportBytes(chain message.Chain, secret []byte) (*Key, error) {
	s, err := schemeOf(chain)
	if err != nil {
		return nil, fmt.Errorf("import key: %w", err)
	}
	signer, err := s.signer(secret)
	if err != nil {
		return nil, fmt.Errorf("import key of chain %s: %w", chain, err)
	}
	return &Key{chain: chain, signer: signer}, nil
}

// ImportKey makes a key of a text: hex with or without 0x, base58, a mnemonic
// of BIP-39, which gives the first account that wallets show, or the form of
// the chain's own tools: edsk, spsk and p2sk of Tezos, PrivateKey- of
// Avalanche, with P- or C- before it for an address on one of these chains, and
// secret URIs of Substrate, WORDS//hard/soft///password.
func ImportKey(chain message.Chain, text string) (*Key, error) {
	s, err := schemeOf(chain)
	if err != nil {
		return nil, fmt.Errorf("import key: %w", err)
	}
	signer, err := parseSecret(s, strings.TrimSpace(text))
	if err != nil {
		return nil, fmt.Errorf("import key of chain %s: %w", chain, err)
	}
	return &Key{chain: chain, signer: signer}, nil
}

func parseSecret(s scheme, text string) (signer, error) {
	if own, ok := s.(textScheme); ok {
		if key, found, err := own.parse(text); found {
			return key, err
		}
	}
	if strings.ContainsAny(text, " \t\r\n") {
		words, err := parsePhrase(text)
		if err != nil {
			return nil, err
		}
		secret, err := s.derive(words)
		if err != nil {
			return nil, err
		}
		return s.signer(secret)
	}
	digits, prefixed := strings.CutPrefix(text, "0x")
	if prefixed || len(digits) == 64 || len(digits) == 128 {
		if secret, err := hex.DecodeString(digits); err == nil {
			return s.signer(secret)
		}
	}
	if secret, err := decodeBase58(text); err == nil && len(secret) >= 32 {
		return s.signer(secret)
	}
	return nil, reason("secret is neither hex, nor base58, nor a mnemonic")
}

// Chain returns the chain that the key signs for.
func (k *Key) Chain() message.Chain { return k.chain }

// Address returns the key's address: in the mixed case of EIP-55 for Ethereum's
// family, the public key in base58 for Solana's, and so on. Where a chain has
// several networks it is the main one's, or Substrate's generic form.
func (k *Key) Address() message.Address { return k.signer.address() }

// Sign signs buffer by the scheme of the key's chain.
func (k *Key) Sign(buffer []byte) (string, error) { return k.signer.sign(buffer) }

// Secret returns the private key as text that [ImportKey] and the network's
// other tools read: 0x and hex for Ethereum's family, base58 for Solana's, and
// the form that is usual elsewhere.
func (k *Key) Secret() string { return k.signer.secret() }

// Format writes the chain and the address, whatever the verb.
func (k Key) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, k.label()) }

// LogValue is the chain and the address.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.label()) }

func (k Key) label() string {
	if k.signer == nil {
		return "no key"
	}
	return string(k.chain) + " " + string(k.signer.address())
}

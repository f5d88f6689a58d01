package account

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"
	"golang.org/x/crypto/scrypt"

	"aleph/message"
)

// sealed is the content of an encrypted key file, in JSON. Box is the secret's
// text, encrypted with XChaCha20-Poly1305 under a key that scrypt makes of the
// passphrase. Chain and address are readable, and authenticated with it.
type sealed struct {
	Version int             `json:"version"`
	Chain   message.Chain   `json:"chain"`
	Address message.Address `json:"address"`
	Scrypt  scryptCost      `json:"scrypt"`
	Salt    []byte          `json:"salt"`
	Nonce   []byte          `json:"nonce"`
	Box     []byte          `json:"box"`
}

const sealedVersion = 1

// scryptCost says how expensive it is to try a passphrase.
type scryptCost struct {
	N int `json:"n"`
	R int `json:"r"`
	P int `json:"p"`
}

// usualCost takes 128 MiB and a few tenths of a second for each try.
func usualCost() scryptCost { return scryptCost{N: 1 << 17, R: 8, P: 1} }

// maxScryptMemory bounds what a file can make us allocate, in bytes.
const maxScryptMemory = 1 << 30

// key makes the encryption key.
func (c scryptCost) key(passphrase string, salt []byte) ([]byte, error) {
	if c.N < 2 || c.R < 1 || c.P < 1 || c.R > 64 || c.P > 16 || c.N > maxScryptMemory/(128*c.R) {
		return nil, fmt.Errorf("%w: the cost of its passphrase is out of bounds", message.ErrInvalid)
	}
	return scrypt.Key([]byte(passphrase), salt, c.N, c.R, c.P, chacha20poly1305.KeySize)
}

// isSealed tells an encrypted key file from a plain one.
func isSealed(data []byte) bool { return bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) }

// seal encrypts the secret of k.
func seal(k *Key, passphrase string, cost scryptCost) ([]byte, error) {
	box := sealed{
		Version: sealedVersion, Chain: k.Chain(), Address: k.Address(), Scrypt: cost,
		Salt: make([]byte, 32), Nonce: make([]byte, chacha20poly1305.NonceSizeX),
	}
	_, _ = rand.Read(box.Salt) // never fails: the program ends instead
	_, _ = rand.Read(box.Nonce)
	key, err := cost.key(passphrase, box.Salt)
	if err != nil {
		return nil, err
	}
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return nil, err
	}
	box.Box = aead.Seal(nil, box.Nonce, []byte(k.Secret()), box.label())
	text, err := json.MarshalIndent(box, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(text, '\n'), nil
}

// label is what the encryption authenticates beside the secret.
func (s *sealed) label() []byte { return []byte(string(s.Chain) + "\n" + string(s.Address)) }

// parseSealed reads an encrypted key file without opening it.
func parseSealed(data []byte) (*sealed, error) {
	var box sealed
	if err := json.Unmarshal(data, &box); err != nil {
		return nil, fmt.Errorf("%w: it is damaged: %w", message.ErrInvalid, err)
	}
	if box.Version != sealedVersion {
		return nil, fmt.Errorf("%w: its version is %d, and only %d is known", message.ErrInvalid, box.Version, sealedVersion)
	}
	return &box, nil
}

// open decrypts the key.
func (s *sealed) open(passphrase string) (*Key, error) {
	key, err := s.Scrypt.key(passphrase, s.Salt)
	if err != nil {
		return nil, err
	}
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return nil, err
	}
	if len(s.Nonce) != aead.NonceSize() {
		return nil, fmt.Errorf("%w: it is damaged: its nonce has %d bytes", message.ErrInvalid, len(s.Nonce))
	}
	secret, err := aead.Open(nil, s.Nonce, s.Box, s.label())
	if err != nil {
		return nil, fmt.Errorf("%w: the passphrase is wrong, or the file was changed", message.ErrForbidden)
	}
	defer clear(secret)
	k, err := ImportKey(s.Chain, string(secret))
	if err != nil {
		return nil, err
	}
	if k.Address() != s.Address {
		return nil, fmt.Errorf("%w: it holds the key of another address than it says", message.ErrInvalid)
	}
	return k, nil
}

package account

import (
	"bytes"
	"crypto/pbkdf2"
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/oasisprotocol/curve25519-voi/curve/scalar"
	"github.com/oasisprotocol/curve25519-voi/primitives/merlin"
	"github.com/oasisprotocol/curve25519-voi/primitives/sr25519"
	"golang.org/x/crypto/blake2b"
)

// maxSecretURI bounds a secret with its path and password, in bytes.
const maxSecretURI = 4096

// parse reads a secret URI: words or a seed in hex, steps, and a password of
// the words.
//
//	bottom drive … fit walk//hard/soft///password
func (s substrate) parse(text string) (signer, bool, error) {
	at := strings.IndexByte(text, '/')
	if at < 0 {
		return nil, false, nil
	}
	if len(text) > maxSecretURI || !utf8.ValidString(text) {
		return nil, true, reason("secret URI is longer than %d bytes, or not UTF-8", maxSecretURI)
	}
	path, password, _ := strings.Cut(text[at:], "///")
	seed, err := s.seed(strings.TrimSpace(text[:at]), password)
	if err != nil {
		return nil, true, err
	}
	key, err := s.follow(seed, path)
	return key, true, err
}

// seed returns the mini secret that a path begins at.
func (s substrate) seed(text, password string) ([]byte, error) {
	if digits, plain := strings.CutPrefix(text, "0x"); plain {
		seed, err := hex.DecodeString(digits)
		if err != nil || len(seed) != sr25519.MiniSecretKeySize {
			return nil, reason("what stands before the path is not a seed of 32 bytes")
		}
		if password != "" {
			return nil, reason("only a mnemonic has a password")
		}
		return seed, nil
	}
	words, err := parsePhrase(text)
	if err != nil {
		return nil, err
	}
	return s.stretch(words, password)
}

// derive returns the account of a secret URI without a path.
// // spec clients 2.7
func (s substrate) derive(p phrase) ([]byte, error) { return s.stretch(p, "") }

// stretch makes a mini secret of the entropy of the words, where other chains
// stretch the words themselves.
func (substrate) stretch(p phrase, password string) ([]byte, error) {
	seed, err := pbkdf2.Key(sha512.New, string(p.entropy()), []byte("mnemonic"+password), 2048, sr25519.MiniSecretKeySize)
	if err != nil {
		return nil, reason("mnemonic gives no key: %s", err)
	}
	return seed, nil
}

// follow takes the steps of a path. After a soft one there is no seed any more,
// only an expanded key.
func (s substrate) follow(seed []byte, path string) (signer, error) {
	secret := seed
	for path != "" {
		rest, found := strings.CutPrefix(path, "/")
		if !found {
			return nil, reason("a step of the path does not begin with /")
		}
		rest, hard := strings.CutPrefix(rest, "/")
		end := strings.IndexByte(rest, '/')
		if end < 0 {
			end = len(rest)
		}
		code, err := chainCode(rest[:end])
		if err != nil {
			return nil, err
		}
		key, err := expand(secret)
		if err != nil {
			return nil, err
		}
		if hard {
			secret, err = hardStep(key, code)
		} else {
			secret, err = softStep(key, code)
		}
		if err != nil {
			return nil, err
		}
		path = rest[end:]
	}
	return s.signer(secret)
}

// chainCode is what a step is called, in 32 bytes: a number in little endian,
// or text after its length. Where the tools read a step in different ways there
// is no right one.
func chainCode(step string) (code [32]byte, err error) {
	if step == "" {
		return code, reason("a step of the path is empty")
	}
	if strings.Trim(step, "0123456789") == "" {
		number, err := strconv.ParseUint(step, 10, 64)
		if err != nil {
			return code, reason("a step of the path is a number above 64 bits, which tools do not agree about")
		}
		binary.LittleEndian.PutUint64(code[:], number)
		return code, nil
	}
	if strings.HasPrefix(step, "0x") || step[0] == '+' {
		return code, reason("a step of the path begins with 0x or +, which tools do not agree about")
	}
	// The length as SCALE writes it: text is never longer than two bytes hold.
	head := []byte{byte(len(step) << 2)}
	if len(step) >= 1<<6 {
		head = binary.LittleEndian.AppendUint16(nil, uint16(len(step)<<2|1))
	}
	whole := slices.Concat(head, []byte(step))
	if len(whole) > len(code) {
		return blake2b.Sum256(whole), nil
	}
	copy(code[:], whole)
	return code, nil
}

// expand returns the key of a mini secret or of its expanded form.
func expand(secret []byte) (*sr25519.SecretKey, error) {
	if len(secret) == sr25519.SecretKeySize {
		return parseExpanded(secret)
	}
	mini, err := sr25519.NewMiniSecretKeyFromBytes(secret)
	if err != nil {
		return nil, reason("not an sr25519 seed: %s", err)
	}
	return mini.ExpandEd25519(), nil
}

// derivation begins the transcript of a step, by schnorrkel.
func derivation(code [32]byte) *merlin.Transcript {
	t := merlin.NewTranscript("SchnorrRistrettoHDKD")
	t.AppendMessage("sign-bytes", nil)
	t.AppendMessage("chain-code", code[:])
	return t
}

// hardStep returns the mini secret of a child that only the secret gives.
func hardStep(key *sr25519.SecretKey, code [32]byte) ([]byte, error) {
	raw, err := key.MarshalBinary()
	if err != nil {
		return nil, reason("the path gives no key: %s", err)
	}
	t := derivation(code)
	t.AppendMessage("secret-key", raw[:sr25519.SecretKeyScalarSize])
	child := make([]byte, sr25519.MiniSecretKeySize)
	t.ExtractBytes(child, "HDKD-hard")
	return child, nil
}

// softStep returns the expanded form of a child whose public key the parent's
// gives too. Its second half seeds signatures and is nobody's business, so that
// other tools have another one there.
func softStep(key *sr25519.SecretKey, code [32]byte) ([]byte, error) {
	raw, err := key.MarshalBinary()
	if err != nil {
		return nil, reason("the path gives no key: %s", err)
	}
	public, err := key.PublicKey().MarshalBinary()
	if err != nil {
		return nil, reason("the path gives no key: %s", err)
	}
	t := derivation(code)
	t.AppendMessage("public-key", public)
	var wide [scalar.ScalarWideSize]byte
	t.ExtractBytes(wide[:], "HDKD-scalar")
	step, err := scalar.NewFromBytesModOrderWide(wide[:])
	if err != nil {
		return nil, reason("the path gives no key: %s", err)
	}
	own, err := scalar.NewFromCanonicalBytes(raw[:sr25519.SecretKeyScalarSize])
	if err != nil {
		return nil, reason("the path gives no key: %s", err)
	}
	var child [sr25519.SecretKeyScalarSize]byte
	if err := own.Add(own, step).ToBytes(child[:]); err != nil {
		return nil, reason("the path gives no key: %s", err)
	}
	nonce := sha512.Sum512(append(raw[sr25519.SecretKeyScalarSize:], wide[:]...))
	return append(timesEight(child), nonce[:sr25519.SecretKeyNonceSize]...), nil
}

// parseExpanded reads a key as the tools of Substrate hold one: eight times the
// scalar, and a nonce.
func parseExpanded(secret []byte) (*sr25519.SecretKey, error) {
	raw := bytes.Clone(secret)
	for i := range sr25519.SecretKeyScalarSize {
		raw[i] >>= 3
		if i+1 < sr25519.SecretKeyScalarSize {
			raw[i] |= secret[i+1] << 5
		}
	}
	key, err := sr25519.NewSecretKeyFromBytes(raw)
	if err != nil || secret[0]&7 != 0 || len(bytes.Trim(raw[:sr25519.SecretKeyScalarSize], "\x00")) == 0 {
		return nil, reason("not an expanded sr25519 key")
	}
	return key, nil
}

// timesEight multiplies a scalar, which leaves three bits for it.
func timesEight(s [sr25519.SecretKeyScalarSize]byte) []byte {
	out := make([]byte, len(s))
	for i := range s {
		out[i] = s[i] << 3
		if i > 0 {
			out[i] |= s[i-1] >> 5 //nolint:gosec // i is at least 1
		}
	}
	return out
}

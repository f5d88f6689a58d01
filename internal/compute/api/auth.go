package api

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"aleph/account"
	"aleph/message"
)

// The headers by which an owner proves control. // spec crn 1.4.1
const (
	pubKeyHeader    = "X-SignedPubKey"
	operationHeader = "X-SignedOperation"
)

// operationWindow is how far the clocks of owner and host may differ.
const operationWindow = 120 * time.Second // spec crn 1.4.1

// signed is a payload and its signature, both in hexadecimal.
type signed struct {
	Payload   string `json:"payload"`
	Signature string `json:"signature"`
}

// sessionKey is the short-lived key that a wallet vouched for.
type sessionKey struct {
	public  *ecdsa.PublicKey
	address message.Address
}

// authenticate returns the wallet that signed a request, by the two headers.
// The order of the checks and the texts are the protocol's. // spec crn 1.4.1
func (s *Server) authenticate(r *http.Request) (message.Address, error) {
	text := r.Header.Get(pubKeyHeader)
	if text == "" {
		return "", failf(http.StatusBadRequest, "Missing X-SignedPubKey header")
	}
	var vouched signed
	if !decodeObject(text, &vouched) {
		return "", failf(http.StatusBadRequest, "Invalid X-SignedPubKey format")
	}
	key, err := s.verifyPubKey(&vouched)
	if err != nil {
		return "", err
	}
	text = r.Header.Get(operationHeader)
	if text == "" {
		return "", failf(http.StatusBadRequest, "Missing X-SignedOperation header")
	}
	var operation signed
	if !decodeObject(text, &operation) {
		return "", failf(http.StatusBadRequest, "Invalid X-SignedOperation fields")
	}
	if err := s.verifyOperation(key, &operation, r); err != nil {
		return "", err
	}
	return key.address, nil
}

// decodeObject reads a JSON object and nothing after it.
func decodeObject(text string, v any) bool {
	return strings.HasPrefix(strings.TrimSpace(text), "{") && json.Unmarshal([]byte(text), v) == nil
}

// verifyPubKey checks that a wallet vouches for a session key. // spec crn 1.4.1
func (s *Server) verifyPubKey(v *signed) (*sessionKey, error) {
	invalid := failf(http.StatusBadRequest, "Invalid X-SignedPubKey data")
	raw, err := hex.DecodeString(v.Payload)
	if err != nil || len(raw) == 0 {
		return nil, invalid
	}
	var payload struct {
		PubKey  json.RawMessage `json:"pubkey"`
		Address message.Address `json:"address"`
		Expires string          `json:"expires"`
		Chain   *message.Chain  `json:"chain"`
	}
	if !decodeObject(string(raw), &payload) || payload.Address == "" {
		return nil, invalid
	}
	public, err := parseJWK(payload.PubKey)
	if err != nil {
		return nil, invalid
	}
	expires, err := parseTime(payload.Expires)
	if err != nil {
		return nil, invalid
	}
	chain := message.ChainEthereum
	if payload.Chain != nil {
		chain = *payload.Chain
	}
	if !expires.After(s.now()) {
		return nil, failf(http.StatusUnauthorized, "Token expired")
	}
	var covered []byte
	switch chain {
	case message.ChainEthereum:
		covered = raw
		if !plainRecovery(v.Signature) {
			return nil, failf(http.StatusUnauthorized, "Invalid signature")
		}
	case message.ChainSolana:
		covered = []byte(v.Payload) // the text, not what it encodes
	default:
		return nil, invalid
	}
	if v.Signature == "" {
		return nil, invalid
	}
	if err := account.VerifyBytes(chain, payload.Address, covered, v.Signature); err != nil {
		return nil, failf(http.StatusUnauthorized, "Invalid signature")
	}
	return &sessionKey{public: public, address: payload.Address}, nil
}

// plainRecovery reports whether the last byte of a signature is one of the
// four that this scheme allows; messages allow more.
func plainRecovery(signature string) bool {
	if len(signature) < 2 {
		return true // refused for what it is elsewhere
	}
	switch strings.ToLower(signature[len(signature)-2:]) {
	case "00", "01", "1b", "1c":
		return true
	}
	return false
}

// parseJWK reads a P-256 public key.
func parseJWK(raw json.RawMessage) (*ecdsa.PublicKey, error) {
	var jwk struct {
		Kty string `json:"kty"`
		Crv string `json:"crv"`
		X   string `json:"x"`
		Y   string `json:"y"`
	}
	if err := json.Unmarshal(raw, &jwk); err != nil {
		return nil, err
	}
	if jwk.Kty != "EC" || jwk.Crv != "P-256" {
		return nil, errors.New("not a P-256 key")
	}
	const size = 32
	point := make([]byte, 1, 1+2*size)
	point[0] = 4 // uncompressed
	for _, text := range []string{jwk.X, jwk.Y} {
		b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
		if err != nil || len(b) > size {
			return nil, errors.New("not a coordinate")
		}
		point = append(append(point, make([]byte, size-len(b))...), b...)
	}
	return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
}

// parseTime reads ISO 8601 with a zone. // spec crn 1.4.1
func parseTime(text string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999-0700", "2006-01-02 15:04:05.999999999Z07:00"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, errors.New("not a time with a zone")
}

// operation is what a session key signed.
type operation struct {
	Time   string `json:"time"`
	Method string `json:"method"`
	Domain string `json:"domain"`
	Path   string `json:"path"`
}

// verifyOperation checks the signature over one request. A nil request is that
// of a WebSocket, of which only the domain is bound. // spec crn 1.4.1
func (s *Server) verifyOperation(key *sessionKey, v *signed, r *http.Request) error {
	invalid := failf(http.StatusBadRequest, "Invalid X-SignedOperation fields")
	raw, err := hex.DecodeString(v.Payload)
	if err != nil || len(raw) == 0 {
		return invalid
	}
	signature, err := hex.DecodeString(strings.TrimPrefix(v.Signature, "0x"))
	if err != nil {
		return invalid
	}
	var op operation
	if !decodeObject(string(raw), &op) {
		return invalid
	}
	at, err := parseTime(op.Time)
	if err != nil || at.Sub(s.now()).Abs() > operationWindow {
		return invalid
	}
	switch op.Method {
	case http.MethodGet, http.MethodPost, http.MethodDelete:
	default:
		return invalid
	}
	if !sameDomain(op.Domain, s.cfg.DomainName) {
		return failf(http.StatusUnauthorized, "Invalid domain: Signed: '%s' != Request: '%s'", op.Domain, s.cfg.DomainName)
	}
	if r != nil && op.Path != r.URL.Path {
		return failf(http.StatusUnauthorized, "Invalid path. Signed: '%s' !=  requested path: '%s'", op.Path, r.URL.Path)
	}
	if r != nil && op.Method != r.Method {
		return failf(http.StatusUnauthorized, "Invalid method. Signed: '%s' !=  request:'%s", op.Method, r.Method)
	}
	if !verifyES256(key.public, raw, signature) {
		return failf(http.StatusUnauthorized, "Signature could not verified")
	}
	return nil
}

// verifyES256 checks r ‖ s over the SHA-256 of b.
func verifyES256(key *ecdsa.PublicKey, b, signature []byte) bool {
	const half = 32
	if len(signature) != 2*half {
		return false
	}
	sum := sha256.Sum256(b)
	return ecdsa.Verify(key, sum[:], new(big.Int).SetBytes(signature[:half]), new(big.Int).SetBytes(signature[half:]))
}

// sameDomain reports whether an owner signed for this host. A host on loopback
// has several names, and nobody else can be reached by any of them.
func sameDomain(signed, own string) bool {
	return signed == own || (isLoopback(signed) && isLoopback(own))
}

func isLoopback(name string) bool {
	if name == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(strings.Trim(name, "[]"))
	return err == nil && ip.IsLoopback()
}

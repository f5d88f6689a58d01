package client

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"aleph/account"
	"aleph/message"
)

// RawSigner signs bytes that are no message, the way its wallet does.
type RawSigner interface {
	account.Account
	// SignBytes returns the signature in hexadecimal.
	SignBytes(buffer []byte) (string, error)
}

// The headers by which an owner proves control of a machine.
// // spec crn 1.4.1
const (
	pubKeyHeader    = "X-SignedPubKey"
	operationHeader = "X-SignedOperation"
	sessionLifetime = 24 * time.Hour
)

// signedPayload is a payload and its signature, both in hexadecimal.
type signedPayload struct {
	Payload   string `json:"payload"`
	Signature string `json:"signature"`
}

// ownerSession is a short-lived key that a wallet vouches for.
type ownerSession struct {
	key    *ecdsa.PrivateKey
	domain string
	pubKey signedPayload
}

// newOwnerSession makes a key and lets the wallet sign it. // spec clients 2.5
func newOwnerSession(signer RawSigner, domain string) (*ownerSession, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a session key: %w", err)
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		return nil, fmt.Errorf("make a session key: %w", err)
	}
	const size = 32 // of a coordinate; the first byte of the point says that it is uncompressed
	text64 := base64.RawURLEncoding.EncodeToString
	chain := message.ChainEthereum
	if signer.Chain().Family() == message.FamilySolana {
		chain = message.ChainSolana
	}
	payload, err := compactJSON(map[string]any{
		"pubkey": map[string]string{"kty": "EC", "crv": "P-256", "x": text64(point[1 : 1+size]), "y": text64(point[1+size:])},
		"alg":    "ECDSA", "domain": domain, "address": signer.Address(), "chain": chain,
		"expires": time.Now().Add(sessionLifetime).UTC().Format(time.RFC3339Nano),
	})
	if err != nil {
		return nil, err
	}
	covered := payload
	if chain == message.ChainSolana { // its wallets sign the text, not what it encodes
		covered = []byte(hex.EncodeToString(payload))
	}
	signature, err := signer.SignBytes(covered)
	if err != nil {
		return nil, fmt.Errorf("sign the session key: %w", err)
	}
	return &ownerSession{key: key, domain: domain, pubKey: signedPayload{hex.EncodeToString(payload), signature}}, nil
}

// operation signs one request.
func (s *ownerSession) operation(method, path string) (signedPayload, error) {
	payload, err := compactJSON(map[string]string{
		"time": time.Now().UTC().Format(time.RFC3339Nano), "method": method, "path": path, "domain": s.domain,
	})
	if err != nil {
		return signedPayload{}, err
	}
	digest := sha256.Sum256(payload)
	r, v, err := ecdsa.Sign(rand.Reader, s.key, digest[:])
	if err != nil {
		return signedPayload{}, fmt.Errorf("sign the operation: %w", err)
	}
	const size = 32
	raw := make([]byte, 2*size)
	r.FillBytes(raw[:size])
	v.FillBytes(raw[size:])
	return signedPayload{hex.EncodeToString(payload), hex.EncodeToString(raw)}, nil
}

// operate makes one request as the owner of a machine.
func (c *Client) operate(ctx context.Context, signer RawSigner, method, path string, into any) error {
	base, err := c.computeBase()
	if err != nil {
		return err
	}
	u, err := url.Parse(base)
	if err != nil {
		return fmt.Errorf("%w: %w", message.ErrInvalid, err)
	}
	session, err := newOwnerSession(signer, u.Hostname())
	if err != nil {
		return err
	}
	operation, err := session.operation(method, path)
	if err != nil {
		return err
	}
	ctx, cancel := deadline(ctx, c.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, base+path, http.NoBody)
	if err != nil {
		return fmt.Errorf("%w: %w", message.ErrInvalid, err)
	}
	for name, value := range map[string]signedPayload{pubKeyHeader: session.pubKey, operationHeader: operation} {
		text, err := compactJSON(value)
		if err != nil {
			return err
		}
		req.Header.Set(name, string(text))
	}
	_, body, fail, err := c.exchange(req)
	if err != nil || fail != nil {
		return firstError(err, fail)
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(body, into); err != nil {
		return decodeError(path, err)
	}
	return nil
}

// LogEntry is one line that a machine wrote.
type LogEntry struct {
	// Stream is stdout or stderr.
	Stream string
	Time   time.Time
	Text   string
}

// Logs returns what a compute host kept of a machine's output, oldest first.
// // spec crn 1.8
func (c *Client) Logs(ctx context.Context, signer RawSigner, machine message.Hash) ([]LogEntry, error) {
	var lines []struct {
		Text   string `json:"MESSAGE"`
		Stream string `json:"file"`
		Time   string `json:"__REALTIME_TIMESTAMP"`
	}
	if err := c.operate(ctx, signer, http.MethodGet, "/control/machine/"+string(machine)+"/logs", &lines); err != nil {
		return nil, fmt.Errorf("logs of %s: %w", machine, err)
	}
	entries := make([]LogEntry, len(lines))
	for i, line := range lines {
		at, err := time.Parse(time.RFC3339Nano, strings.Replace(line.Time, " ", "T", 1))
		if err != nil {
			return nil, decodeError("logs of "+string(machine), err)
		}
		entries[i] = LogEntry{Stream: line.Stream, Time: at, Text: line.Text}
	}
	return entries, nil
}

// Erase stops a machine and deletes its data. // spec crn 1.8
func (c *Client) Erase(ctx context.Context, signer RawSigner, machine message.Hash) error {
	err := c.operate(ctx, signer, http.MethodPost, "/control/machine/"+string(machine)+"/erase", nil)
	if err != nil {
		return fmt.Errorf("erase %s: %w", machine, err)
	}
	return nil
}

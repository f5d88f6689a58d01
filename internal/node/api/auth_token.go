package api

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
)

// Auth says who may use the administrative routes. // spec messages 8.7
type Auth struct {
	PublicKey   string        `yaml:"public_key" doc:"secp256k1 key, compressed and in hex, that signs tokens of administrators; empty refuses all"`
	MaxTokenAge time.Duration `yaml:"max_token_age" doc:"how long a token of an administrator is valid"`
}

// tokenAhead is how far the clock of who made a token may be ahead.
const tokenAhead = 30 * time.Second // spec messages 8.7

func (a Auth) key() (*secp256k1.PublicKey, error) {
	if a.PublicKey == "" {
		return nil, nil //nolint:nilnil // nobody may
	}
	raw, err := hex.DecodeString(a.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("node API: auth.public_key is no hex text: %w", err)
	}
	key, err := secp256k1.ParsePubKey(raw)
	if err != nil {
		return nil, fmt.Errorf("node API: auth.public_key is no key: %w", err)
	}
	return key, nil
}

// authorize lets only those pass who hold the key of the administrator.
// // spec ccn-http-api 9.4
func (a *API) authorize(r *http.Request) error {
	token := r.Header.Get("X-Auth-Token")
	if token == "" {
		return failToken("Missing X-Auth-Token header")
	}
	if !a.validToken(token) {
		return failToken("Invalid or expired authentication token")
	}
	return nil
}

func failToken(text string) error {
	f := failText(http.StatusUnauthorized, "%s", text)
	f.header = http.Header{"Www-Authenticate": {"Bearer"}}
	return f
}

// validToken checks a token: base64 of the seconds, a colon, and base64 of their
// signature. // spec messages 8.7
func (a *API) validToken(token string) bool {
	raw, err := base64.StdEncoding.DecodeString(token)
	if err != nil || a.authKey == nil {
		return false
	}
	at, encoded, ok := strings.Cut(string(raw), ":")
	seconds, err := strconv.ParseInt(at, 10, 64)
	if !ok || err != nil {
		return false
	}
	now := a.Now().Unix()
	if seconds < now-int64(a.cfg.Auth.MaxTokenAge/time.Second) || seconds > now+int64(tokenAhead/time.Second) {
		return false
	}
	der, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return false
	}
	signature, err := ecdsa.ParseDERSignature(der)
	if err != nil {
		return false
	}
	digest := sha256.Sum256([]byte(at))
	return signature.Verify(digest[:], a.authKey)
}

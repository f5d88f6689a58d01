package client_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"aleph/account"
	"aleph/client"
	"aleph/message"
)

func TestCallFunction(t *testing.T) {
	t.Parallel()
	c := newNode(t, routes{"PUT /vm/{hash}/a/b": func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set(client.FunctionHeader, r.PathValue("hash"))
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprintf(w, "%s %s %s", r.URL.RawQuery, r.Header.Get("X-Mine"), body)
	}})
	res, err := c.CallFunction(t.Context(), someHash, http.MethodPut, "/a/b?x=1", http.Header{"X-Mine": {"yes"}}, strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusTeapot || string(body) != "x=1 yes body" || res.Header.Get(client.FunctionHeader) != string(someHash) {
		t.Errorf("answer is %d %q, %v", res.StatusCode, body, err)
	}
	if got := c.FunctionURL(someHash); got != c.Compute()+"/vm/"+string(someHash)+"/" {
		t.Errorf("URL is %s", got)
	}
}

func TestListsOfAHost(t *testing.T) {
	t.Parallel()
	c := newNode(t, routes{
		"GET /v2/about/executions/list": says(http.StatusOK, `{"`+string(someHash)+`":{"networking":{},"status":{"started_at":"2025"},"running":true,"vm_type":"microvm"}}`),
		"GET /about/runtimes":           says(http.StatusOK, `[{"name":"python","image":null,"building":{"step":2,"steps":5,"text":"unpack"},"error":""}]`),
	})
	list, err := c.Executions(t.Context())
	if err != nil || !list[someHash].Running || list[someHash].Type != "microvm" {
		t.Errorf("executions are %v, %v", list, err)
	}
	runtimes, err := c.Runtimes(t.Context())
	if err != nil || len(runtimes) != 1 || runtimes[0].Building.Step != 2 {
		t.Errorf("runtimes are %v, %v", runtimes, err)
	}
	none, err := client.New(client.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := none.Executions(t.Context()); !errors.Is(err, message.ErrInvalid) {
		t.Errorf("without a host: %v", err)
	}
}

// checkOwner does what a compute host does with the headers of an owner.
func checkOwner(t *testing.T, r *http.Request, owner *account.Key) {
	t.Helper()
	type signed struct{ Payload, Signature string }
	read := func(name string, into any) (payload []byte, signature string) {
		var s signed
		if err := json.Unmarshal([]byte(r.Header.Get(name)), &s); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		payload, err := hex.DecodeString(s.Payload)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(payload, into); err != nil {
			t.Fatal(err)
		}
		return payload, s.Signature
	}
	var session struct {
		PubKey                      struct{ Kty, Crv, X, Y string }
		Alg, Domain, Address, Chain string
		Expires                     time.Time
	}
	payload, signature := read("X-SignedPubKey", &session)
	if session.Chain == string(message.ChainSolana) {
		payload = []byte(hex.EncodeToString(payload))
	}
	if err := account.VerifyBytes(owner.Chain(), owner.Address(), payload, signature); err != nil {
		t.Errorf("the wallet did not sign the session key: %v", err)
	}
	if session.Domain != "127.0.0.1" || session.Address != string(owner.Address()) || time.Until(session.Expires) < time.Hour {
		t.Errorf("session is %+v", session)
	}
	var operation struct{ Method, Path, Domain string }
	payload, signature = read("X-SignedOperation", &operation)
	if operation.Method != r.Method || operation.Path != r.URL.Path || operation.Domain != session.Domain {
		t.Errorf("operation is %+v", operation)
	}
	point := []byte{4} // uncompressed
	for _, text := range []string{session.PubKey.X, session.PubKey.Y} {
		coordinate, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		point = append(point, coordinate...)
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := hex.DecodeString(signature)
	if err != nil || len(raw) != 64 {
		t.Fatalf("signature of the operation is %q", signature)
	}
	digest := sha256.Sum256(payload)
	if !ecdsa.Verify(public, digest[:], new(big.Int).SetBytes(raw[:32]), new(big.Int).SetBytes(raw[32:])) {
		t.Error("the session key did not sign the operation")
	}
}

func TestOperationsOfAnOwner(t *testing.T) {
	t.Parallel()
	for _, chain := range []message.Chain{message.ChainEthereum, message.ChainSolana} {
		owner, err := account.NewKey(chain)
		if err != nil {
			t.Fatal(err)
		}
		c := newNode(t, routes{
			"GET /control/machine/{hash}/logs": func(w http.ResponseWriter, r *http.Request) {
				checkOwner(t, r, owner)
				fmt.Fprint(w, `[{"SYSLOG_IDENTIFIER":"x","MESSAGE":"hello","file":"stdout","__REALTIME_TIMESTAMP":"2025-01-01 10:00:00.5+00:00"}]`)
			},
			"POST /control/machine/{hash}/erase": func(w http.ResponseWriter, r *http.Request) {
				checkOwner(t, r, owner)
				http.Error(w, "403: Forbidden", http.StatusForbidden)
			},
		})
		lines, err := c.Logs(t.Context(), owner, someHash)
		want := time.Date(2025, 1, 1, 10, 0, 0, 5e8, time.UTC)
		if err != nil || len(lines) != 1 || lines[0].Text != "hello" || lines[0].Stream != "stdout" || !lines[0].Time.Equal(want) {
			t.Errorf("logs are %v, %v", lines, err)
		}
		if err := c.Erase(t.Context(), owner, someHash); !errors.Is(err, message.ErrForbidden) {
			t.Errorf("erase: %v", err)
		}
	}
}

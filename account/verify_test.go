package account_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha512"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/mr-tron/base58"

	"aleph/account"
	"aleph/message"
)

// Every byte of what a signature covers counts, and every byte of itself.
func TestFlippedBytesAreRefused(t *testing.T) {
	t.Parallel()
	for _, v := range vectors(t) {
		if !v.Valid {
			continue
		}
		free := freeBytes(v)
		change := func(what string, i int, edit func(*message.Message)) {
			m := v.message()
			edit(m)
			err := account.Verify(m)
			r, ok := errors.AsType[*message.Rejection](err)
			if !ok {
				t.Errorf("%s: %s with byte %d changed: %v", v.Name, what, i, err)
			} else if r.Code != message.CodeInvalidSignature && what != "chain" {
				t.Errorf("%s: %s with byte %d changed: code %v", v.Name, what, i, r.Code)
			}
		}
		for i := range v.ItemHash {
			change("item hash", i, func(m *message.Message) { m.ItemHash = message.Hash(flip(string(m.ItemHash), i)) })
		}
		for i := range v.Sender {
			change("sender", i, func(m *message.Message) { m.Sender = message.Address(flip(string(m.Sender), i)) })
		}
		for i := range v.Signature {
			if slices.Contains(free, i) {
				continue
			}
			change("signature", i, func(m *message.Message) { m.Signature = flip(m.Signature, i) })
		}
		change("type", 0, func(m *message.Message) { m.Type = message.TypeStore })
		for i, other := range message.Chains() {
			if other != v.Chain {
				change("chain", i, func(m *message.Message) { m.Chain = other })
			}
		}
	}
}

// freeBytes are the positions of a signature that mean nothing.
func freeBytes(v vector) (free []int) {
	switch v.Chain.Family() {
	case message.FamilyEVM:
		free = []int{130} // a last byte of 0x2c means the same as 0x1c, by EIP-155
	case message.FamilyNULS:
		free = []int{68, 69} // the kind of curve, which nobody looks at
	case message.FamilyCosmos:
		// Of the last digit of base64 only two bits count, here and in Python.
		free = []int{strings.Index(v.Signature, "==") - 1}
	case message.FamilySubstrate, message.FamilyTezos:
		// Members that may be left out, when they say what counts without them.
		for _, name := range []string{`"curve"`, `"dAppUrl"`} {
			at := strings.Index(v.Signature, name)
			for i := range name {
				if at >= 0 && i > 0 && i < len(name)-1 {
					free = append(free, at+i)
				}
			}
		}
	case message.FamilySolana, message.FamilyNULS2, message.FamilyAvalanche, message.FamilyNone:
	}
	return free
}

// flip changes the character at i to another one that is legal there, so that
// the check refuses the meaning and not the spelling.
func flip(s string, i int) string {
	with := byte('1')
	if s[i] == '1' {
		with = '2'
	}
	return s[:i] + string(with) + s[i+1:]
}

func TestEVMSignatureForms(t *testing.T) {
	t.Parallel()
	v := vectorNamed(t, "node ETH")
	rs, last := v.Signature[2:130], v.Signature[130:]
	if last != "1c" {
		t.Fatalf("vector ends in %s", last)
	}
	const (
		order = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"
		zero  = "0000000000000000000000000000000000000000000000000000000000000000"
	)
	for name, test := range map[string]struct {
		signature string
		ok        bool
	}{
		"v 28":               {"0x" + rs + "1c", true},
		"without prefix":     {rs + "1c", true},
		"upper case":         {"0X" + strings.ToUpper(rs) + "1C", true},
		"v 1":                {rs + "01", true},
		"EIP-155, chain 1":   {rs + "26", true}, // 38
		"v 35 is id 0":       {rs + "23", false},
		"v 36 is id 1":       {rs + "24", true},
		"v 255 is id 0":      {rs + "ff", false},
		"v 254 is id 1":      {rs + "fe", true},
		"other id":           {rs + "1b", false},
		"v 0":                {rs + "00", false},
		"v 2":                {rs + "02", false},
		"v 26":               {rs + "1a", false},
		"v 29":               {rs + "1d", false},
		"v 34":               {rs + "22", false},
		"one byte less":      {rs, false},
		"one byte more":      {rs + "1c00", false},
		"odd digits":         {rs + "1", false},
		"not hex":            {rs + "zz", false},
		"prefix twice":       {"0x0x" + rs + "1c", false},
		"r is zero":          {zero + rs[64:] + "1c", false},
		"s is zero":          {rs[:64] + zero + "1c", false},
		"r is the order":     {order + rs[64:] + "1c", false},
		"s is the order":     {rs[:64] + order + "1c", false},
		"a JSON object":      {`{"signature":"` + rs + `1c"}`, false},
		"nothing but prefix": {"0x", false},
	} {
		m := v.message()
		m.Signature = test.signature
		if err := account.Verify(m); (err == nil) != test.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A high s with the other recovery id is the same signature. // spec messages 2.4
	m := v.message()
	m.Signature = "0x" + rs[:64] + negate(t, rs[64:]) + "1b"
	if err := account.Verify(m); err != nil {
		t.Errorf("high s: %v", err)
	}
}

// The address is compared without case, but the buffer holds it as it is.
func TestEVMAddressCase(t *testing.T) {
	t.Parallel()
	key, err := account.NewKey(message.ChainEthereum)
	if err != nil {
		t.Fatal(err)
	}
	m := &message.Message{
		Chain: "ETH", Type: message.TypePost, ItemHash: message.HashOf(nil),
		Sender: message.Address(strings.ToLower(string(key.Address()))),
	}
	if m.Signature, err = key.Sign(m.SigningBuffer()); err != nil {
		t.Fatal(err)
	}
	if err := account.Verify(m); err != nil {
		t.Errorf("lower-case sender: %v", err)
	}
	m.Sender = key.Address()
	if err := account.Verify(m); err == nil {
		t.Error("accepted a signature over another spelling of the sender")
	}
}

func TestSolanaSignatureForms(t *testing.T) {
	t.Parallel()
	v := vectorNamed(t, "node SOL")
	var parts struct{ Signature, PublicKey string }
	if err := json.Unmarshal([]byte(v.Signature), &parts); err != nil {
		t.Fatal(err)
	}
	both := fmt.Sprintf(`"signature":%q,"publicKey":%q`, parts.Signature, parts.PublicKey)
	for name, test := range map[string]struct {
		signature string
		ok        bool
	}{
		"plain":                 {`{` + both + `}`, true},
		"white space":           {" {\n" + both + "}\t", true},
		"version 1":             {`{` + both + `,"version":1}`, true},
		"more members":          {`{` + both + `,"x":[]}`, true},
		"last duplicate counts": {`{"signature":"x",` + both + `}`, true},
		"version 2":             {`{` + both + `,"version":2}`, false},
		"version is a string":   {`{` + both + `,"version":"1"}`, false},
		"version is null":       {`{` + both + `,"version":null}`, false},
		"no signature":          {fmt.Sprintf(`{"publicKey":%q}`, parts.PublicKey), false},
		"no public key":         {fmt.Sprintf(`{"signature":%q}`, parts.Signature), false},
		"other letter case":     {fmt.Sprintf(`{"Signature":%q,"PublicKey":%q}`, parts.Signature, parts.PublicKey), false},
		"public key is null":    {fmt.Sprintf(`{"signature":%q,"publicKey":null}`, parts.Signature), false},
		"signature is a number": {fmt.Sprintf(`{"signature":5,"publicKey":%q}`, parts.PublicKey), false},
		"short signature":       {fmt.Sprintf(`{"signature":%q,"publicKey":%q}`, parts.PublicKey, parts.PublicKey), false},
		"not base58":            {fmt.Sprintf(`{"signature":"0OIl","publicKey":%q}`, parts.PublicKey), false},
		"another public key":    {fmt.Sprintf(`{"signature":%q,"publicKey":"F25s3DdjXdCxYBhh2z8FBusVEMT4b9bGNFVKJi3wFoF4"}`, parts.Signature), false},
		"null":                  {`null`, false},
		"a list":                {`[]`, false},
		"plain base58":          {parts.Signature, false},
		"hex of Ethereum":       {"0x00", false},
	} {
		m := v.message()
		m.Signature = test.signature
		if err := account.Verify(m); (err == nil) != test.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Signatures that Go's Ed25519 accepts and libsodium's does not.
func TestDegenerateSolanaSignatures(t *testing.T) {
	t.Parallel()
	one := make([]byte, 32) // the neutral point
	one[0] = 1
	check := func(name string, public []byte, sign func(buffer []byte) []byte) {
		m := &message.Message{
			Sender: message.Address(base58.Encode(public)), Chain: "SOL", Type: message.TypePost, ItemHash: message.HashOf(nil),
		}
		signature := sign(m.SigningBuffer())
		m.Signature = fmt.Sprintf(`{"signature":%q,"publicKey":%q}`, base58.Encode(signature), m.Sender)
		if !ed25519.Verify(public, m.SigningBuffer(), signature) {
			t.Errorf("%s: the test is wrong: Go refuses it too", name)
		}
		if err := account.Verify(m); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	check("neutral public key", one, func([]byte) []byte { return append(bytes.Clone(one), make([]byte, 32)...) })

	// With a nonce of zero the owner of a key makes R the neutral point.
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{0x11}, 32))
	check("neutral R", key[32:], func(buffer []byte) []byte {
		expanded := sha512.Sum512(key[:32])
		scalar := expanded[:32]
		scalar[0] &= 248
		scalar[31] = scalar[31]&127 | 64
		sum := sha512.Sum512(slices.Concat(one, key[32:], buffer))
		order, ok := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
		if !ok {
			t.Fatal("not a number")
		}
		s := new(big.Int).Mul(littleEndian(sum[:]), littleEndian(scalar))
		bigEndian := s.Mod(s, order).FillBytes(make([]byte, 32))
		slices.Reverse(bigEndian)
		return append(bytes.Clone(one), bigEndian...)
	})
}

func littleEndian(b []byte) *big.Int {
	reversed := bytes.Clone(b)
	slices.Reverse(reversed)
	return new(big.Int).SetBytes(reversed)
}

func TestVerifyCodes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		chain     message.Chain
		signature string
		want      message.Code
	}{
		{"ETH", "", message.CodeInvalidSignature},
		{"SOL", "", message.CodeInvalidSignature},
		{"BASE", "0x00", message.CodeInvalidSignature},
		{"AURORA", "0x00", message.CodeInvalidFormat},
		{"STT", "", message.CodeInvalidFormat},
		{"TEZOS", "{}", message.CodeInvalidSignature},
		{"nonsense", "x", message.CodeInvalidFormat},
	} {
		err := account.Verify(&message.Message{Chain: test.chain, Signature: test.signature})
		r, ok := errors.AsType[*message.Rejection](err)
		if !ok || r.Code != test.want || len(r.Errors) != 1 {
			t.Errorf("%s: %v, want code %v", test.chain, err, test.want)
		}
	}
}

func TestEveryChainOfAFamilySigns(t *testing.T) {
	t.Parallel()
	for _, chain := range message.Chains() {
		key, err := account.NewKey(chain)
		if chain.Family() == message.FamilyNone {
			if !errors.Is(err, message.ErrInvalid) {
				t.Errorf("%s: %v", chain, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		m := &message.Message{Type: message.TypeVProgram, ItemHash: message.HashOf([]byte(chain))}
		if err := account.Sign(key, m); err != nil {
			t.Fatal(err)
		}
		if err := account.Verify(m); err != nil {
			t.Errorf("%s: %v", chain, err)
		}
		if err := account.CheckAddress(chain, key.Address()); err != nil {
			t.Errorf("%s: %v", chain, err)
		}
		again, err := account.ImportKey(chain, key.Secret())
		if err != nil || again.Address() != key.Address() {
			t.Errorf("%s: imported %v, then %v, %v", chain, key, again, err)
		}
	}
}

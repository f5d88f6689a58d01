package account_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"aleph/account"
	"aleph/message"
)

// keyOf makes a key of any bytes, also of Tezos' other curves.
func keyOf(t testing.TB, chain message.Chain, seed []byte) *account.Key {
	t.Helper()
	secret := sha256.Sum256(seed)
	if chain == "TEZOS" && len(seed) > 0 && seed[0]%3 != 0 {
		prefix := []string{"", "\x11\xa2\xe0\xc9", "\x10\x51\xee\xbd"}[seed[0]%3] // spsk, p2sk
		key, err := account.ImportKey(chain, account.Base58Check(prefix, secret[:]))
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	key, err := account.ImportBytes(chain, secret[:])
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// isNeutral reports whether a sender is the neutral element of Ristretto, in
// any of its spellings.
func isNeutral(sender message.Address) bool {
	if strings.Trim(string(sender), "0x") == "" {
		return true
	}
	public, err := account.SS58Key(strings.TrimSpace(string(sender)))
	return err == nil && strings.Trim(string(public), "\x00") == ""
}

// meaningOf returns what counts of a signature, or its text when it is not of
// the chain's form: two texts that mean the same verify alike. It is written for
// the tests, in other words than the code.
func meaningOf(chain message.Chain, signature string) []string {
	plain := []string{"plain", signature}
	switch chain.Family() {
	case message.FamilyEVM:
		data, err := hex.DecodeString(strings.TrimPrefix(strings.ToLower(signature), "0x"))
		if err != nil || len(data) != 65 {
			return plain
		}
		id, v := "none", data[64]
		switch {
		case v == 0 || v == 27 || v >= 35 && v%2 == 1:
			id = "even"
		case v == 1 || v == 28 || v >= 36:
			id = "odd"
		}
		return []string{string(data[:64]), id}
	case message.FamilyNULS:
		data, err := hex.DecodeString(signature)
		if err != nil || len(data) < 36 {
			return plain
		}
		// 34 is the kind of curve, 35 a length that may be beyond the end.
		if end := 36 + int(data[35]); data[35] < 0xfd && end >= len(data) {
			return []string{string(data[:34]), string(data[36:])}
		}
		return []string{string(data[:34]), string(data[35:])}
	case message.FamilyNULS2:
		return []string{fromBase64(signature)}
	case message.FamilyAvalanche, message.FamilyNone:
		return plain
	case message.FamilySolana:
		return memberMeaning(signature, map[string]string{"signature": "", "publicKey": "", "version": "1"})
	case message.FamilyTezos:
		return memberMeaning(signature, map[string]string{"signature": "", "publicKey": "", "signingType": `"raw"`, "dAppUrl": `"aleph.im"`})
	case message.FamilySubstrate:
		meaning := memberMeaning(signature, map[string]string{"data": "", "curve": `"sr25519"`})
		for i, text := range meaning {
			if digits, ok := strings.CutPrefix(text, `data="0x`); ok {
				meaning[i] = strings.ToLower(digits)
			}
		}
		return meaning
	case message.FamilyCosmos:
		return cosmosMeaning(signature)
	}
	return plain
}

// memberMeaning lists the members that count, with what stands for absent ones.
func memberMeaning(signature string, members map[string]string) []string {
	var parts map[string]any
	if json.Unmarshal([]byte(signature), &parts) != nil {
		return []string{"plain", signature}
	}
	var meaning []string
	for _, name := range []string{"signature", "publicKey", "version", "signingType", "dAppUrl", "data", "curve"} {
		otherwise, counts := members[name]
		if !counts {
			continue
		}
		text := otherwise
		if value, ok := parts[name]; ok {
			raw, err := json.Marshal(value)
			text = fmt.Sprint(string(raw), err)
			text = strings.TrimSuffix(text, "<nil>")
			text = strings.TrimSpace(text)
		}
		meaning = append(meaning, name+"="+text)
	}
	return meaning
}

func cosmosMeaning(signature string) []string {
	var parts struct {
		Signature string
		PubKey    struct{ Type, Value string } `json:"pub_key"`
	}
	// Names of members count with their letter case.
	if json.Unmarshal([]byte(signature), &parts) != nil || !strings.Contains(signature, `"signature":`) || !strings.Contains(signature, `"pub_key":`) ||
		!strings.Contains(signature, `"type":`) || !strings.Contains(signature, `"value":`) {
		return []string{"plain", signature}
	}
	return []string{fromBase64(parts.Signature), parts.PubKey.Type, fromBase64(parts.PubKey.Value)}
}

// fromBase64 decodes as loosely as Python does: the unused bits of the last
// digit are free.
func fromBase64(text string) string {
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return "not base64: " + text
	}
	return string(data)
}

package account_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/mr-tron/base58"

	"aleph/account"
	"aleph/message"
)

// form is a spelling of a signature that is valid or not.
type form struct {
	signature string
	ok        bool
}

func checkForms(t *testing.T, v vector, forms map[string]form) {
	t.Helper()
	for name, f := range forms {
		m := v.message()
		m.Signature = f.signature
		if err := account.Verify(m); (err == nil) != f.ok {
			t.Errorf("%s: %s: %v", v.Name, name, err)
		}
	}
}

// members reads the texts of a signature that is a JSON object.
func members(t *testing.T, signature string) map[string]any {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal([]byte(signature), &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// with returns the object with one member replaced, or removed when it is nil.
func with(t *testing.T, signature, key string, value any) string {
	t.Helper()
	all := members(t, signature)
	if all[key] = value; value == nil {
		delete(all, key)
	}
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// spec messages 2.6, Q-03
func TestSubstrateSignatureForms(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"node DOT plain", "node DOT wrapped"} {
		v := vectorNamed(t, name)
		data, _ := members(t, v.Signature)["data"].(string)
		unmarked := []byte(data)
		unmarked[128] -= 8 // the highest bit of the last byte says schnorrkel
		if unmarked[128] < '0' {
			unmarked[128] = '0'
		}
		checkForms(t, v, map[string]form{
			"as it is":         {v.Signature, true},
			"no curve":         {with(t, v.Signature, "curve", nil), true},
			"upper-case data":  {with(t, v.Signature, "data", "0x"+strings.ToUpper(data[2:])), true},
			"ed25519":          {with(t, v.Signature, "curve", "ed25519"), false},
			"ecdsa":            {with(t, v.Signature, "curve", "ecdsa"), false},
			"curve is a list":  {with(t, v.Signature, "curve", []int{}), false},
			"data without 0x":  {with(t, v.Signature, "data", data[2:]), false},
			"no data":          {with(t, v.Signature, "data", nil), false},
			"data too short":   {with(t, v.Signature, "data", data[:len(data)-2]), false},
			"data too long":    {with(t, v.Signature, "data", data+"00"), false},
			"data is a number": {with(t, v.Signature, "data", 5), false},
			"without its mark": {with(t, v.Signature, "data", string(unmarked)), false},
			"only the data":    {data, false},
			"null":             {"null", false},
		})
	}
}

// The sender may be the plain key, or an address of any network but two.
func TestSubstrateSenders(t *testing.T) {
	t.Parallel()
	key, err := account.ImportKey("DOT", junk)
	if err != nil {
		t.Fatal(err)
	}
	data, err := base58.Decode(string(key.Address()))
	if err != nil {
		t.Fatal(err)
	}
	public := data[1:33]
	for sender, ok := range map[string]bool{
		"0x" + hex.EncodeToString(public):        true,
		"0x" + hex.EncodeToString(public[1:]):    false,
		account.SS58([]byte{0}, public):          true,
		account.SS58([]byte{2}, public):          true,
		account.SS58([]byte{46}, public):         false,
		account.SS58([]byte{47}, public):         false,
		account.SS58([]byte{0x50, 1}, public):    true,
		account.SS58([]byte{0x4b, 0x80}, public): false, // 46 in two bytes
		account.SS58([]byte{0x80}, public):       false,
		account.SS58([]byte{42}, public[1:]):     false,
		base58.Encode(data[:34]) + "1":           false,
		"":                                       false,
	} {
		m := &message.Message{Chain: "DOT", Sender: message.Address(sender), Type: message.TypePost, ItemHash: message.HashOf(nil)}
		if m.Signature, err = key.Sign(m.SigningBuffer()); err != nil {
			t.Fatal(err)
		}
		if err := account.Verify(m); (err == nil) != ok {
			t.Errorf("%q: %v", sender, err)
		}
		if err := account.CheckAddress("DOT", m.Sender); (err == nil) != ok {
			t.Errorf("%q: %v", sender, err)
		}
	}
}

// spec messages 2.7
func TestCosmosSignatureForms(t *testing.T) {
	t.Parallel()
	v := vectorNamed(t, "node CSDK")
	parts := members(t, v.Signature)
	text, _ := parts["signature"].(string)
	key, _ := parts["pub_key"].(map[string]any)
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	other, err := hex.DecodeString(hex.EncodeToString(raw[:32]) + negate(t, hex.EncodeToString(raw[32:])))
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.StdEncoding.EncodeToString
	checkForms(t, v, map[string]form{
		"as it is":         {v.Signature, true},
		"high s":           {with(t, v.Signature, "signature", encode(other)), true},
		"more members":     {with(t, v.Signature, "account_number", "7"), true},
		"no signature":     {with(t, v.Signature, "signature", nil), false},
		"63 bytes":         {with(t, v.Signature, "signature", encode(raw[:63])), false},
		"zeros":            {with(t, v.Signature, "signature", encode(make([]byte, 64))), false},
		"not base64":       {with(t, v.Signature, "signature", "%"), false},
		"no key":           {with(t, v.Signature, "pub_key", nil), false},
		"key is text":      {with(t, v.Signature, "pub_key", key["value"]), false},
		"another key type": {with(t, v.Signature, "pub_key", map[string]any{"type": "tendermint/PubKeyEd25519", "value": key["value"]}), false},
		"key is empty":     {with(t, v.Signature, "pub_key", map[string]any{"type": key["type"], "value": ""}), false},
	})
	// The document holds any text, as JSON that is ASCII only.
	const want = `"\"\\\b\f\n\r\t\u0000\u001f<>&` + "\x7f" + `\u00e9\u2028\ud83d\ude00"`
	if got := account.ASCIIString("\"\\\b\f\n\r\t\x00\x1f<>&\x7fé\u2028😀"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// Chains of the family differ in what their addresses begin with.
func TestCosmosPrefixes(t *testing.T) {
	t.Parallel()
	key, err := account.ImportKey("CSDK", junk)
	if err != nil {
		t.Fatal(err)
	}
	for address, ok := range map[string]bool{
		string(key.Address()):                                   true,
		strings.ToUpper(string(key.Address())):                  false,
		strings.Replace(string(key.Address()), "cosmos", "", 1): false,
		"cosmos":  false,
		"cosmos1": false,
		"":        false,
	} {
		if err := account.CheckAddress("CSDK", message.Address(address)); (err == nil) != ok {
			t.Errorf("%q: %v", address, err)
		}
	}
}

// spec messages 2.8
func TestTezosSignatureForms(t *testing.T) {
	t.Parallel()
	v := vectorNamed(t, "node TEZOS micheline")
	checkForms(t, v, map[string]form{
		"as it is":          {v.Signature, true},
		"default dApp":      {with(t, v.Signature, "dAppUrl", nil), true},
		"another dApp":      {with(t, v.Signature, "dAppUrl", "https://aleph.im"), false},
		"dApp is a number":  {with(t, v.Signature, "dAppUrl", 1), false},
		"no type":           {with(t, v.Signature, "signingType", nil), false},
		"raw":               {with(t, v.Signature, "signingType", "raw"), false},
		"unknown type":      {with(t, v.Signature, "signingType", "x"), false},
		"no key":            {with(t, v.Signature, "publicKey", nil), false},
		"no signature":      {with(t, v.Signature, "signature", nil), false},
		"signature is text": {"sig", false},
	})
	// Only whole milliseconds of the time are signed.
	m := v.message()
	if m.Time += 999; account.Verify(m) != nil {
		t.Error("another microsecond: refused")
	}
	if m.Time++; account.Verify(m) == nil {
		t.Error("another millisecond: accepted")
	}

	// A signature may tell its curve, and then it must be the key's.
	sixtyFour := func(v vector, prefix int) []byte {
		text, _ := members(t, v.Signature)["signature"].(string)
		data, err := base58.Decode(text)
		if err != nil {
			t.Fatal(err)
		}
		return data[prefix : prefix+64]
	}
	const generic, ed, sp, p2 = "\x04\x82\x2b", "\x09\xf5\xcd\x86\x12", "\x0d\x73\x65\x13\x3f", "\x36\xf0\x2c\x34"
	for name, own := range map[string]string{"own TEZOS tz1 key": ed, "own TEZOS tz2 key": sp, "own TEZOS tz3 key": p2} {
		v := vectorNamed(t, name)
		for _, prefix := range []string{generic, ed, sp, p2} {
			text := account.Base58Check(prefix, sixtyFour(v, len(own)))
			checkForms(t, v, map[string]form{
				fmt.Sprintf("%x", prefix): {with(t, v.Signature, "signature", text), prefix == own || prefix == generic},
			})
		}
	}
	for address, ok := range map[message.Address]bool{
		"tz1VrPqrVdMFsgykWyhGH7SYcQ9avHTjPcdD": true,
		"tz1VrPqrVdMFsgykWyhGH7SYcQ9avHTjPcdE": false,
		"KT1PWx2mnDueood7fEmfbBDKx1D9BAnnXitn": false,
		"tz4HVR6aty9KwsQFHh81C1G7gBdhxT8kuytm": false,
		"tz1":                                  false,
		"":                                     false,
	} {
		if err := account.CheckAddress("TEZOS", address); (err == nil) != ok {
			t.Errorf("%s: %v", address, err)
		}
	}
	// spec messages 2.8, the last vector
	if got := account.ISOTime(1641038783675789); got != "2022-01-01T12:06:23.675Z" {
		t.Error(got)
	}
}

// spec messages 2.9, Q-02, Q-04
func TestNULSSignatureForms(t *testing.T) {
	t.Parallel()
	v := vectorNamed(t, "node NULS")
	s := v.Signature
	checkForms(t, v, map[string]form{
		"as it is":           {s, true},
		"upper case":         {strings.ToUpper(s), true},
		"another curve byte": {s[:68] + "05" + s[70:], true},
		"cut":                {s[:len(s)-2], false},
		"only the key":       {s[:68], false},
		"more":               {s + "00", true},
		"length too large":   {"ff" + s[2:], false},
		"0x":                 {"0x" + s, false},
		"not hex":            {"zz", false},
	})
	for data, want := range map[string]string{
		"pNULS\nx":     `b'pNULS\nx'`,
		"\x00\t\r\x7f": `b'\x00\t\r\x7f'`,
		`a'b`:          `b"a'b"`,
		`a'"b\`:        `b'a\'"b\\'`,
		"\xfd\xff":     `b'\xfd\xff'`,
	} {
		if got := account.PythonBytes([]byte(data)); string(got) != want {
			t.Errorf("%q: %s, want %s", data, got, want)
		}
	}
	for size, want := range map[int]string{0: "00", 252: "fc", 253: "fdfd00", 65535: "fdffff", 65536: "fe00000100"} {
		if got := account.WithLength(make([]byte, size)); hex.EncodeToString(got[:len(got)-size]) != want {
			t.Errorf("%d: %x", size, got[:len(got)-size])
		}
	}
}

// spec messages 2.10, Q-02
func TestNULS2SignatureForms(t *testing.T) {
	t.Parallel()
	v := vectorNamed(t, "node NULS2")
	raw, err := base64.StdEncoding.DecodeString(v.Signature)
	if err != nil {
		t.Fatal(err)
	}
	head := func(b byte) string { return base64.StdEncoding.EncodeToString(append([]byte{b}, raw[1:]...)) }
	checkForms(t, v, map[string]form{
		"as it is":     {v.Signature, true},
		"another id":   {head(27 + (raw[0] - 27) ^ 1), false},
		"compressed":   {head(raw[0] + 4), false},
		"26":           {head(26), false},
		"64 bytes":     {base64.StdEncoding.EncodeToString(raw[:64]), false},
		"not base64":   {"%", false},
		"hexadecimals": {hex.EncodeToString(raw), false},
	})
	data, err := base58.Decode(string(v.Sender[5:]))
	if err != nil {
		t.Fatal(err)
	}
	address := func(prefix string, chain byte) message.Address {
		data[23] ^= data[0] ^ chain
		data[0] = chain
		return message.Address(prefix + base58.Encode(data))
	}
	for address, ok := range map[message.Address]bool{
		v.Sender:             true,
		address("tNULSe", 2): true,
		address("tNULSd", 2): false,
		address("NULSd", 2):  false,
		address("NULSd", 3):  false,
		address("Nuls", 1):   false,
		"NULS":               false,
		"tNULS":              false,
		"":                   false,
	} {
		if err := account.CheckAddress("NULS2", address); (err == nil) != ok {
			t.Errorf("%s: %v", address, err)
		}
		m := v.message()
		m.Sender = address
		r, rejected := errors.AsType[*message.Rejection](account.Verify(m))
		if rejected != (address != v.Sender) || rejected && r.Code != message.CodeInvalidSignature {
			t.Errorf("%s: %v", address, r)
		}
	}
}

// spec messages 2.11, Q-05
func TestAvalancheSenders(t *testing.T) {
	t.Parallel()
	key, err := account.ImportKey("AVAX", junk)
	if err != nil {
		t.Fatal(err)
	}
	own := strings.TrimPrefix(string(key.Address()), "X-")
	for sender, ok := range map[string]bool{
		"X-" + own:              true,
		"P-" + own:              true,
		"C-" + own:              true,
		own:                     false,
		"X-" + own[:4]:          false,
		"X-" + own[4:]:          false,
		"X-fuji" + own[4:]:      false,
		"X-" + own + "1":        false,
		strings.ToUpper(own):    false,
		"-" + own[:len(own)-1]:  false,
		"0x19E7E376E7C213B7E7e": false,
		"":                      false,
	} {
		m := &message.Message{Chain: "AVAX", Sender: message.Address(sender), Type: message.TypePost, ItemHash: message.HashOf(nil)}
		if m.Signature, err = key.Sign(m.SigningBuffer()); err != nil {
			t.Fatal(err)
		}
		if err := account.Verify(m); (err == nil) != ok {
			t.Errorf("%q: %v", sender, err)
		}
		if err := account.CheckAddress("AVAX", m.Sender); (err == nil) != ok {
			t.Errorf("%q: %v", sender, err)
		}
	}
	v := vectorNamed(t, "node AVAX")
	raw, err := base58.Decode(v.Signature)
	if err != nil {
		t.Fatal(err)
	}
	id := func(b byte) string { return account.CB58(append(raw[:64:64], b)) }
	checkForms(t, v, map[string]form{
		"as it is":     {id(raw[64]), true},
		"another id":   {id(raw[64] ^ 1), false},
		"id of 4":      {id(raw[64] + 4), false},
		"64 bytes":     {account.CB58(raw[:64]), false},
		"no checksum":  {base58.Encode(raw[:65]), false},
		"nothing":      {account.CB58(nil), false},
		"not base58":   {"0OIl", false},
		"of Ethereum":  {"0x" + hex.EncodeToString(raw[:65]), false},
		"of Tezos":     {account.Base58Check("", raw[:65]), false},
		"white space":  {" " + v.Signature, false},
		"without text": {"1", false},
	})
}

// A huge text costs no more than to read it: decoding it as base58 would
// take long.
func TestHugeTextsAreRefused(t *testing.T) {
	t.Parallel()
	huge := strings.Repeat("z", 1<<18)
	for _, v := range vectors(t) {
		change := func(edit func(*message.Message)) {
			m := v.message()
			edit(m)
			if r, ok := errors.AsType[*message.Rejection](account.Verify(m)); !ok || r.Code != message.CodeInvalidSignature {
				t.Errorf("%s: %v", v.Name, r)
			}
		}
		change(func(m *message.Message) { m.Signature = huge })
		change(func(m *message.Message) { m.Sender += message.Address(huge) })
		change(func(m *message.Message) { m.Sender = message.Address(huge) })
		if v.Signature[0] == '{' {
			for key := range members(t, v.Signature) {
				change(func(m *message.Message) { m.Signature = with(t, v.Signature, key, huge) })
			}
		}
		if err := account.CheckAddress(v.Chain, message.Address(huge)); !errors.Is(err, message.ErrInvalid) {
			t.Errorf("%s: %v", v.Name, err)
		}
	}
}

// Secrets in the forms that the chains' own tools write.
func TestImportOfToolsForms(t *testing.T) {
	t.Parallel()
	ones := []byte(strings.Repeat("\x11", 32))
	sol, err := account.ImportBytes("SOL", ones)
	if err != nil {
		t.Fatal(err)
	}
	public, err := base58.Decode(string(sol.Address()))
	if err != nil {
		t.Fatal(err)
	}
	const (
		edsk, edskLong, spsk, p2sk = "\x0d\x0f\x3a\x07", "\x2b\xf6\x4e\x07", "\x11\xa2\xe0\xc9", "\x10\x51\xee\xbd"
		zero                       = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	)
	whole := append(append([]byte(nil), ones...), public...)
	for name, test := range map[string]struct {
		chain  message.Chain
		text   string
		begins string // of the exported secret; empty: refused
	}{
		"edsk":               {"TEZOS", account.Base58Check(edsk, ones), "edsk"},
		"long edsk":          {"TEZOS", account.Base58Check(edskLong, whole), "edsk"},
		"spsk":               {"TEZOS", account.Base58Check(spsk, ones), "spsk"},
		"p2sk":               {"TEZOS", account.Base58Check(p2sk, ones), "p2sk"},
		"zero spsk":          {"TEZOS", account.Base58Check(spsk, []byte(zero)), ""},
		"zero p2sk":          {"TEZOS", account.Base58Check(p2sk, []byte(zero)), ""},
		"halves of a key":    {"TEZOS", account.Base58Check(edskLong, append(public[:32:32], ones...)), ""},
		"a public key":       {"TEZOS", "edpkvUuhtQDPA9KfC3BY7ydh89hT34KTANMfX7L22BUrA9aGWg6QxF", ""},
		"Avalanche":          {"AVAX", "PrivateKey-" + account.CB58(ones), "PrivateKey-"},
		"Avalanche X":        {"AVAX", "X-PrivateKey-" + account.CB58(ones), "PrivateKey-"},
		"Avalanche P":        {"AVAX", "P-PrivateKey-" + account.CB58(ones), "P-PrivateKey-"},
		"Avalanche Q":        {"AVAX", "Q-PrivateKey-" + account.CB58(ones), ""},
		"Avalanche, cut":     {"AVAX", "PrivateKey-" + account.CB58(ones)[1:], ""},
		"Avalanche, hex":     {"AVAX", hex.EncodeToString(ones), "PrivateKey-"},
		"NULS of 64 bytes":   {"NULS", hex.EncodeToString(whole), ""},
		"Cosmos of 31 bytes": {"CSDK", "0x" + hex.EncodeToString(ones[1:]), ""},
		"DOT of 64 bytes":    {"DOT", hex.EncodeToString(whole), ""},
	} {
		key, err := account.ImportKey(test.chain, test.text)
		if (err == nil) != (test.begins != "") {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err != nil {
			if !errors.Is(err, message.ErrInvalid) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		again, err := account.ImportKey(test.chain, key.Secret())
		if err != nil || again.Address() != key.Address() || !strings.HasPrefix(key.Secret(), test.begins) {
			t.Errorf("%s: exported and imported: %v, %v", name, again, err)
		}
	}
}

// The development phrase of Substrate, whose seed and address its tools print.
func TestSubstrateMnemonic(t *testing.T) {
	t.Parallel()
	key, err := account.ImportKey("DOT", "bottom drive obey lake curtain smoke basket hold race lonely fit walk")
	if err != nil {
		t.Fatal(err)
	}
	if key.Secret() != "0xfac7959dbfe72f052e5a0c3c8d6530f202b02fd8f9f5ca3580ec8deb7797479e" ||
		key.Address() != "5DfhGyQdFobKM8NsWvEeAKk5EQQgYe9AydgJ7rMB6E1EqRzV" {
		t.Errorf("%v", key)
	}
}

// The extremes of BIP-39's vectors, in both usual lengths.
func TestEntropyOfMnemonics(t *testing.T) {
	t.Parallel()
	for words, want := range map[string]string{
		strings.Repeat("abandon ", 11) + "about": strings.Repeat("00", 16),
		strings.Repeat("zoo ", 11) + "wrong":     strings.Repeat("ff", 16),
		strings.Repeat("abandon ", 17) + "agent": strings.Repeat("00", 24),
		strings.Repeat("abandon ", 23) + "art":   strings.Repeat("00", 32),
		strings.Repeat("zoo ", 23) + "vote":      strings.Repeat("ff", 32),
	} {
		if got, err := account.Entropy(words); err != nil || hex.EncodeToString(got) != want {
			t.Errorf("%s: %x, %v", words, got, err)
		}
	}
}

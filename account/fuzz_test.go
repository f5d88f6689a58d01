package account_test

import (
	"errors"
	"slices"
	"testing"
	"unicode/utf8"

	"aleph/account"
	"aleph/message"
)

// Whatever is not one of the vectors is refused with a code, and nothing
// crashes. // spec messages 2.3, Q-02
func FuzzVerify(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add(string(v.Chain), string(v.Sender), string(v.Type), string(v.ItemHash), int64(v.message().Time), v.Signature)
	}
	f.Add("TEZOS", "tz1", "POST", "x", int64(0), `{"signature":"sig"}`)
	f.Add("SOL", "11111111111111111111111111111111", "POST", "x", int64(0), `{"signature":"1","publicKey":"11111111111111111111111111111111"}`)
	known := vectors(f)
	f.Fuzz(func(t *testing.T, chain, sender, kind, hash string, time int64, signature string) {
		m := &message.Message{
			Chain: message.Chain(chain), Sender: message.Address(sender), Type: message.Type(kind),
			ItemHash: message.Hash(hash), Time: message.Timestamp(time), Signature: signature,
		}
		if account.VerifyBytes(m.Chain, m.Sender, []byte(hash), signature) == nil {
			t.Fatalf("verified bytes: %+v", m)
		}
		err := account.Verify(m)
		if err == nil {
			for _, v := range known {
				if v.ItemHash == m.ItemHash && v.Sender == m.Sender && v.Type == m.Type {
					return // another spelling of the signature
				}
			}
			if isNeutral(m.Sender) {
				return // the key of nobody, whose signatures everybody can make
			}
			// An EVM signature is valid for some address, which a fuzzer can
			// not guess; a Solana one for a key that it can not have.
			t.Fatalf("verified %+v", m)
		}
		r, ok := errors.AsType[*message.Rejection](err)
		if !ok || r.Code != message.CodeInvalidSignature && r.Code != message.CodeInvalidFormat {
			t.Fatalf("error is no rejection: %v", err)
		}
		if len(err.Error()) > 1000 {
			t.Fatalf("error of %d bytes", len(err.Error()))
		}
	})
}

// FuzzSigned signs with a key of any chain, in both forms, and changes one byte
// of what was signed or of the signature: what means something else is refused.
func FuzzSigned(f *testing.F) {
	chains := families()
	for i := range chains {
		for where := range uint8(4) {
			f.Add(uint8(i), []byte{1}, string(message.TypePost), "hash", where, uint16(i*7), byte(1))
			f.Add(uint8(i)|0x80, []byte{2}, string(message.TypeForget), "é\n", where, uint16(i), byte(0x20))
		}
	}
	f.Fuzz(func(t *testing.T, number uint8, seed []byte, kind, hash string, where uint8, at uint16, change byte) {
		if kind == "" || hash == "" || change == 0 {
			return
		}
		chain := chains[int(number&0x7f)%len(chains)]
		key := keyOf(t, chain, seed)
		var signer account.Account = key
		if number&0x80 != 0 {
			signer = key.Wallet(account.WalletDApp)
		}
		m := &message.Message{Type: message.Type(kind), ItemHash: message.Hash(hash), Time: 1700000000_123456}
		if err := account.Sign(signer, m); err != nil {
			if chain == "CSDK" && (!utf8.ValidString(kind) || !utf8.ValidString(hash)) {
				return // its documents hold text only
			}
			t.Fatal(err)
		}
		if err := account.Verify(m); err != nil {
			t.Fatalf("own signature: %v: %+v", err, m)
		}
		changed := *m
		switch where % 4 {
		case 0:
			changed.Signature = changeByte(m.Signature, at, change)
		case 1:
			changed.Sender = message.Address(changeByte(string(m.Sender), at, change))
		case 2:
			changed.Type = message.Type(changeByte(kind, at, change))
		default:
			changed.ItemHash = message.Hash(changeByte(hash, at, change))
		}
		same := where%4 == 0 && slices.Equal(meaningOf(m.Chain, m.Signature), meaningOf(m.Chain, changed.Signature))
		if err := account.Verify(&changed); (err == nil) != same {
			t.Fatalf("%v, want it accepted: %t: %+v, was %+v", err, same, changed, m)
		}
	})
}

// changeByte returns text with one of its bytes changed.
func changeByte(text string, at uint16, change byte) string {
	data := []byte(text)
	data[int(at)%len(data)] ^= change
	return string(data)
}

// What is imported comes out again as the same key.
func FuzzImportKey(f *testing.F) {
	f.Add("ETH", junk)
	f.Add("ETH", "0x1111111111111111111111111111111111111111111111111111111111111111")
	for _, v := range vectors(f) {
		if v.Key != "" {
			f.Add(string(v.Chain), v.Key)
		}
	}
	f.Add("SOL", "F25s3DdjXdCxYBhh2z8FBusVEMT4b9bGNFVKJi3wFoF4")
	for _, path := range []string{"//hard", "/soft", "//0/1///p q", "//0x10", "/+1", "//18446744073709551616", "///"} {
		f.Add("DOT", junk+path)
	}
	f.Add("DOT", "0x1111111111111111111111111111111111111111111111111111111111111111//a/b")
	f.Fuzz(func(t *testing.T, chain, text string) {
		checkImported(t, message.Chain(chain), func() (*account.Key, error) { return account.ImportKey(message.Chain(chain), text) })
	})
}

// checkImported checks what every import promises.
func checkImported(t *testing.T, chain message.Chain, read func() (*account.Key, error)) {
	t.Helper()
	key, err := read()
	if err != nil {
		if !errors.Is(err, message.ErrInvalid) && !errors.Is(err, message.ErrForbidden) {
			t.Fatalf("unexpected kind of error: %v", err)
		}
		return
	}
	again, err := account.ImportKey(key.Chain(), key.Secret())
	if err != nil || again.Address() != key.Address() {
		t.Fatalf("imported %v, then %v, %v", key, again, err)
	}
	if err := account.CheckAddress(key.Chain(), key.Address()); err != nil {
		t.Fatalf("chain %s: %v", chain, err)
	}
}

// A key file is plain or encrypted, whole or not.
func FuzzKeyFile(f *testing.F) {
	for _, chain := range families() {
		key, err := account.ImportBytes(chain, []byte("32 bytes that are a secret key.."))
		if err != nil {
			f.Fatal(err)
		}
		box, err := account.Seal(key, "passphrase")
		if err != nil {
			f.Fatal(err)
		}
		f.Add("name."+string(chain)+".key", box, "passphrase")
		f.Add("name."+string(chain)+".key", []byte(key.Secret()+"\n"), "")
	}
	f.Add("default", []byte("32 bytes that are a secret key.."), "")
	f.Fuzz(func(t *testing.T, file string, data []byte, passphrase string) {
		name, chain, ok := account.SplitFile(file)
		if ok && name+"."+string(chain)+".key" != file {
			t.Fatalf("%q is called %q on %q", file, name, chain)
		}
		if !ok {
			chain = message.ChainEthereum
		}
		checkImported(t, chain, func() (*account.Key, error) { return account.ReadFile(chain, data, passphrase) })
	})
}

// An address is well formed or not, whatever it holds, and what is well formed
// is short and plain.
func FuzzCheckAddress(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add(string(v.Chain), string(v.Sender))
	}
	f.Fuzz(func(t *testing.T, chain, address string) {
		err := account.CheckAddress(message.Chain(chain), message.Address(address))
		if err != nil {
			if !errors.Is(err, message.ErrInvalid) || len(err.Error()) > 2000 { // quoting takes more
				t.Fatalf("unexpected error: %v", err)
			}
			return
		}
		if len(address) > 128 {
			t.Fatalf("an address of %d bytes", len(address))
		}
		for _, c := range []byte(address) {
			if c <= ' ' || c > '~' {
				t.Fatalf("address %q", address)
			}
		}
	})
}

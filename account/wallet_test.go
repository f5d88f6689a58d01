package account_test

import (
	"errors"
	"strings"
	"testing"

	"aleph/account"
	"aleph/message"
)

// Wallets of every chain sign what nodes verify, and those of two chains sign
// something else than keys do. // spec messages 2.6, 2.8
func TestWallets(t *testing.T) {
	t.Parallel()
	for _, chain := range families() {
		key := keyOf(t, chain, nil)
		m := &message.Message{Type: message.TypePost, ItemHash: message.HashOf(nil), Time: 1641038783675789}
		if err := account.Sign(key.Wallet(account.WalletDApp), m); err != nil {
			t.Fatal(err)
		}
		if err := account.Verify(m); err != nil {
			t.Errorf("%s: %v", chain, err)
		}
		plain, err := key.Sign(m.SigningBuffer())
		if err != nil {
			t.Fatal(err)
		}
		if other := chain == "DOT" || chain == "TEZOS"; (plain != m.Signature) != other {
			t.Errorf("%s: the key signs %s, its wallet %s", chain, plain, m.Signature)
		}
		// Only Tezos' wallets sign the time.
		m.Time += 1000
		if err := account.Verify(m); (err != nil) != (chain == "TEZOS") {
			t.Errorf("%s: at another time: %v", chain, err)
		}
	}
}

func TestWalletNames(t *testing.T) {
	t.Parallel()
	key := keyOf(t, "TEZOS", nil)
	for name, ok := range map[string]bool{
		account.WalletDApp: true, "aleph.im": true, `<&>"\ é` + "\u2028\n": true, "": false, "\xff": false,
	} {
		m := &message.Message{Type: message.TypePost, ItemHash: message.HashOf(nil)}
		err := account.Sign(key.Wallet(name), m)
		if (err == nil) != ok || err != nil && !errors.Is(err, message.ErrInvalid) {
			t.Errorf("%q: %v", name, err)
		}
		if err == nil && account.Verify(m) != nil {
			t.Errorf("%q: %v", name, account.Verify(m))
		}
	}
}

// The accounts that the tools of Substrate make of the development phrase:
// test/conformance asks the official package for others.
func TestSubstratePaths(t *testing.T) {
	t.Parallel()
	const dev = "bottom drive obey lake curtain smoke basket hold race lonely fit walk"
	long := strings.Repeat("a", 90)
	for path, want := range map[string]message.Address{
		"//Alice":                        "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY",
		"/soft":                          "5F4g82upwXKNJWdotdSwkALpdNRNnuNBLQeZ6YUYBoSK3rcj",
		"//0/1//a/b":                     "5EUEBdWcJ8ZHBb2TffY44Dy9i2v6Hkwjf478TFsEAxTz7DBg",
		"//00/01//a/b":                   "5EUEBdWcJ8ZHBb2TffY44Dy9i2v6Hkwjf478TFsEAxTz7DBg",
		"/é/007":                         "5ECpG8BAz9SZqtQwfdURGkddFS8hH79puLArVeBi4kcCXMDu",
		"//" + long:                      "5GT5MRLdLfEjLaNRWToQvHEWZLsmJKiaqNqBPm4xzd19vQQF",
		"///password":                    "5GC6LfpV352HtJPySfAecb5JdePtf4R9Vq49NUU8RhzgBqgq",
		"//x///p q":                      "5DnRaCDSD97gewMh1daF2okq5nRgTRiq62HhmrRt7kgR2eJB",
		" //Alice":                       "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY",
		"///":                            "5DfhGyQdFobKM8NsWvEeAKk5EQQgYe9AydgJ7rMB6E1EqRzV",
		"/":                              "",
		"//":                             "",
		"//a/":                           "",
		"//a//":                          "",
		"//0x10":                         "", // bytes to one tool and text to another
		"//+1":                           "", // a number to one tool and text to another
		"//\xff":                         "",
		"///\xff":                        "",
		"//" + "9" + long:                "5C5zgzEu8R4r26JMT7oFQxDG9Qx2ZT7tHVkXznbbbCudwchJ",
		"//18446744073709551616":         "", // above 64 bits
		"//" + strings.Repeat("a", 5000): "",
	} {
		key, err := account.ImportKey("DOT", dev+path)
		if want == "" {
			if !errors.Is(err, message.ErrInvalid) || len(err.Error()) > 200 {
				t.Errorf("%.40s: %v, %v", path, key, err)
			}
			continue
		}
		if err != nil || key.Address() != want {
			t.Errorf("%.40s: %v, %v, want %s", path, key, err, want)
			continue
		}
		again, err := account.ImportKey("DOT", key.Secret())
		if err != nil || again.Address() != want || again.Secret() != key.Secret() {
			t.Errorf("%.40s: exported and imported: %v, %v", path, again, err)
		}
	}
	// A path may also begin at a seed, which has no password.
	const seed = "0xfac7959dbfe72f052e5a0c3c8d6530f202b02fd8f9f5ca3580ec8deb7797479e"
	if key, err := account.ImportKey("DOT", seed+"//Alice"); err != nil || key.Address() != "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY" {
		t.Errorf("%v, %v", key, err)
	}
	for _, text := range []string{seed + "///password", seed[:40] + "//Alice", "//Alice", "0x//Alice", "one two//Alice"} {
		if key, err := account.ImportKey("DOT", text); !errors.Is(err, message.ErrInvalid) {
			t.Errorf("%s: %v, %v", text, key, err)
		}
	}
	// Other chains have no such paths.
	if key, err := account.ImportKey("ETH", dev+"//Alice"); !errors.Is(err, message.ErrInvalid) {
		t.Errorf("%v, %v", key, err)
	}
}

package account_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"testing"

	"github.com/mr-tron/base58"

	"aleph/account"
	"aleph/message"
)

const junk = "test test test test test test test test test test test junk"

// negate returns the other s of a signature.
func negate(t *testing.T, s string) string {
	t.Helper()
	n, ok := new(big.Int).SetString("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", 16)
	value, ok2 := new(big.Int).SetString(s, 16)
	if !ok || !ok2 {
		t.Fatal("not hex")
	}
	return fmt.Sprintf("%064x", n.Sub(n, value))
}

func TestImportKey(t *testing.T) {
	t.Parallel()
	const (
		ones = "1111111111111111111111111111111111111111111111111111111111111111"
		eth  = "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A"
		sol  = "F25s3DdjXdCxYBhh2z8FBusVEMT4b9bGNFVKJi3wFoF4"
	)
	raw, err := hex.DecodeString(ones)
	if err != nil {
		t.Fatal(err)
	}
	public, err := base58.Decode(sol)
	if err != nil {
		t.Fatal(err)
	}
	whole := append(bytes.Clone(raw), public...)
	for name, test := range map[string]struct {
		chain message.Chain
		text  string
		want  message.Address // empty: refused
	}{
		"hex":                        {"ETH", ones, eth},
		"hex with 0x":                {"ETH", "0x" + ones, eth},
		"hex with line feed":         {"ETH", "0x" + ones + "\n", eth},
		"base58":                     {"ETH", base58.Encode(raw), eth},
		"another chain of a family":  {"BASE", ones, eth},
		"mnemonic":                   {"ETH", junk, "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"},
		"mnemonic on several lines":  {"ETH", strings.ReplaceAll(strings.ToUpper(junk), " ", " \n"), "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"},
		"seed in hex":                {"SOL", ones, sol},
		"secret in hex":              {"SOL", hex.EncodeToString(whole), sol},
		"seed in base58":             {"SOL", base58.Encode(raw), sol},
		"secret in base58":           {"ES", base58.Encode(whole), sol},
		"solana mnemonic":            {"SOL", "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about", "HAgk14JpMQLgt6rVgv7cBQFJWFto5Dqxi472uT3DKpqk"},
		"wrong last word":            {"ETH", strings.ReplaceAll(junk, "junk", "test"), ""},
		"unknown word":               {"ETH", strings.ReplaceAll(junk, "junk", "junky"), ""},
		"eleven words":               {"ETH", strings.TrimPrefix(junk, "test "), ""},
		"odd hex":                    {"ETH", ones + "1", ""},
		"33 bytes":                   {"ETH", "0x" + ones + "11", ""},
		"zero":                       {"ETH", "0x" + strings.Repeat("00", 32), ""},
		"order of the curve":         {"ETH", "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", ""},
		"solana secret for Ethereum": {"ETH", base58.Encode(whole), ""},
		"halves that do not match":   {"SOL", hex.EncodeToString(append(bytes.Clone(public), raw...)), ""},
		"empty":                      {"ETH", "", ""},
		"word":                       {"SOL", "hello", ""},
		"unknown chain":              {"BTC", ones, ""},
		"chain without a scheme":     {"STT", ones, ""},
	} {
		key, err := account.ImportKey(test.chain, test.text)
		if test.want == "" {
			if !errors.Is(err, message.ErrInvalid) {
				t.Errorf("%s: %v", name, err)
			} else if len(test.text) > 5 && strings.Contains(err.Error(), test.text[len(test.text)-5:]) {
				t.Errorf("%s: the error shows the secret: %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if key.Address() != test.want || key.Chain() != test.chain {
			t.Errorf("%s: %s on %s, want %s", name, key.Address(), key.Chain(), test.want)
		}
		again, err := account.ImportKey(test.chain, key.Secret())
		if err != nil || again.Address() != key.Address() {
			t.Errorf("%s: importing the exported secret: %v, %v", name, again, err)
		}
	}
}

// families has one chain of every scheme.
func families() []message.Chain {
	return []message.Chain{"ETH", "SOL", "DOT", "CSDK", "NULS", "NULS2", "TEZOS", "AVAX"}
}

func TestImportBytesKeepsNothing(t *testing.T) {
	t.Parallel()
	for _, chain := range families() {
		secret := bytes.Repeat([]byte{0x11}, 32)
		key, err := account.ImportBytes(chain, secret)
		if err != nil {
			t.Fatal(err)
		}
		before := key.Secret()
		clear(secret)
		if key.Secret() != before {
			t.Errorf("%s: the key changed with the bytes it was made of", chain)
		}
	}
}

// A secret must not get into logs and errors by accident.
func TestKeyShowsNoSecret(t *testing.T) {
	t.Parallel()
	for _, chain := range families() {
		key, err := account.NewKey(chain)
		if err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("key", "pointer", key, "value", *key)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("key", "pointer", key, "value", *key)
		shown := log.String()
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T"} {
			shown += fmt.Sprintf(verb, key) + fmt.Sprintf(verb, *key) + fmt.Sprintf(verb, struct{ K *account.Key }{key}) +
				fmt.Sprintf(verb, []account.Key{*key})
		}
		shown += fmt.Errorf("with %w and %v", errors.ErrUnsupported, key).Error()
		secret := strings.TrimPrefix(key.Secret(), "0x")
		for i := 0; i+6 <= len(secret); i++ {
			// Half of Solana's secret is the public key, which may be shown.
			if part := secret[i : i+6]; strings.Contains(shown, part) && !strings.Contains(string(key.Address()), part) {
				t.Fatalf("%s: a part of the secret is shown in %s", chain, shown)
			}
		}
		if !strings.Contains(shown, string(key.Address())) {
			t.Error("the address is not shown")
		}
	}
}

func TestSignNeedsWhatItCovers(t *testing.T) {
	t.Parallel()
	key, err := account.NewKey(message.ChainEthereum)
	if err != nil {
		t.Fatal(err)
	}
	m := &message.Message{Type: message.TypePost}
	if err := account.Sign(key, m); !errors.Is(err, message.ErrInvalid) || m.Sender != "" {
		t.Errorf("signed a message without a hash: %v", err)
	}
}

package account_test

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"aleph/account"
	"aleph/message"
)

// The vectors of owner authentication. // spec crn 1.4.4
func TestSignBytes(t *testing.T) {
	t.Parallel()
	const payload = `{"pubkey": {"kty": "EC", "crv": "P-256", "x": "VQ9HEAPz35fD31Bqx5f2ch-xoft7j2-D0iRJimXIjiQ", ` +
		`"y": "E2CT1wEuUJpzcVy9CwCjzA_0tcAbP_oZarH7MnA2uOY"}, "alg": "ECDSA", "domain": "crn.example.org", ` +
		`"address": "ADDR", "expires": "2030-01-01T00:00:00Z", "chain": "CHAIN"}`
	for _, v := range []struct {
		chain     message.Chain
		seed      string
		address   message.Address
		asHex     bool
		signature string
	}{
		{
			chain: "ETH", seed: "01", address: "0x1a642f0E3c3aF545E7AcBD38b07251B3990914F1",
			signature: "0x97e5ffd2e7e77c93675260b7cd5c983211043debba496e8c495c350468f0d52b030c5d50ba6ca60b3c410808f2af06f83843fdd467d23aca289e431a4abb8c351b",
		},
		{
			chain: "SOL", seed: "03", address: "GyGKxMyg1p9SsHfm15MkNUu1u9TN2JtTspcdmrtGUdse", asHex: true,
			signature: "0x55aad4f0413d458eb8305c581bea03156978e04737f14f8642e93dedc4d645a7a59575938cc5b04fda080d861830c67da10214166e3ad9ebcbffca3942002c09",
		},
	} {
		key, err := account.ImportKey(v.chain, strings.Repeat(v.seed, 32))
		if err != nil || key.Address() != v.address {
			t.Fatalf("%v, %v", key, err)
		}
		buffer := []byte(strings.NewReplacer("ADDR", string(v.address), "CHAIN", string(v.chain)).Replace(payload))
		if v.asHex {
			buffer = []byte(hex.EncodeToString(buffer))
		}
		if got, err := key.SignBytes(buffer); err != nil || got != v.signature {
			t.Errorf("%s: signed %s, %v", v.chain, got, err)
		}
		for _, signature := range []string{v.signature, strings.TrimPrefix(v.signature, "0x")} {
			if err := account.VerifyBytes(v.chain, v.address, buffer, signature); err != nil {
				t.Errorf("%s: %v", v.chain, err)
			}
		}
		buffer[10] ^= 1
		if err := account.VerifyBytes(v.chain, v.address, buffer, v.signature); !errors.Is(err, message.ErrInvalid) {
			t.Errorf("%s: changed bytes: %v", v.chain, err)
		}
		for _, signature := range []string{"", "0x", "zz", v.signature[:len(v.signature)-2], v.signature + "00"} {
			if err := account.VerifyBytes(v.chain, v.address, buffer, signature); !errors.Is(err, message.ErrInvalid) {
				t.Errorf("%s: signature %q: %v", v.chain, signature, err)
			}
		}
	}
	for _, chain := range []message.Chain{"TEZOS", "AURORA", "nonsense"} {
		if err := account.VerifyBytes(chain, "a", nil, "0x00"); !errors.Is(err, message.ErrInvalid) {
			t.Errorf("%s: %v", chain, err)
		}
	}
}

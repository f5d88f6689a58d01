package account_test

import (
	"errors"
	"testing"

	"aleph/account"
	"aleph/message"
)

// Whatever is not one of the vectors is refused with a code, and nothing
// crashes. // spec messages 2.3, Q-02
func FuzzVerify(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add(string(v.Chain), string(v.Sender), string(v.ItemHash), v.Signature)
	}
	f.Add("TEZOS", "tz1", "x", `{"signature":"sig"}`)
	f.Add("SOL", "11111111111111111111111111111111", "x", `{"signature":"1","publicKey":"11111111111111111111111111111111"}`)
	known := vectors(f)
	f.Fuzz(func(t *testing.T, chain, sender, hash, signature string) {
		m := &message.Message{
			Chain: message.Chain(chain), Sender: message.Address(sender), Type: message.TypePost,
			ItemHash: message.Hash(hash), Signature: signature,
		}
		err := account.Verify(m)
		if err == nil {
			for _, v := range known {
				if v.ItemHash == m.ItemHash && v.Sender == m.Sender {
					return // another spelling of the signature
				}
			}
			// An EVM signature is valid for some address, which a fuzzer can
			// not guess; a Solana one for a key that it can not have.
			t.Fatalf("verified %+v", m)
		}
		r, ok := errors.AsType[*message.Rejection](err)
		if !ok || r.Code != message.CodeInvalidSignature && r.Code != message.CodeInvalidFormat {
			t.Fatalf("error is no rejection: %v", err)
		}
	})
}

// What is imported comes out again as the same key.
func FuzzImportKey(f *testing.F) {
	f.Add("ETH", junk)
	f.Add("ETH", "0x1111111111111111111111111111111111111111111111111111111111111111")
	f.Add("SOL", "F25s3DdjXdCxYBhh2z8FBusVEMT4b9bGNFVKJi3wFoF4")
	f.Fuzz(func(t *testing.T, chain, text string) {
		key, err := account.ImportKey(message.Chain(chain), text)
		if err != nil {
			if !errors.Is(err, message.ErrInvalid) {
				t.Fatalf("unexpected kind of error: %v", err)
			}
			return
		}
		again, err := account.ImportKey(message.Chain(chain), key.Secret())
		if err != nil || again.Address() != key.Address() {
			t.Fatalf("imported %v, then %v, %v", key, again, err)
		}
	})
}

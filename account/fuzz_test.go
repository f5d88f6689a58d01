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
		err := account.Verify(m)
		if err == nil {
			for _, v := range known {
				if v.ItemHash == m.ItemHash && v.Sender == m.Sender && v.Type == m.Type {
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
	for _, v := range vectors(f) {
		if v.Key != "" {
			f.Add(string(v.Chain), v.Key)
		}
	}
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

// An address is well formed or not, whatever it holds.
func FuzzCheckAddress(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add(string(v.Chain), string(v.Sender))
	}
	f.Fuzz(func(t *testing.T, chain, address string) {
		if err := account.CheckAddress(message.Chain(chain), message.Address(address)); err != nil && !errors.Is(err, message.ErrInvalid) {
			t.Fatalf("unexpected kind of error: %v", err)
		}
	})
}

package api

import (
	"net/http"
	"testing"
	"time"
)

// TestVectors checks the vectors of spec crn 1.4.4.
func TestVectors(t *testing.T) {
	t.Parallel()
	const (
		key = `"pubkey": {"kty": "EC", "crv": "P-256", "x": "VQ9HEAPz35fD31Bqx5f2ch-xoft7j2-D0iRJimXIjiQ", "y": "E2CT1wEuUJpzcVy9CwCjzA_0tcAbP_oZarH7MnA2uOY"}, "alg": "ECDSA", "domain": "crn.example.org"`
		eth = `{` + key + `, "address": "0x1a642f0E3c3aF545E7AcBD38b07251B3990914F1", "expires": "2030-01-01T00:00:00Z", "chain": "ETH"}`
		sol = `{` + key + `, "address": "GyGKxMyg1p9SsHfm15MkNUu1u9TN2JtTspcdmrtGUdse", "expires": "2030-01-01T00:00:00Z", "chain": "SOL"}`
		op  = `{"time": "2029-06-01T12:00:00Z", "method": "POST", "path": "/control/machine/decadecadecadecadecadecadecadecadecadecadecadecadecadecadecadeca/stop", "domain": "crn.example.org"}`
	)
	s := &Server{cfg: Config{DomainName: "crn.example.org"}, now: func() time.Time {
		return time.Date(2029, 6, 1, 12, 1, 0, 0, time.UTC)
	}}
	hexed := func(text string) string {
		const digits = "0123456789abcdef"
		b := make([]byte, 0, 2*len(text))
		for i := range len(text) {
			b = append(b, digits[text[i]>>4], digits[text[i]&15])
		}
		return string(b)
	}
	wallet, err := s.verifyPubKey(&signed{hexed(eth), "0x97e5ffd2e7e77c93675260b7cd5c983211043debba496e8c495c350468f0d52b030c5d50ba6ca60b3c410808f2af06f83843fdd467d23aca289e431a4abb8c351b"})
	if err != nil || wallet.address != "0x1a642f0E3c3aF545E7AcBD38b07251B3990914F1" {
		t.Fatalf("ETH: %v %v", wallet, err)
	}
	if _, err := s.verifyPubKey(&signed{hexed(sol), "0x55aad4f0413d458eb8305c581bea03156978e04737f14f8642e93dedc4d645a7a59575938cc5b04fda080d861830c67da10214166e3ad9ebcbffca3942002c09"}); err != nil {
		t.Fatalf("SOL: %v", err)
	}
	r, err := http.NewRequest(http.MethodPost, "http://x/control/machine/decadecadecadecadecadecadecadecadecadecadecadecadecadecadecadeca/stop?a=b", nil)
	if err != nil {
		t.Fatal(err)
	}
	signature := "4fdcdd345f08ae1af7422d1f879925e7b5164436777e62821bae942683526e16839190093ffa8bc703af08ed437735013a6f66a97fdee7e0a8041cb884a92599"
	if err := s.verifyOperation(wallet, &signed{hexed(op), signature}, r); err != nil {
		t.Errorf("operation: %v", err)
	}
	if err := s.verifyOperation(wallet, &signed{hexed(op), "00" + signature[2:]}, r); err == nil || err.Error() != "Signature could not verified" {
		t.Errorf("operation with another signature: %v", err)
	}
}

func TestSameDomain(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		signed, own string
		want        bool
	}{
		{"crn.example.org", "crn.example.org", true},
		{"crn.example.org", "localhost", false},
		{"127.0.0.1", "localhost", true},
		{"::1", "127.0.0.1", true},
		{"localhost", "crn.example.org", false},
		{"", "localhost", false},
	} {
		if got := sameDomain(test.signed, test.own); got != test.want {
			t.Errorf("signed for %q, called %q: %t", test.signed, test.own, got)
		}
	}
}

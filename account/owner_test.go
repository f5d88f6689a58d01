package account_test

import (
	"errors"
	"strings"
	"testing"

	"aleph/account"
	"aleph/message"
)

func TestCheckOwner(t *testing.T) {
	t.Parallel()
	for _, v := range vectors(t) {
		if err := account.CheckOwner(v.Sender); (err == nil) != v.Valid {
			t.Errorf("%s: %v", v.Name, err)
		}
	}
	const eth = "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A"
	for address, ok := range map[string]bool{
		eth:                                     true,
		strings.ToLower(eth):                    true,
		"0x" + strings.ToUpper(eth[2:]):         true,
		strings.Replace(eth, "E7e7", "e7E7", 1): false, // the checksum
		eth[:41]:                                false,
		eth + "0":                               false,
		eth[2:]:                                 false,
		"KT1PWx2mnDueood7fEmfbBDKx1D9BAnnXitn":  true,
		"KT1PWx2mnDueood7fEmfbBDKx1D9BAnnXitm":  false,
		"alice":                                 false,
		"":                                      false,
		strings.Repeat("x", 1<<16):              false,
	} {
		err := account.CheckOwner(message.Address(address))
		if (err == nil) != ok || err != nil && (!errors.Is(err, message.ErrInvalid) || len(err.Error()) > 400) {
			t.Errorf("%.60s: %v", address, err)
		}
	}
}

package api_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/cockroachdb/apd/v3"

	"aleph/internal/node/store"
	"aleph/message"
)

// decimal reads a number of a test.
func decimal(t testing.TB, text string) apd.Decimal {
	t.Helper()
	d, _, err := apd.NewFromString(text)
	if err != nil {
		t.Fatal(err)
	}
	return *d
}

// What an address has on each chain, in credits, and what is locked.
func TestBalance(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	const alice, rich = message.Address("0xA11ce"), message.Address("0xR1ch")
	expired, later, last := message.TimestampOf(noon.Add(-time.Hour)), message.TimestampOf(noon.Add(time.Hour)), message.TimestampOf(noon.Add(2*time.Hour))
	err := n.db.Update(t.Context(), func(tx *store.Tx) error {
		for _, b := range []store.BalanceRow{
			{Address: alice, Chain: "ETH", Balance: decimal(t, "22192.123456789012345678"), Height: 1},
			{Address: alice, Chain: "AVAX", Balance: decimal(t, "100"), Height: 1},
			{Address: alice, Chain: "ETH", Dapp: "SABLIER", Balance: decimal(t, "5000"), Height: 1},
			{Address: rich, Chain: "ETH", Balance: decimal(t, "1E+400"), Height: 1},
		} {
			if err := tx.SetBalance(&b); err != nil {
				return err
			}
		}
		for i, lot := range []store.LotRow{
			{Remaining: 7, Expiration: &last}, {Remaining: 1000, Expiration: &expired}, {Remaining: 250}, {Remaining: 30, Expiration: &later},
		} {
			lot.CreditKey = store.CreditKey{Time: message.Timestamp(i), Ref: message.HashOf([]byte{1})}
			if err := tx.SetLot(alice, &lot); err != nil {
				return err
			}
		}
		cost := &store.CostRow{ItemHash: message.HashOf([]byte{2}), Owner: alice, Payment: message.PaymentHold}
		cost.Total.Hold = decimal(t, "9.99999999")
		return tx.InsertCost(cost)
	})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"0xA11ce/balance":                             `{"address":"0xA11ce","balance":22292.123456789013,"details":{"AVAX":100.0,"ETH":22192.123456789013},"locked_amount":9.99999999,"credit_balance":287,"credit_balance_details":null}`,
		"0xA11ce/balance?chain=AVAX":                  `{"address":"0xA11ce","balance":100.0,"details":{},"locked_amount":9.99999999,"credit_balance":287,"credit_balance_details":null}`,
		"0xA11ce/balance?include_credit_details=true": `{"address":"0xA11ce","balance":22292.123456789013,"details":{"AVAX":100.0,"ETH":22192.123456789013},"locked_amount":9.99999999,"credit_balance":287,"credit_balance_details":[{"expiration_date":null,"amount":250},{"expiration_date":"2026-01-01T13:00:00.250000Z","amount":30},{"expiration_date":"2026-01-01T14:00:00.250000Z","amount":7}]}`,
		"nobody/balance":                              `{"address":"nobody","balance":0.0,"details":{},"locked_amount":0.0,"credit_balance":0,"credit_balance_details":null}`,
		"0xR1ch/balance":                              `{"address":"0xR1ch","balance":1.7976931348623157e+308,"details":{"ETH":1.7976931348623157e+308},"locked_amount":0.0,"credit_balance":0,"credit_balance_details":null}`,
	} {
		r := n.do(t, http.MethodGet, "/api/v0/addresses/"+path, http.NoBody)
		if r.StatusCode != http.StatusOK || r.body != want {
			t.Errorf("%s: %d\n got %s\nwant %s", path, r.StatusCode, r.body, want)
		}
	}
	for _, bad := range []string{"?chain=XYZ", "?include_credit_details=perhaps"} {
		if r := n.do(t, http.MethodGet, "/api/v0/addresses/0xA11ce/balance"+bad, http.NoBody); r.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d %s", bad, r.StatusCode, r.body)
		}
	}
}

package message_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aleph/message"
)

func at(microseconds int64) *message.Timestamp {
	t := message.Timestamp(microseconds)
	return &t
}

func TestParseCreditDistribution(t *testing.T) {
	t.Parallel()
	got, err := message.ParseCreditDistribution([]byte(`{"distribution":{"token":"ALEPH","chain":"ETH","more":1,"credits":[
{"address":"0xA","amount":1000000,"price":"0.50","tx_hash":"0x1","provider":"P","expiration":1893456000000,"origin":"o","ref":"r","payment_method":"m","bonus_amount":"0"},
{"address":"0xA","amount":1,"price":0.5,"tx_hash":"","provider":"","expiration":0,"bonus_amount":0},
{"address":"0xB","amount":2,"price":3,"tx_hash":"","provider":"","expiration":"1000","bonus_amount":1.5}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	want := &message.CreditDistribution{Token: "ALEPH", Chain: "ETH", Grants: []message.CreditGrant{
		{
			Address: "0xA", Amount: 1000000, Price: "0.50", TxHash: "0x1", Provider: "P", Expiration: at(1893456000000000),
			Origin: "o", Ref: "r", PaymentMethod: "m", Bonus: "0",
		},
		{Address: "0xA", Amount: 1, Price: "0.5"},
		{Address: "0xB", Amount: 2, Price: "3", Expiration: at(1000000), Bonus: "1.5"},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestParseCreditExpense(t *testing.T) {
	t.Parallel()
	got, err := message.ParseCreditExpense([]byte(`{"expense":{"credits":[
{"address":"0xA","amount":250,"ref":"r","execution_id":"vm","node_id":"crn","price":"0.1","time":3600,"count":3,"size":"75.5"},
{"address":"0xB","amount":1,"price":null,"time":"1e3","size":2}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	three := int64(3)
	want := &message.CreditExpense{Charges: []message.CreditCharge{
		{Address: "0xA", Amount: 250, Ref: "r", ExecutionID: "vm", NodeID: "crn", Price: "0.1", Count: &three, Size: "75.5"},
		{Address: "0xB", Amount: 1, Size: "2"},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, change := range []string{`"count":-1`, `"count":1.5`, `"size":-1`, `"size":"x"`, `"size":"NaN"`, `"price":"x"`, `"time":"soon"`, `"time":[]`} {
		_, err := message.ParseCreditExpense([]byte(`{"expense":{"credits":[{"address":"0xA","amount":1,` + change + `}]}}`))
		if rej, ok := errors.AsType[*message.Rejection](err); !ok || rej.Code != message.CodeInvalidFormat {
			t.Errorf("%s: %v", change, err)
		}
	}
}

func TestParseBalancesUpdate(t *testing.T) {
	t.Parallel()
	got, err := message.ParseBalancesUpdate([]byte(`{"chain":"ETH","main_height":22250000,"dapp":null,"balances":{"0xA":1234.5,"0xB":10,"0xC":1e-7}}`))
	if err != nil {
		t.Fatal(err)
	}
	want := &message.BalancesUpdate{Chain: "ETH", Height: 22250000, Balances: map[message.Address]string{"0xA": "1234.5", "0xB": "10", "0xC": "1e-07"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for text, code := range map[string]message.Code{
		`[]`: message.CodeInvalidFormat, `{"chain":"ETH"}`: message.CodeInvalidFormat, `{"main_height":1}`: message.CodeInvalidFormat,
		`{"chain":"ETH","main_height":1}`:                               message.CodeInternal,
		`{"chain":"X","main_height":1,"balances":{}}`:                   message.CodeInternal,
		`{"chain":"ETH","main_height":"x","balances":{}}`:               message.CodeInternal,
		`{"chain":"ETH","main_height":1,"balances":{"0xA":null}}`:       message.CodeInternal,
		`{"chain":"ETH","main_height":1,"balances":{"0xA":"Infinity"}}`: message.CodeInternal,
	} {
		_, err := message.ParseBalancesUpdate([]byte(text))
		if rej, ok := errors.AsType[*message.Rejection](err); !ok || rej.Code != code {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// Whatever a post says, reading it ends, and what is accepted is positive.
func FuzzParseCredits(f *testing.F) {
	f.Add([]byte(`{"transfer":{"credits":[{"address":"0xB","amount":5000,"expiration":1893456000000}]}}`))
	f.Add([]byte(`{"expense":{"credits":[{"address":"0xA","amount":250,"count":3,"size":"75.5","time":1}]}}`))
	f.Add([]byte(`{"distribution":{"token":"A","chain":"E","credits":[{"address":"0xA","amount":1,"price":1e-9,"tx_hash":"","provider":"","bonus_amount":true}]}}`))
	f.Add([]byte(`{"chain":"ETH","main_height":1,"balances":{"0xA":1e308}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		envelope := append(append([]byte(`{"address":"0xA","time":1,"type":"t","content":`), text...), '}')
		content, err := message.ParseContent(message.TypePost, envelope)
		if err != nil {
			return
		}
		raw := content.(*message.Post).Content
		if raw == nil {
			return
		}
		if c, err := message.ParseCreditDistribution(raw); err == nil {
			for _, g := range c.Grants {
				if g.Amount <= 0 || g.Address == "" || g.Price == "" {
					t.Errorf("%s gives %+v", raw, g)
				}
			}
		}
		if c, err := message.ParseCreditExpense(raw); err == nil {
			for _, g := range c.Charges {
				if g.Amount <= 0 || g.Count != nil && *g.Count < 0 {
					t.Errorf("%s charges %+v", raw, g)
				}
			}
		}
		if c, err := message.ParseCreditTransfer(raw); err == nil {
			for _, g := range c.Gifts {
				if g.Amount <= 0 {
					t.Errorf("%s gives %+v", raw, g)
				}
			}
		}
		_, _ = message.ParseBalancesUpdate(raw)
	})
}

package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"aleph/account"
	"aleph/message"
)

// now is the time of the node, in seconds.
func (m *market) now() float64 {
	return float64(noon.Add(time.Duration(m.later.Load())).Unix())
}

// grants gives an owner credits that do not expire.
func (m *market) grants(owner *account.Key, credits int) {
	m.t.Helper()
	grant := signed(m.t, m.authority, message.TypePost, "ALEPH_CREDIT", m.now(), fmt.Sprintf(
		`"type":"aleph_credit_distribution","content":{"distribution":{"token":"ALEPH","chain":"ETH","credits":[`+
			`{"address":%q,"amount":%d,"price":"0.5","tx_hash":"0xab","provider":"ALEPH"}]}}`, owner.Address(), credits))
	if r := m.publish(m.t, grant); r.StatusCode != http.StatusOK {
		m.t.Fatalf("grant: %d %s", r.StatusCode, r.body)
	}
}

// goods are orders of one kind that cost the same, paid one way.
type goods struct {
	name    string
	typ     message.Type
	members string
	payment message.PaymentType
}

// assortment is what can be ordered of a node that holds a file.
func assortment(file, image message.Hash) []goods {
	const common = `"allow_amend":false,"environment":{},"resources":{"vcpus":1,"memory":2048},`
	function := common + fmt.Sprintf(`"type":"vm-function","on":{"http":true},"code":{"encoding":"zip","entrypoint":"x","ref":"%[1]s"},`+
		`"runtime":{"ref":"%[1]s","comment":""}`, image)
	instance := common + fmt.Sprintf(`"rootfs":{"parent":{"ref":%q},"persistence":"host","size_mib":20480}`, image)
	stored := fmt.Sprintf(`"item_type":"storage","item_hash":%q`, file)
	var all []goods
	for _, payment := range []message.PaymentType{message.PaymentHold, message.PaymentCredit} {
		all = append(all, goods{"file", message.TypeStore, stored, payment}, goods{"function", message.TypeProgram, function, payment},
			goods{"instance", message.TypeInstance, instance, payment})
	}
	return all
}

// order returns one of them.
func (m *market) order(buyer *account.Key, g goods, n int) *message.Message {
	m.t.Helper()
	return signed(m.t, buyer, g.typ, "c", m.now()+float64(n)/1024,
		g.members+fmt.Sprintf(`,"payment":{"type":%q,"chain":"ETH"},"metadata":{"n":%d}`, g.payment, n))
}

// TestOrdersRace sends a hundred orders at once against a balance that covers
// one and a half: one is processed, the others are refused with the code of
// their payment, and the sums are those of the one. It does so while machines
// may still be paid by hold, and in years when only credits count.
// // spec messages 7.6
func TestOrdersRace(t *testing.T) {
	t.Parallel()
	for _, day := range []time.Time{
		time.Date(2026, 2, 15, 0, 0, 0, 0, time.UTC), time.Date(2027, 6, 1, 0, 0, 0, 0, time.UTC), time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC),
	} {
		t.Run(day.Format(time.DateOnly), func(t *testing.T) {
			t.Parallel()
			m := openMarket(t)
			m.later.Store(int64(day.Sub(noon)))
			onlyCredit := m.now() >= message.PublicNetwork().Cutoffs.CreditOnly.Seconds()
			file := m.file()
			rich := key(t, "2")
			m.grants(rich, 1000)
			image := signed(t, rich, message.TypeStore, "c", m.now(), `"item_type":"storage","item_hash":"`+string(file)+`","payment":{"type":"credit"}`)
			if r := m.publish(t, image); r.StatusCode != http.StatusOK {
				t.Fatalf("image: %d %s", r.StatusCode, r.body)
			}
			for i, g := range assortment(file, image.ItemHash) {
				name := fmt.Sprintf("%s by %s", g.name, g.payment)
				buyer := key(t, fmt.Sprintf("%x", 3+i))
				if onlyCredit && g.payment == message.PaymentHold {
					m.holds(buyer, 1_000_000)
					m.tooLate(name, m.order(buyer, g, 0))
					continue
				}
				code, price := m.oneTooMany(m.order(buyer, g, 1000), g.payment)
				funds := int(price * 1.5)
				if float64(funds) < price || float64(funds) >= 2*price {
					t.Fatalf("%s: %d does not lie between %g and its double", name, funds, price)
				}
				if g.payment == message.PaymentCredit {
					m.grants(buyer, funds)
				} else {
					m.holds(buyer, funds)
				}
				m.race(name, func(n int) *message.Message { return m.order(buyer, g, n) }, code)
				m.agrees(name, buyer.Address(), g.payment, price)
			}
		})
	}
}

// tooLate demands that an order is refused because of how it is paid.
func (m *market) tooLate(name string, order *message.Message) {
	m.t.Helper()
	m.publish(m.t, order)
	want := fmt.Sprintf(`"error_code":%d,`, int(message.CodeInvalidPaymentMethod))
	if r := m.get(m.t, "/api/v0/messages/"+string(order.ItemHash)); !strings.Contains(r.body, want) {
		m.t.Errorf("%s: got %s, want %s", name, r.body, want)
	}
}

// oneTooMany sends an order of somebody who has nothing, and returns the code
// that refuses it and what one order requires.
func (m *market) oneTooMany(order *message.Message, payment message.PaymentType) (code message.Code, price float64) {
	m.t.Helper()
	m.publish(m.t, order)
	var refused struct {
		Code    message.Code `json:"error_code"`
		Details struct {
			Errors []map[string]any `json:"errors"`
		} `json:"details"`
	}
	r := m.get(m.t, "/api/v0/messages/"+string(order.ItemHash))
	if err := json.Unmarshal([]byte(r.body), &refused); err != nil || len(refused.Details.Errors) != 1 {
		m.t.Fatalf("an order without money: %s", r.body)
	}
	want, member := message.CodeBalanceInsufficient, "required_balance"
	if payment == message.PaymentCredit {
		want, member = message.CodeCreditInsufficient, "required_credits"
	}
	text, _ := refused.Details.Errors[0][member].(string)
	price, err := strconv.ParseFloat(text, 64)
	if err != nil || price <= 0 || refused.Code != want {
		m.t.Fatalf("an order without money: %s", r.body)
	}
	return want, price
}

// race publishes a hundred orders at once and counts their outcomes.
func (m *market) race(name string, order func(int) *message.Message, code message.Code) {
	m.t.Helper()
	const orders = 100
	messages := make([]*message.Message, orders)
	for n := range messages {
		messages[n] = order(n)
	}
	answers := make([]reply, orders)
	var wg sync.WaitGroup
	start := make(chan struct{})
	for n, msg := range messages {
		wg.Go(func() {
			<-start
			answers[n] = m.publish(m.t, msg)
		})
	}
	close(start)
	wg.Wait()
	processed, refused := 0, 0
	for n, msg := range messages {
		found := m.get(m.t, "/api/v0/messages/"+string(msg.ItemHash)).body
		switch {
		case answers[n].StatusCode == http.StatusOK && strings.HasPrefix(found, `{"status":"processed"`):
			processed++
		case answers[n].StatusCode == http.StatusUnprocessableEntity && strings.Contains(found, fmt.Sprintf(`"error_code":%d,`, int(code))):
			refused++
		default:
			m.t.Errorf("%s, order %d: %d %s\n%s", name, n, answers[n].StatusCode, answers[n].body, found)
		}
	}
	if processed != 1 || refused != orders-1 {
		m.t.Errorf("%s: %d processed and %d refused, want 1 and %d", name, processed, refused, orders-1)
	}
}

// agrees compares the sums of an owner with the price of one order.
func (m *market) agrees(name string, owner message.Address, payment message.PaymentType, price float64) {
	m.t.Helper()
	var costs struct {
		Summary struct {
			Hold   string `json:"total_cost_hold"`
			Credit string `json:"total_cost_credit"`
			Count  int    `json:"resource_count"`
		} `json:"summary"`
	}
	r := m.get(m.t, "/api/v0/costs?address="+string(owner)+"&payment_type="+string(payment))
	if err := json.Unmarshal([]byte(r.body), &costs); err != nil {
		m.t.Fatalf("%s: %s", name, r.body)
	}
	text, times := costs.Summary.Hold, 1.0
	if payment == message.PaymentCredit { // a second's; a day is required
		text, times = costs.Summary.Credit, (24 * time.Hour).Seconds()
	}
	total, err := strconv.ParseFloat(text, 64)
	if err != nil || costs.Summary.Count != 1 || total*times < price*0.999999 || total*times > price*1.000001 {
		m.t.Errorf("%s: the sums are %s, want one resource of %g", name, r.body, price)
	}
	var balance struct {
		Locked float64 `json:"locked_amount"`
	}
	r = m.get(m.t, "/api/v0/addresses/"+string(owner)+"/balance")
	if err := json.Unmarshal([]byte(r.body), &balance); err != nil {
		m.t.Fatalf("%s: %s", name, r.body)
	}
	want := price
	if payment == message.PaymentCredit {
		want = 0
	}
	if balance.Locked < want*0.999999 || balance.Locked > want*1.000001 {
		m.t.Errorf("%s: %g is locked, want %g", name, balance.Locked, want)
	}
}

package ingest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"aleph/account"
	"aleph/internal/node/store"
	"aleph/message"
)

// lotsOf prints what is left of the grants of an address.
func (m *market) lotsOf(address message.Address) string {
	m.t.Helper()
	lots, err := m.db.Lots(context.Background(), address)
	if err != nil {
		m.t.Fatal(err)
	}
	text := ""
	for _, l := range lots {
		expires := "never"
		if l.Expiration != nil {
			expires = l.Expiration.Time().Format("2006-01-02")
		}
		text += fmt.Sprintf("%d %s; ", l.Remaining, expires)
	}
	return text
}

// ledgerOf prints the ledger of an address.
func (m *market) ledgerOf(address message.Address) string {
	m.t.Helper()
	rows, err := m.db.Credits(context.Background(), address)
	if err != nil {
		m.t.Fatal(err)
	}
	text := ""
	for _, c := range rows {
		text += fmt.Sprintf("%d %d %s; ", c.Index, c.Amount, c.PaymentMethod)
	}
	return text
}

func (m *market) transfer(from account.Account, to message.Address, amount int64, expires time.Time) *message.Message {
	m.t.Helper()
	m.advance(time.Second)
	entry := map[string]any{"address": to, "amount": amount}
	if !expires.IsZero() {
		entry["expiration"] = expires.UnixMilli()
	}
	return m.credit(from, "transfer", map[string]any{"transfer": map[string]any{"credits": []any{entry}}})
}

func (m *market) expense(of message.Address, amount int64) *message.Message {
	m.t.Helper()
	m.advance(time.Second)
	return m.credit(m.authority, "expense", map[string]any{"expense": map[string]any{"credits": []any{
		map[string]any{"address": of, "amount": amount, "execution_id": "vm", "node_id": "node", "count": 2, "size": "1.5"},
	}}})
}

// The example of the specification: amounts of the old unit, and a transfer
// across two lots that expire differently. // spec messages 7.8
func TestTransferAcrossExpirations(t *testing.T) {
	t.Parallel()
	m := openMarket(t, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	expires := time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC)
	alice, bob := newKey(t), newKey(t)
	m.accept(m.grant(alice.Address(), 100, expires))
	m.advance(time.Second)
	m.accept(m.grant(alice.Address(), 200, time.Time{}))
	m.accept(m.transfer(alice, bob.Address(), 250, time.Time{}))
	if got, want := m.lotsOf(alice.Address()), "500000 never; "; got != want {
		t.Errorf("the sender has %q, want %q", got, want)
	}
	if got, want := m.lotsOf(bob.Address()), "1000000 2026-12-31; 1500000 never; "; got != want {
		t.Errorf("the recipient has %q, want %q", got, want)
	}
	if got, want := m.ledgerOf(bob.Address()), "0 1000000 credit_transfer; 1 1500000 credit_transfer; "; got != want {
		t.Errorf("the ledger of the recipient is %q, want %q", got, want)
	}
	if got, want := m.ledgerOf(alice.Address()), "0 1000000 ; 0 2000000 ; 2 -2500000 credit_transfer; "; got != want {
		t.Errorf("the ledger of the sender is %q, want %q", got, want)
	}
	// A gift never lasts longer than what it is made of.
	carol := newKey(t)
	m.accept(m.transfer(bob, carol.Address(), 120, time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)))
	if got, want := m.lotsOf(carol.Address()), "1000000 2026-12-31; 200000 2030-01-01; "; got != want {
		t.Errorf("the next recipient has %q, want %q", got, want)
	}
	m.clock.Store(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC).Unix())
	if got := m.creditsOf(carol.Address()); got != 200000 {
		t.Errorf("%d credits after one lot has expired", got)
	}
	m.clock.Store(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC).Unix())
	if got := m.creditsOf(carol.Address()); got != 0 {
		t.Errorf("%d credits after all lots have expired", got)
	}
}

// Who may do what with credits. // spec messages 7.8
func TestCreditRules(t *testing.T) {
	t.Parallel()
	m := openMarket(t, june2026)
	alice, bob := newKey(t), newKey(t)
	m.accept(m.grant(alice.Address(), 1000, time.Time{}))

	// A stranger distributes, or the authority on another channel: plain posts.
	stranger := m.credit(bob, "distribution", map[string]any{"distribution": map[string]any{"anything": 1}})
	m.accept(stranger)
	m.accept(m.sign(m.authority, message.TypePost, "OTHER", map[string]any{"type": "aleph_credit_distribution", "content": map[string]any{"distribution": 1}}))
	m.advance(time.Second)
	m.accept(m.credit(m.authority, "distribution", map[string]any{})) // empty: no effect

	refused := []any{
		map[string]any{"distribution": map[string]any{"token": "A", "chain": "ETH", "credits": []any{}}},
		map[string]any{"distribution": map[string]any{"chain": "ETH", "credits": []any{grantOf(nil)}}},
		map[string]any{"other": 1},
		"text",
	}
	for _, change := range []map[string]any{
		{"amount": 0},
		{"amount": -1},
		{"amount": json.Number("1.0")},
		{"amount": "1"},
		{"amount": true},
		{"amount": nil},
		{"address": "  "},
		{"price": "cheap"},
		{"price": nil},
		{"price": true},
		{"tx_hash": nil},
		{"provider": 1},
		{"expiration": "soon"},
	} {
		refused = append(refused, map[string]any{"distribution": map[string]any{"token": "A", "chain": "ETH", "credits": []any{grantOf(change)}}})
	}
	for _, content := range refused {
		m.advance(time.Second)
		msg := m.credit(m.authority, "distribution", content)
		if res := m.put(t, msg); res.Rejection == nil || res.Rejection.Code != message.CodeInvalidFormat {
			t.Errorf("%v: %s %v", content, res.Status, res.Rejection)
		}
	}
	m.refuse(m.transfer(alice, alice.Address(), 1, time.Time{}), message.CodeInvalidFormat)
	m.refuse(m.transfer(alice, bob.Address(), 1001, time.Time{}), message.CodeInvalidFormat)
	twice := []any{map[string]any{"address": bob.Address(), "amount": 1}, map[string]any{"address": bob.Address(), "amount": 1}}
	m.refuse(m.credit(alice, "transfer", map[string]any{"transfer": map[string]any{"credits": twice}}), message.CodeInvalidFormat)
	m.accept(m.transfer(alice, bob.Address(), 1000, time.Time{}))
	m.accept(m.transfer(m.authority, alice.Address(), 7, time.Time{})) // made of nothing
	if a, b, c := m.creditsOf(alice.Address()), m.creditsOf(bob.Address()), m.creditsOf(m.authority.Address()); a != 7 || b != 1000 || c != 0 {
		t.Errorf("%d, %d and %d credits", a, b, c)
	}
	m.accept(m.expense(bob.Address(), 1500)) // more than there is
	if got := m.ledgerOf(bob.Address()); m.creditsOf(bob.Address()) != 0 || got != "0 1000 credit_transfer; 0 -1500 credit_expense; " {
		t.Errorf("ledger %q", got)
	}
}

func grantOf(change map[string]any) map[string]any {
	entry := map[string]any{"address": "0xA", "amount": 1, "price": 0.5, "tx_hash": "0xab", "provider": "ALEPH", "more": 1}
	maps.Copy(entry, change)
	return entry
}

// Whatever the order in which the ledger arrives, the lots of an address are
// those of its ledger in its own order.
func TestCreditsInAnyOrder(t *testing.T) {
	t.Parallel()
	plan := openMarket(t, june2026)
	holder, other := newKey(t).Address(), newKey(t).Address()
	var history []*message.Message
	for i := range 12 {
		of := holder
		if i%4 == 3 {
			of = other
		}
		if i%3 == 2 {
			history = append(history, plan.expense(of, int64(40+i)))
			continue
		}
		plan.advance(time.Second)
		var expires time.Time
		if i%2 == 0 {
			expires = time.Unix(plan.clock.Load()+3, 0) // before some of what follows
		}
		history = append(history, plan.grant(of, int64(30+7*i), expires))
	}
	end := plan.clock.Load()
	for _, msg := range history {
		plan.accept(msg)
	}
	want := plan.lotsOf(holder) + "/" + plan.lotsOf(other)
	for seed := range uint64(12) {
		m := &market{t: t, authority: plan.authority, network: plan.network}
		m.clock.Store(end)
		m.testNode = start(t, onNetwork(m))
		shuffled := slices.Clone(history)
		rand.New(rand.NewPCG(seed, 3)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		for _, msg := range shuffled {
			m.accept(msg)
		}
		if got := m.lotsOf(holder) + "/" + m.lotsOf(other); got != want {
			t.Errorf("seed %d: %s, want %s", seed, got, want)
		}
	}
}

// A grant that arrives after the expense which should have used it up.
func TestLateGrant(t *testing.T) {
	t.Parallel()
	m := openMarket(t, june2026)
	holder := newKey(t).Address()
	grant := m.grant(holder, 100, time.Time{})
	m.accept(m.expense(holder, 60))
	m.accept(grant)
	if got := m.lotsOf(holder); got != "40 never; " {
		t.Errorf("lots %q", got)
	}
	var rows []store.CreditRow
	rows, err := m.db.Credits(context.Background(), holder)
	if err != nil || len(rows) != 2 || rows[1].ExpenseCount == nil || *rows[1].ExpenseCount != 2 || rows[1].ExpenseSize != "1.5" ||
		rows[1].TxHash != "node" || rows[1].Origin != "vm" || rows[0].Token != "ALEPH" || rows[0].Price != "0.5" {
		t.Errorf("ledger %+v, %v", rows, err)
	}
}

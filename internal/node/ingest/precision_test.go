package ingest_test

import (
	"testing"
	"time"

	"aleph/message"
)

// Before the change of unit every amount counts ten thousand times, and a
// transfer is compared with the credits as it is written. // spec messages 7.8
func TestCreditPrecision(t *testing.T) {
	t.Parallel()
	change := message.PublicNetwork().Cutoffs.CreditPrecision
	for _, c := range []struct {
		name   string
		at     message.Timestamp
		factor int64
	}{{"before", change - 1e6, 10_000}, {"after", change, 1}} {
		m := openMarket(t, c.at.Time())
		alice, bob := newKey(t), newKey(t)
		m.accept(m.grant(alice.Address(), 100, time.Time{}))
		if got := m.creditsOf(alice.Address()); got != 100*c.factor {
			t.Errorf("%s: %d credits", c.name, got)
		}
		m.refuse(m.transfer(alice, bob.Address(), 100*c.factor+1, time.Time{}), message.CodeInvalidFormat)
		m.accept(m.transfer(alice, bob.Address(), 100*c.factor, time.Time{})) // in the old unit far more than there is
		if a, b := m.creditsOf(alice.Address()), m.creditsOf(bob.Address()); a != 0 || b != 100*c.factor {
			t.Errorf("%s: %d and %d credits after the transfer", c.name, a, b)
		}
	}
}

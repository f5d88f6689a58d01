package apply

import (
	"context"

	"github.com/cockroachdb/apd/v3"

	"aleph/internal/node/pricing"
	"aleph/internal/node/store"
	"aleph/message"
)

// checkPreStore decides whether the file of a STORE is worth fetching.
// // spec messages 7.6 "pre-check"
func (s *Session) checkPreStore(m *message.Message, c *message.Store) error {
	if !s.rules.priced() || s.rules.free(m.Time) {
		return nil
	}
	payment := pricing.PaymentOf(c.Payment)
	if err := s.checkCreditOnly(m, payment); err != nil {
		return err
	}
	var cost apd.Decimal
	if c.ItemType == message.ItemIPFS {
		bytes, known, err := (&sizes{s: s}).Size(c.ItemHash)
		if err == nil && !known { // its blocks may be here with those of another file
			bytes, known = s.rules.FileSize(c.ItemHash)
		}
		switch {
		case err != nil:
			return err
		case known && bytes > 0 && bytes <= pricing.SmallFile && payment == message.PaymentHold:
			return nil
		case known:
			size := pricing.Mebibytes(bytes)
			if whole := bytes >> 20; whole > 0 { // the part of a MiB is not counted yet
				size = *apd.New(whole, 0)
			}
			b, err := s.billOrder(m, pricing.StoreOrder(m.ItemHash, c, size))
			if err != nil {
				return err
			}
			cost = b.total
		}
	}
	return s.required(c.Address, payment, &cost)
}

// checkStore decides whether a STORE whose file is there is paid for, and
// returns what it costs. // spec messages 7.6 "check"
func (s *Session) checkStore(m *message.Message, c *message.Store, size int64) (*bill, error) {
	if !s.rules.priced() {
		return nil, nil //nolint:nilnil // nothing costs anything
	}
	b, err := s.bill(m, &sizes{s: s, own: c.ItemHash, size: size})
	if err != nil || s.rules.free(m.Time) {
		return b, err
	}
	if err := s.checkCreditOnly(m, b.payment); err != nil {
		return nil, err
	}
	if b.payment == message.PaymentHold && size > 0 && size <= pricing.SmallFile {
		return b, nil
	}
	return b, s.required(c.Address, b.payment, &b.total)
}

// MayUpload decides, on the committed state, whether the owner of a STORE can pay
// for so many bytes, rounded up to whole MiB. Neither its time nor a small size
// excuses from it. The error is [message.CodeBalanceInsufficient] or
// [message.CodeCreditInsufficient]. // spec ccn-http-api 10.2
func (r *Rules) MayUpload(ctx context.Context, read store.Reader, m *message.Message, c *message.Store, bytes int64, now message.Timestamp) error {
	if !r.priced() {
		return nil
	}
	s := &Session{rules: r, read: read, ctx: ctx, now: now}
	b, err := s.billOrder(m, pricing.StoreOrder(m.ItemHash, c, *apd.New((bytes+1<<20-1)>>20, 0)))
	if err != nil {
		return err
	}
	return s.required(c.Address, b.payment, &b.total)
}

// checkMachine decides whether a PROGRAM, INSTANCE or V-PROGRAM is paid for,
// and returns what it costs. // spec messages 7.6
func (s *Session) checkMachine(m *message.Message) (*bill, error) {
	if !s.rules.priced() {
		return nil, nil //nolint:nilnil // nothing costs anything
	}
	b, err := s.bill(m, &sizes{s: s})
	if err != nil {
		return nil, err
	}
	program, isProgram := m.Content.(*message.Program)
	onDemand := isProgram && !program.On.Persistent
	if onDemand && s.rules.free(m.Time) {
		return b, nil
	}
	_, verified := m.Content.(*message.VProgram)
	if verified {
		if b.payment != message.PaymentCredit {
			return nil, message.Reject(message.CodeInvalidPaymentMethod, "a V-PROGRAM is paid by credit, not by %s", b.payment)
		}
		return b, s.required(m.Content.Owner(), b.payment, &b.total)
	}
	if err := s.checkCreditOnly(m, b.payment); err != nil {
		return nil, err
	}
	cutoff := s.rules.Network.Cutoffs.MachineCreditOnly
	if reached(cutoff, m.Time) && !onDemand && b.payment != message.PaymentCredit {
		return nil, message.Reject(message.CodeInvalidPaymentMethod,
			"instances and persistent programs are paid by credit since %s, not by %s", date(cutoff), b.payment)
	}
	if b.payment == message.PaymentSuperfluid { // the host checks the stream
		return b, nil
	}
	return b, s.required(m.Content.Owner(), b.payment, &b.total)
}

// checkCreditOnly refuses other payments once only credits count.
func (s *Session) checkCreditOnly(m *message.Message, payment message.PaymentType) error {
	cutoff := s.rules.Network.Cutoffs.CreditOnly
	if !reached(cutoff, m.Time) || payment == message.PaymentCredit {
		return nil
	}
	return message.Reject(message.CodeInvalidPaymentMethod, "%s messages are paid by credit since %s, not by %s", m.Type, date(cutoff), payment)
}

// free reports whether storage and functions on demand need no payment. The
// message has no confirmation yet, so its time decides. // Q-26, Q-38
func (r *Rules) free(at message.Timestamp) bool { return !reached(r.Network.Cutoffs.FreeTime, at) }

// reached reports whether a cut-off has come; zero never comes.
func reached(cutoff, at message.Timestamp) bool { return cutoff != 0 && at >= cutoff }

// date prints a cut-off for people.
func date(cutoff message.Timestamp) string {
	if cutoff == message.Always {
		return "the beginning"
	}
	return cutoff.Time().Format("2006-01-02")
}

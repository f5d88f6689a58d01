package apply

import (
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/apd/v3"

	"aleph/internal/node/pricing"
	"aleph/internal/node/store"
	"aleph/message"
)

// removalExtra is how much longer than a file that nothing pins the resources
// of an unpaid message are kept. // spec messages 4.8
const removalExtra = time.Hour

// Review marks the messages of an owner that the owner cannot pay for any more
// by what there is now, the newest first, and takes the mark off those that are
// paid for again. It changes up to limit messages and returns how many: when it
// is the limit there may be more. // spec messages 4.8
func (s *Session) Review(owner message.Address, payment message.PaymentType, limit int) (int, error) {
	var rest apd.Decimal
	var err error
	if payment == message.PaymentCredit {
		var credits int64
		credits, err = s.read.CreditBalance(s.ctx, owner, s.now)
		rest.SetInt64(credits)
	} else {
		rest, err = s.read.Balance(s.ctx, owner)
	}
	if err != nil {
		return 0, err
	}
	paid, err := s.read.PaidMessages(s.ctx, owner, payment)
	if err != nil {
		return 0, err
	}
	changed := 0
	for i := range paid {
		m := &paid[i]
		if m.Confirmed == nil && s.rules.confirms() {
			continue // it is not known yet when it came
		}
		cost, err := costOfDay(m, payment)
		if err != nil {
			return changed, err
		}
		short := rest.Cmp(cost) < 0
		if _, err := apd.BaseContext.Sub(&rest, &rest, cost); err != nil {
			return changed, err
		}
		if rest.Negative {
			rest.SetInt64(0)
		}
		did, err := s.review(m, short && s.rules.removable(m, payment))
		if err != nil {
			return changed, err
		}
		if did {
			if changed++; changed == limit {
				return changed, nil
			}
		}
	}
	return changed, nil
}

// costOfDay is what an owner must have for a message: its tokens, or its
// credits for a day.
func costOfDay(m *store.PaidMessage, payment message.PaymentType) (*apd.Decimal, error) {
	if payment != message.PaymentCredit {
		return &m.Total.Hold, nil
	}
	day := new(apd.Decimal)
	_, err := apd.BaseContext.Mul(day, &m.Total.Credit, apd.New(pricing.Day, 0))
	return day, err
}

// confirms reports whether messages get confirmations. Where there is no chain
// they never do, and count without.
func (r *Rules) confirms() bool { return r.Network.Contracts.EthereumSync != "" }

// removable reports whether a message may be removed for lack of payment.
func (r *Rules) removable(m *store.PaidMessage, payment message.PaymentType) bool {
	c := &r.Network.Cutoffs
	small := m.Type == message.TypeStore && m.FileSize != nil && *m.FileSize > 0 && *m.FileSize <= pricing.SmallFile
	if payment == message.PaymentCredit {
		return !small || reached(c.CreditOnly, m.Time)
	}
	if small {
		return false
	}
	if m.Confirmed != nil {
		return c.FreeHeight != 0 && *m.Confirmed >= 0 && uint64(*m.Confirmed) >= c.FreeHeight
	}
	return !r.free(m.Time)
}

// review changes a message if it stands otherwise than it should.
func (s *Session) review(m *store.PaidMessage, remove bool) (bool, error) {
	switch {
	case remove && m.Status == message.StatusProcessed:
		return true, s.startRemoval(m)
	case !remove && m.Status == message.StatusRemoving:
		return s.recover(m)
	}
	return false, nil
}

// head returns the record of a live message without its content.
func (s *Session) head(hash message.Hash) (*store.MessageRow, error) {
	rows, err := s.read.MessageHeads(s.ctx, []message.Hash{hash})
	if err != nil {
		return nil, err
	}
	if rows[hash] == nil {
		return nil, message.ErrNotFound
	}
	return rows[hash], nil
}

// paidHead is head for a message that has costs, and so must be there.
func (s *Session) paidHead(hash message.Hash) (*store.MessageRow, error) {
	row, err := s.head(hash)
	if errors.Is(err, message.ErrNotFound) {
		return nil, fmt.Errorf("message %s has costs but no record", hash)
	}
	return row, err
}

// startRemoval schedules the resources of a message for deletion. Its content
// stays readable. // spec messages 4.8 "Removal"
func (s *Session) startRemoval(m *store.PaidMessage) error {
	row, err := s.paidHead(m.ItemHash)
	if err != nil {
		return err
	}
	due := s.now + message.Timestamp((s.rules.GracePeriod+removalExtra)/time.Microsecond)
	if m.Type == message.TypeStore {
		if err := s.pinForRemoval(m.ItemHash, due); err != nil {
			return err
		}
	}
	return s.tx.SetRemoving(row, m.FileSize, due)
}

func (s *Session) pinForRemoval(hash message.Hash, due message.Timestamp) error {
	pin, err := s.read.Pin(s.ctx, hash, store.PinMessage)
	if ok, err := found(err); err != nil || !ok {
		return err
	}
	if err := s.tx.PinToGrace(hash, due); err != nil {
		return err
	}
	return s.tx.RebuildTag(pin.Tag)
}

// recover takes a removal back, unless the file is gone already.
// // spec messages 4.8 "Recovery"
func (s *Session) recover(m *store.PaidMessage) (bool, error) {
	row, err := s.paidHead(m.ItemHash)
	if err != nil {
		return false, err
	}
	if m.Type == message.TypeStore {
		kept, err := s.tx.PinFromGrace(m.ItemHash)
		if err != nil || !kept {
			return false, err
		}
		pin, err := s.read.Pin(s.ctx, m.ItemHash, store.PinMessage)
		if err != nil {
			return false, err
		}
		if err := s.tx.RebuildTag(pin.Tag); err != nil {
			return false, err
		}
	}
	return true, s.tx.SetRecovered(row)
}

// FinishRemoval turns a removing message whose time has come into a removed
// one. It reports false when its file is still kept for it. // spec messages 4.8
func (s *Session) FinishRemoval(hash message.Hash) (bool, error) {
	row, err := s.head(hash)
	if ok, err := found(err); err != nil || !ok || row.Status != message.StatusRemoving {
		return false, err
	}
	if row.Message.Type == message.TypeStore {
		for _, kind := range []store.PinType{store.PinMessage, store.PinGrace} {
			_, err := s.read.Pin(s.ctx, hash, kind)
			if kept, err := found(err); err != nil || kept {
				return false, err
			}
		}
	} else if err := s.tx.DeleteVM(hash); err != nil {
		return false, err
	}
	removed := &store.RemovedRow{Message: row.Message, Owner: row.Owner, PaymentType: row.PaymentType, RemovedAt: s.now}
	if removed.PaymentType == "" {
		removed.PaymentType = message.PaymentHold
	}
	if err := s.forgetBody(row); err != nil {
		return false, err
	}
	if err := s.tx.SetRemoved(removed); err != nil {
		return false, err
	}
	if err := s.tx.DeleteCost(hash); err != nil {
		return false, err
	}
	if err := s.tx.DeleteMessage(row); err != nil {
		return false, err
	}
	return true, s.tx.SetStatus(hash, message.StatusRemoved, row.ReceptionTime)
}

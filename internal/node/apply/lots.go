package apply

import (
	"slices"

	"aleph/internal/node/store"
	"aleph/message"
)

// lots are what is left of the grants of an address, in the order of the ledger.
type lots []store.LotRow

// add appends the lot of a grant.
func (l *lots) add(c *store.CreditRow) {
	*l = append(*l, store.LotRow{CreditKey: c.CreditKey, Remaining: c.Amount, Expiration: c.Expiration})
}

// take uses up credits of lots that live at that instant, the oldest first. What
// is not there is not taken. // spec messages 7.8 "Consume"
func (l lots) take(amount int64, at message.Timestamp) []portion {
	var taken []portion
	for i := range l {
		if amount == 0 {
			break
		}
		lot := &l[i]
		if lot.Remaining == 0 || !lot.Lives(at) {
			continue
		}
		part := min(lot.Remaining, amount)
		lot.Remaining -= part
		amount -= part
		taken = append(taken, portion{part, lot.Expiration})
	}
	return taken
}

// replay returns the lots that a ledger leaves. It is what counts, in whatever
// order the entries have arrived. // spec messages 7.8
func replay(ledger []store.CreditRow) lots {
	var l lots
	for i := range ledger {
		l.apply(&ledger[i])
	}
	return l
}

// apply does what an entry says that comes after all before it.
func (l *lots) apply(c *store.CreditRow) {
	if c.Amount > 0 {
		l.add(c)
		return
	}
	l.take(-c.Amount, c.Time)
}

// lotsBefore returns the lots of an address as they were before a place in the
// ledger.
func (s *Session) lotsBefore(address message.Address, key store.CreditKey) (lots, error) {
	last, err := s.read.LastCredit(s.ctx, address)
	if ok, err := found(err); err != nil || !ok {
		return nil, err
	}
	if last.Compare(key) < 0 {
		return s.read.Lots(s.ctx, address)
	}
	ledger, err := s.read.Credits(s.ctx, address)
	if err != nil {
		return nil, err
	}
	end, _ := slices.BinarySearchFunc(ledger, key, func(c store.CreditRow, k store.CreditKey) int { return c.Compare(k) })
	return replay(ledger[:end]), nil
}

// enter adds the entries of one post to the ledger and brings the lots of all
// who are in it up to date: by the entries alone when they are the last of the
// address, else from its whole ledger.
func (s *Session) enter(rows []store.CreditRow) error {
	of := map[message.Address][]*store.CreditRow{}
	var addresses []message.Address
	for i := range rows {
		address := rows[i].Address
		if of[address] == nil {
			addresses = append(addresses, address)
		}
		of[address] = append(of[address], &rows[i])
	}
	for _, address := range addresses {
		if err := s.enterOne(address, of[address]); err != nil {
			return err
		}
	}
	return nil
}

func (s *Session) enterOne(address message.Address, entries []*store.CreditRow) error {
	last, err := s.read.LastCredit(s.ctx, address)
	known, err := found(err)
	if err != nil {
		return err
	}
	for _, c := range entries {
		if err := s.tx.InsertCredit(c); err != nil {
			return err
		}
	}
	if known && last.Compare(entries[0].CreditKey) > 0 {
		return s.RebuildCredits(address)
	}
	held, err := s.read.Lots(s.ctx, address)
	if err != nil {
		return err
	}
	now := lots(slices.Clone(held))
	for _, c := range entries {
		now.apply(c)
	}
	for i := range now {
		if i < len(held) && now[i].Remaining == held[i].Remaining || i >= len(held) && now[i].Remaining == 0 {
			continue
		}
		if err := s.tx.SetLot(address, &now[i]); err != nil {
			return err
		}
	}
	return nil
}

// RebuildCredits makes the lots of an address from its ledger.
func (s *Session) RebuildCredits(address message.Address) error {
	ledger, err := s.read.Credits(s.ctx, address)
	if err != nil {
		return err
	}
	if err := s.tx.DropLots(address); err != nil {
		return err
	}
	for _, lot := range replay(ledger) {
		if lot.Remaining == 0 {
			continue
		}
		if err := s.tx.SetLot(address, &lot); err != nil {
			return err
		}
	}
	return nil
}

package apply

import (
	"math"

	"aleph/internal/node/store"
	"aleph/message"
)

// planCredits decides about a post on the channel of credits. Only an authority
// may give or take; everybody may hand on what they have. // spec messages 7.8
func (s *Session) planCredits(m Received, p *message.Post, authority bool) (Effect, error) {
	switch {
	case p.Type == message.CreditDistributionType && authority:
		return s.planDistribution(m, p)
	case p.Type == message.CreditExpenseType && authority:
		return s.planExpense(m, p)
	case p.Type == message.CreditTransferType:
		return s.planTransfer(m, p, authority)
	}
	return nil, nil // a plain post
}

// provider stands in entries of the ledger that nobody has paid for.
const creditProvider = "ALEPH"

// entry returns a row of the ledger without what its kind fills in.
func (s *Session) entry(m Received, p *message.Post, index int) store.CreditRow {
	return store.CreditRow{
		CreditKey:  store.CreditKey{Time: p.Time, Ref: m.ItemHash, Index: int64(index)},
		LastUpdate: s.now, Provider: creditProvider,
	}
}

// precise returns an amount in today's unit. // spec messages 7.8 "Precision"
func (s *Session) precise(amount int64, at message.Timestamp) (int64, error) {
	c := &s.rules.Network.Cutoffs
	if c.CreditPrecision == 0 || at >= c.CreditPrecision || c.CreditPrecisionFactor <= 1 {
		return amount, nil
	}
	if amount > math.MaxInt64/c.CreditPrecisionFactor {
		return 0, message.Reject(message.CodeInvalidFormat, "an amount of %d credits is too large", amount)
	}
	return amount * c.CreditPrecisionFactor, nil
}

func (s *Session) planDistribution(m Received, p *message.Post) (Effect, error) {
	c, err := message.ParseCreditDistribution(p.Content)
	if err != nil {
		return nil, err
	}
	rows := make([]store.CreditRow, len(c.Grants))
	for i, g := range c.Grants {
		row := s.entry(m, p, i)
		if row.Amount, err = s.precise(g.Amount, p.Time); err != nil {
			return nil, err
		}
		row.Address, row.Expiration, row.Price, row.Bonus = g.Address, g.Expiration, g.Price, g.Bonus
		row.TxHash, row.Token, row.Chain, row.Provider = g.TxHash, c.Token, c.Chain, g.Provider
		row.Origin, row.OriginRef, row.PaymentMethod = g.Origin, g.Ref, g.PaymentMethod
		rows[i] = row
	}
	return func() error { return s.enter(rows) }, nil
}

func (s *Session) planExpense(m Received, p *message.Post) (Effect, error) {
	c, err := message.ParseCreditExpense(p.Content)
	if err != nil {
		return nil, err
	}
	rows := make([]store.CreditRow, len(c.Charges))
	for i, g := range c.Charges {
		row := s.entry(m, p, i)
		amount, err := s.precise(g.Amount, p.Time)
		if err != nil {
			return nil, err
		}
		row.Address, row.Amount, row.Price, row.TxHash = g.Address, -amount, g.Price, g.NodeID
		row.Origin, row.OriginRef, row.PaymentMethod = g.ExecutionID, g.Ref, "credit_expense"
		row.ExpenseCount, row.ExpenseSize = g.Count, g.Size
		rows[i] = row
	}
	return func() error { return s.enter(rows) }, nil
}

// planTransfer decides about a transfer. An authority makes what it gives.
func (s *Session) planTransfer(m Received, p *message.Post, authority bool) (Effect, error) {
	c, err := message.ParseCreditTransfer(p.Content)
	if err != nil {
		return nil, err
	}
	gifts := make([]message.CreditGift, len(c.Gifts))
	var raw, sum int64 // before and after the factor. // Q-28
	for i, g := range c.Gifts {
		if g.Address == p.Address {
			return nil, message.Reject(message.CodeInvalidFormat, "%s transfers credits to itself", p.Address)
		}
		gifts[i] = g
		if gifts[i].Amount, err = s.precise(g.Amount, p.Time); err != nil {
			return nil, err
		}
		if gifts[i].Amount > math.MaxInt64-sum {
			return nil, message.Reject(message.CodeInvalidFormat, "the sum of the amounts is too large")
		}
		raw, sum = raw+g.Amount, sum+gifts[i].Amount
	}
	if authority {
		return func() error { return s.mint(m, p, gifts) }, nil
	}
	has, err := s.read.CreditBalance(s.ctx, p.Address, s.now)
	if err != nil {
		return nil, err
	}
	if has < raw {
		return nil, message.Reject(message.CodeInvalidFormat, "%s transfers %d credits and has %d", p.Address, raw, has)
	}
	return func() error { return s.transfer(m, p, gifts) }, nil
}

// mint gives credits that nobody loses.
func (s *Session) mint(m Received, p *message.Post, gifts []message.CreditGift) error {
	rows := make([]store.CreditRow, len(gifts))
	for i, g := range gifts {
		rows[i] = s.gift(m, p, i, g)
	}
	return s.enter(rows)
}

func (s *Session) gift(m Received, p *message.Post, index int, g message.CreditGift) store.CreditRow {
	row := s.entry(m, p, index)
	row.Address, row.Amount, row.Expiration = g.Address, g.Amount, g.Expiration
	row.Origin, row.PaymentMethod = string(p.Address), "credit_transfer"
	return row
}

// transfer hands credits on. They keep the earlier of their own expiration and
// the requested one, so that handing them on never makes them last.
func (s *Session) transfer(m Received, p *message.Post, gifts []message.CreditGift) error {
	first := s.entry(m, p, 0).CreditKey
	lots, err := s.lotsBefore(p.Address, first)
	if err != nil {
		return err
	}
	var rows []store.CreditRow
	for _, g := range gifts {
		portions := portionsOf(lots.take(g.Amount, p.Time), g.Expiration)
		if len(portions) == 0 {
			portions = []portion{{g.Amount, g.Expiration}}
		}
		for _, part := range portions {
			rows = append(rows, s.gift(m, p, len(rows), message.CreditGift{Address: g.Address, Amount: part.amount, Expiration: part.expiration}))
		}
		debit := s.gift(m, p, len(rows), message.CreditGift{Address: p.Address, Amount: -g.Amount})
		debit.Origin = string(g.Address)
		rows = append(rows, debit)
	}
	return s.enter(rows)
}

// portion is a part of an amount and when it expires.
type portion struct {
	amount     int64
	expiration *message.Timestamp
}

// portionsOf bounds the expiration of what was taken and joins neighbours that
// are alike.
func portionsOf(taken []portion, requested *message.Timestamp) []portion {
	var out []portion
	for _, part := range taken {
		if part.expiration == nil || requested != nil && *requested < *part.expiration {
			part.expiration = requested
		}
		if last := len(out) - 1; last >= 0 && sameTime(out[last].expiration, part.expiration) {
			out[last].amount += part.amount
			continue
		}
		out = append(out, part)
	}
	return out
}

func sameTime(a, b *message.Timestamp) bool {
	return a == b || a != nil && b != nil && *a == *b
}

package store

import (
	"context"
	"errors"

	"aleph/message"
)

// CostFilter selects live messages that cost something. Empty members do not
// restrict. // spec ccn-http-api 9.5
type CostFilter struct {
	Owner    message.Address
	ItemHash message.Hash
	Payment  message.PaymentType // required
}

// CostList is one page of what messages cost, by their hash.
type CostList struct {
	CostFilter
	Offset int64
	// Limit is the most rows, 0 for all.
	Limit int64
}

func (l CostList) statement() (string, []any) {
	w := new(where)
	// The way of paying stands in the text: there may be few that pay so, and a
	// plan for any of them would look for them among all.
	switch l.Payment {
	case message.PaymentHold:
		w.raw("c.payment_type = 'hold'")
	case message.PaymentSuperfluid:
		w.raw("c.payment_type = 'superfluid'")
	case message.PaymentCredit:
		w.raw("c.payment_type = 'credit'")
	default:
		w.and("c.payment_type = ", string(l.Payment))
	}
	if l.Owner != "" {
		w.and("c.owner = ", string(l.Owner))
	}
	if l.ItemHash != "" {
		w.and("c.item_hash = ", string(l.ItemHash))
	}
	return `SELECT ` + costColumns + ` FROM account_costs c` + w.clause() + ` ORDER BY c.item_hash` + pageOf(l.Limit, l.Offset), w.args
}

// ListCosts returns a page of what messages cost.
func (r Reader) ListCosts(ctx context.Context, l CostList) ([]*CostRow, error) {
	text, args := l.statement()
	rows, err := r.q.query(ctx, "", text, args...)
	return all(rows, err, scanCost)
}

// CostSum is what messages cost together.
type CostSum struct {
	Costs
	Resources int64
}

const sqlTotalsByPayment = `SELECT cost_hold, cost_stream, cost_credit, resources FROM account_totals WHERE payment_type = $1`

// SumCosts adds up what the messages of a filter cost. Without an owner and a
// message it looks at the kept sum of every owner: decimals are added here,
// exactly.
func (r Reader) SumCosts(ctx context.Context, f CostFilter) (CostSum, error) {
	switch {
	case f.ItemHash != "":
		c, err := r.Cost(ctx, f.ItemHash)
		if errors.Is(err, message.ErrNotFound) || err == nil && (c.Payment != f.Payment || f.Owner != "" && c.Owner != f.Owner) {
			return CostSum{}, nil
		}
		if err != nil {
			return CostSum{}, err
		}
		return CostSum{c.Total, 1}, nil
	case f.Owner != "":
		t, err := r.total(ctx, totalKey{f.Owner, f.Payment})
		return CostSum{t.Costs, t.resources}, err
	}
	rows, err := r.q.query(ctx, "total.payment", sqlTotalsByPayment, string(f.Payment))
	if err != nil {
		return CostSum{}, err
	}
	defer rows.Close()
	var sum CostSum
	for rows.Next() {
		var t CostSum
		if err := rows.Scan(&t.Hold, &t.Stream, &t.Credit, &t.Resources); err != nil {
			return CostSum{}, err
		}
		if sum.Costs, err = sum.plus(t.Costs, false); err != nil {
			return CostSum{}, err
		}
		sum.Resources += t.Resources
	}
	return sum, rows.Err()
}

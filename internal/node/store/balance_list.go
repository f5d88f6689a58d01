package store

import (
	"context"

	"aleph/message"
)

// BalanceKey is a place in the list of balances.
type BalanceKey struct {
	Address message.Address
	Chain   message.Chain
	Dapp    string
}

// BalanceList is one page of what addresses hold, by address, chain and dapp.
// // spec ccn-http-api 8.4
type BalanceList struct {
	Chains []message.Chain
	// Least is the least balance, 0 for any.
	Least  int64
	After  *BalanceKey
	Offset int64
	// Limit is the most rows, 0 for all.
	Limit int64
}

func (l BalanceList) where() *where {
	w := new(where)
	in(w, "chain", unique(l.Chains))
	if l.Least > 0 {
		// Both engines compare such numbers with more digits than a token has.
		w.and("CAST(balance AS NUMERIC) >= ", l.Least)
	}
	return w
}

// ListBalances returns a page of balances.
func (r Reader) ListBalances(ctx context.Context, l BalanceList) ([]BalanceRow, error) {
	w := l.where()
	if l.After != nil {
		w.raw("(address, chain, dapp) > (" + w.param(string(l.After.Address)) + ", " + w.param(string(l.After.Chain)) + ", " + w.param(l.After.Dapp) + ")")
	}
	rows, err := r.q.query(ctx, "", `SELECT `+balanceColumns+` FROM balances`+w.clause()+` ORDER BY address, chain, dapp`+pageOf(l.Limit, l.Offset), w.args...)
	return all(rows, err, scanBalance)
}

// CountBalances returns how many balances the list has.
func (r Reader) CountBalances(ctx context.Context, l BalanceList) (int64, error) {
	w := l.where()
	rows, err := r.q.query(ctx, "", `SELECT COUNT(*) FROM balances`+w.clause(), w.args...)
	return one(rows, err, column[int64])
}

// These step from one address of the ledger to the next in its index.
const (
	sqlCreditOwners = `WITH RECURSIVE a(address) AS (
SELECT MIN(address) FROM credit_history WHERE address > $1
UNION ALL
SELECT (SELECT MIN(h.address) FROM credit_history h WHERE h.address > a.address) FROM a WHERE a.address IS NOT NULL)
SELECT address FROM a WHERE address IS NOT NULL LIMIT $2 OFFSET $3`
	sqlCountCreditOwners = `WITH RECURSIVE a(address) AS (
SELECT MIN(address) FROM credit_history
UNION ALL
SELECT (SELECT MIN(h.address) FROM credit_history h WHERE h.address > a.address) FROM a WHERE a.address IS NOT NULL)
SELECT COUNT(address) FROM a`
)

// CountCreditOwners returns how many addresses ever had credits.
func (r Reader) CountCreditOwners(ctx context.Context) (int64, error) {
	rows, err := r.q.query(ctx, "credit.owner.count", sqlCountCreditOwners)
	return one(rows, err, column[int64])
}

// CreditBalance is what an address has in credits.
type CreditBalance struct {
	Address message.Address
	Credits int64
}

// ListCreditBalances returns what up to limit addresses have at that instant that
// ever had credits, in their order: those after the given one but for the first
// skip of them. // spec ccn-http-api 8.5
func (r Reader) ListCreditBalances(ctx context.Context, at message.Timestamp, after message.Address, skip, limit int64) ([]CreditBalance, error) {
	rows, err := r.q.query(ctx, "credit.owners", sqlCreditOwners, string(after), limit, skip)
	addresses, err := all(rows, err, column[message.Address])
	if err != nil {
		return nil, err
	}
	lots := map[message.Address][]LotRow{}
	list, err := among(ctx, r.q, "lot.owners", `SELECT address, `+lotColumns+` FROM credit_balances WHERE address IN (`, addresses, `)`, scanOwnedLot)
	if err != nil {
		return nil, err
	}
	for _, o := range list {
		if o.Lives(at) {
			lots[o.address] = append(lots[o.address], o.LotRow)
		}
	}
	out := make([]CreditBalance, len(addresses))
	for i, address := range addresses {
		out[i] = CreditBalance{address, SumOfLots(lots[address])}
	}
	return out, nil
}

// ownedLot is a lot and whose it is.
type ownedLot struct {
	address message.Address
	LotRow
}

func scanOwnedLot(row scanner) (ownedLot, error) {
	var o ownedLot
	return o, row.Scan(&o.address, &o.Time, &o.Ref, &o.Index, &o.Remaining, &o.Expiration)
}

package store

import (
	"cmp"
	"context"
	"math"
	"slices"

	"aleph/message"
)

// CreditRow is an entry of the ledger of credits. // spec messages 7.8
type CreditRow struct {
	Address    message.Address
	Amount     int64 // negative when credits are taken
	CreditKey        // its place in the ledger
	Expiration *message.Timestamp
	LastUpdate message.Timestamp

	// Decimals and texts; empty means absent.
	Price, Bonus, TxHash, Token, Chain, Provider, Origin, OriginRef, PaymentMethod string
	ExpenseCount                                                                   *int64
	ExpenseSize                                                                    string
}

// CreditKey is a place in the ledger: entries are ordered by time, then by
// message and place in it.
type CreditKey struct {
	Time  message.Timestamp
	Ref   message.Hash // the POST
	Index int64
}

// Compare orders places.
func (k CreditKey) Compare(other CreditKey) int {
	return cmp.Or(cmp.Compare(k.Time, other.Time), cmp.Compare(k.Ref, other.Ref), cmp.Compare(k.Index, other.Index))
}

// LotRow is what is left of a grant.
type LotRow struct {
	CreditKey
	Remaining  int64
	Expiration *message.Timestamp // nil: never
}

// Lives reports whether the lot has not expired at that instant.
func (l *LotRow) Lives(at message.Timestamp) bool { return l.Expiration == nil || *l.Expiration > at }

const creditColumns = `credit_ref, credit_index, address, amount, price, bonus_amount, tx_hash, token, chain, provider, origin, origin_ref,
payment_method, expiration_date, message_timestamp, last_update, expense_count, expense_size_mib`

const sqlInsertCredit = `INSERT INTO credit_history (` + creditColumns + `)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)`

// InsertCredit adds an entry to the ledger, not its effect.
func (tx *Tx) InsertCredit(c *CreditRow) error {
	if end, ok := tx.known.ends[c.Address]; ok && (end == nil || end.Compare(c.CreditKey) < 0) {
		tx.known.ends[c.Address] = &c.CreditKey
	}
	tx.spend(c)
	var count any
	if c.ExpenseCount != nil {
		count = *c.ExpenseCount
	}
	return tx.exec("credit.insert", sqlInsertCredit, string(c.Ref), c.Index, string(c.Address), c.Amount, null(c.Price), null(c.Bonus),
		null(c.TxHash), null(c.Token), null(c.Chain), null(c.Provider), null(c.Origin), null(c.OriginRef), null(c.PaymentMethod),
		nullTime(c.Expiration), int64(c.Time), int64(c.LastUpdate), count, null(c.ExpenseSize))
}

func nullTime(t *message.Timestamp) any {
	if t == nil {
		return nil
	}
	return int64(*t)
}

func scanCredit(row scanner) (CreditRow, error) {
	var c CreditRow
	var price, bonus, tx, token, chain, provider, origin, ref, method, size text
	err := row.Scan(&c.Ref, &c.Index, &c.Address, &c.Amount, &price, &bonus, &tx, &token, &chain, &provider, &origin, &ref,
		&method, &c.Expiration, &c.Time, &c.LastUpdate, &c.ExpenseCount, &size)
	c.Price, c.Bonus, c.TxHash, c.Token, c.Chain = string(price), string(bonus), string(tx), string(token), string(chain)
	c.Provider, c.Origin, c.OriginRef, c.PaymentMethod = string(provider), string(origin), string(ref), string(method)
	c.ExpenseSize = string(size)
	return c, err
}

const sqlCredits = `SELECT ` + creditColumns + ` FROM credit_history WHERE address = $1 ORDER BY message_timestamp, credit_ref, credit_index`

// Credits returns the ledger of an address in its order.
func (r Reader) Credits(ctx context.Context, address message.Address) ([]CreditRow, error) {
	rows, err := r.q.query(ctx, "credit.list", sqlCredits, string(address))
	return all(rows, err, scanCredit)
}

const sqlLastCredit = `SELECT message_timestamp, credit_ref, credit_index FROM credit_history WHERE address = $1
ORDER BY message_timestamp DESC, credit_ref DESC, credit_index DESC LIMIT 1`

// LastCredit returns the last place in the ledger of an address, or
// [message.ErrNotFound].
func (r Reader) LastCredit(ctx context.Context, address message.Address) (CreditKey, error) {
	if row, ok, err := recall(r.known.ends, address); ok {
		return deref(row), err
	}
	rows, err := r.q.query(ctx, "credit.last", sqlLastCredit, string(address))
	return one(rows, err, func(row scanner) (CreditKey, error) {
		var k CreditKey
		return k, row.Scan(&k.Time, &k.Ref, &k.Index)
	})
}

const lotColumns = `message_timestamp, credit_ref, credit_index, amount_remaining, expiration_date`

const sqlLots = `SELECT ` + lotColumns + ` FROM credit_balances
WHERE address = $1 ORDER BY message_timestamp, credit_ref, credit_index`

// Lots returns the lots of an address that hold something, in the order of the
// ledger.
func (r Reader) Lots(ctx context.Context, address message.Address) ([]LotRow, error) {
	if list, ok := r.known.lots[address]; ok {
		return slices.Clone(list), nil
	}
	rows, err := r.q.query(ctx, "lot.list", sqlLots, string(address))
	return all(rows, err, func(row scanner) (LotRow, error) {
		var l LotRow
		return l, row.Scan(&l.Time, &l.Ref, &l.Index, &l.Remaining, &l.Expiration)
	})
}

// CreditBalance returns the credits that an address has at that instant, and at
// most the largest number there is. // spec messages 7.8
func (r Reader) CreditBalance(ctx context.Context, address message.Address, at message.Timestamp) (int64, error) {
	lots, err := r.Lots(ctx, address)
	return SumOfLots(slices.DeleteFunc(lots, func(l LotRow) bool { return !l.Lives(at) })), err
}

// SumOfLots returns what lots hold, and at most the largest number there is.
func SumOfLots(lots []LotRow) int64 {
	var sum int64
	for i := range lots {
		if sum > math.MaxInt64-lots[i].Remaining {
			return math.MaxInt64
		}
		sum += lots[i].Remaining
	}
	return sum
}

const (
	sqlSetLot = `INSERT INTO credit_balances (address, message_timestamp, credit_ref, credit_index, amount_remaining, expiration_date)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (address, message_timestamp, credit_ref, credit_index) DO UPDATE SET amount_remaining = excluded.amount_remaining`
	sqlDropLot = `DELETE FROM credit_balances WHERE address = $1 AND message_timestamp = $2 AND credit_ref = $3 AND credit_index = $4`
)

// SetLot records a lot. One that holds nothing any more goes.
func (tx *Tx) SetLot(address message.Address, l *LotRow) error {
	delete(tx.known.lots, address)
	if l.Remaining == 0 {
		return tx.exec("lot.drop", sqlDropLot, string(address), int64(l.Time), string(l.Ref), l.Index)
	}
	return tx.exec("lot.set", sqlSetLot, string(address), int64(l.Time), string(l.Ref), l.Index, l.Remaining, nullTime(l.Expiration))
}

const sqlDropLots = `DELETE FROM credit_balances WHERE address = $1`

// DropLots removes the lots of an address.
func (tx *Tx) DropLots(address message.Address) error {
	delete(tx.known.lots, address)
	return tx.exec("lot.clear", sqlDropLots, string(address))
}

const sqlCreditsSince = `SELECT c.address FROM (SELECT address FROM credit_history WHERE last_update >= $1 AND address > $3
UNION SELECT address FROM credit_balances WHERE expiration_date >= $1 AND expiration_date <= $2 AND address > $3) c
JOIN account_totals t ON t.owner = c.address AND t.payment_type = 'credit' ORDER BY c.address LIMIT $4`

// CreditsSince returns addresses after the given one that use up credits and
// whose ledger has changed since then, or of whose lots one has expired between
// then and now, in order.
func (r Reader) CreditsSince(ctx context.Context, since, now message.Timestamp, after message.Address, limit int) ([]message.Address, error) {
	rows, err := r.q.query(ctx, "credit.since", sqlCreditsSince, int64(since), int64(now), string(after), limit)
	return all(rows, err, column[message.Address])
}

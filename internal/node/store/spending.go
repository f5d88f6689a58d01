package store

import (
	"cmp"
	"context"
	"maps"
	"math/big"
	"slices"

	"aleph/message"
)

// expenseMethod is how entries of the ledger are paid that take what resources
// use. // spec messages 7.8
const expenseMethod = "credit_expense"

// resource is what an entry of the ledger is about. // spec ccn-http-api 5.6
func (c *CreditRow) resource() string {
	if c.Origin != "" {
		return c.Origin
	}
	return c.OriginRef
}

// spendingKey names a sum of expenses: what an address spent for a resource, or
// everything when both are empty.
type spendingKey struct{ address, resource string }

// wide is a whole number that is a sum of many: high * 2^32 + low.
type wide struct{ high, low int64 }

func (w *wide) add(amount int64) {
	w.high += max(amount/(1<<32), -(amount / (1 << 32)))
	w.low += max(amount%(1<<32), -(amount % (1 << 32)))
}

func (w wide) int() *big.Int {
	sum := big.NewInt(w.high)
	return sum.Add(sum.Lsh(sum, 32), big.NewInt(w.low))
}

func scanWide(row scanner) (*big.Int, error) {
	var w wide
	err := row.Scan(&w.high, &w.low)
	return w.int(), err
}

// spend adds an entry of the ledger to the sums, if it is an expense. They reach
// the database with the commit.
func (tx *Tx) spend(c *CreditRow) {
	if c.PaymentMethod != expenseMethod {
		return
	}
	for _, key := range []spendingKey{{string(c.Address), c.resource()}, {}} {
		sum := tx.spending[key]
		sum.add(c.Amount)
		tx.spending[key] = sum
	}
}

const sqlAddSpending = `INSERT INTO credit_spending (address, resource, high, low) VALUES ($1, $2, $3, $4)
ON CONFLICT (address, resource) DO UPDATE SET high = credit_spending.high + excluded.high, low = credit_spending.low + excluded.low`

func (tx *Tx) writeSpending() error {
	keys := slices.SortedFunc(maps.Keys(tx.spending), func(a, b spendingKey) int {
		return cmp.Or(cmp.Compare(a.address, b.address), cmp.Compare(a.resource, b.resource))
	})
	for _, key := range keys {
		sum := tx.spending[key]
		if err := tx.exec("spending.add", sqlAddSpending, key.address, key.resource, sum.high, sum.low); err != nil {
			return err
		}
	}
	return nil
}

const sumOfSpending = `CAST(COALESCE(SUM(high), 0) AS BIGINT), CAST(COALESCE(SUM(low), 0) AS BIGINT)`

const (
	sqlSpentOn   = `SELECT ` + sumOfSpending + ` FROM credit_spending WHERE resource = $1 AND address <> ''`
	sqlSpentBy   = `SELECT ` + sumOfSpending + ` FROM credit_spending WHERE address = $1`
	sqlSpentByOn = `SELECT ` + sumOfSpending + ` FROM credit_spending WHERE address = $1 AND resource = $2`
)

// Spent returns the credits that an address spent for a resource: all that were
// spent for it when the address is empty, all that the address spent when the
// resource is, and everything when both are. // spec ccn-http-api 5.6, 9.5
func (r Reader) Spent(ctx context.Context, address message.Address, resource string) (*big.Int, error) {
	var rows rows
	var err error
	switch {
	case address == "" && resource != "":
		rows, err = r.q.query(ctx, "spending.on", sqlSpentOn, resource)
	case address != "" && resource == "":
		rows, err = r.q.query(ctx, "spending.by", sqlSpentBy, string(address))
	default:
		rows, err = r.q.query(ctx, "spending.get", sqlSpentByOn, string(address), resource)
	}
	return one(rows, err, scanWide)
}

// SpentOnEach returns the credits that were spent for each of some resources; one
// that is missing has cost nothing yet.
func (r Reader) SpentOnEach(ctx context.Context, resources []message.Hash) (map[message.Hash]*big.Int, error) {
	type spent struct {
		resource message.Hash
		wide
	}
	list, err := among(ctx, r.q, "spending.each", `SELECT resource, high, low FROM credit_spending WHERE address <> '' AND resource IN (`, resources, `)`,
		func(row scanner) (s spent, err error) {
			return s, row.Scan(&s.resource, &s.high, &s.low)
		})
	sums := make(map[message.Hash]*big.Int, len(resources))
	for _, s := range list {
		sum, ok := sums[s.resource]
		if !ok {
			sum = new(big.Int)
			sums[s.resource] = sum
		}
		sum.Add(sum, s.int())
	}
	return sums, err
}

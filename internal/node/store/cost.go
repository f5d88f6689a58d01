package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/cockroachdb/apd/v3"

	"aleph/message"
)

// Costs are amounts of the three ways of paying: tokens to hold, tokens a
// second, credits a second.
type Costs struct {
	Hold, Stream, Credit apd.Decimal
}

// plus returns the exact sum, or the difference when minus is set.
func (c Costs) plus(other Costs, minus bool) (Costs, error) {
	var sum Costs
	for _, part := range []struct{ into, x, y *apd.Decimal }{
		{&sum.Hold, &c.Hold, &other.Hold}, {&sum.Stream, &c.Stream, &other.Stream}, {&sum.Credit, &c.Credit, &other.Credit},
	} {
		do := apd.BaseContext.Add // without a precision nothing is rounded
		if minus {
			do = apd.BaseContext.Sub
		}
		if _, err := do(part.into, part.x, part.y); err != nil {
			return Costs{}, err
		}
	}
	return sum, nil
}

func (c *Costs) texts() (hold, stream, credit string) {
	return c.Hold.Text('f'), c.Stream.Text('f'), c.Credit.Text('f')
}

// CostDetail is one row of what a message costs. // spec messages 7.4
type CostDetail struct {
	Type   string       `json:"type"`
	Name   string       `json:"name"`
	Ref    message.Hash `json:"ref,omitempty"`
	Hold   string       `json:"hold"`
	Stream string       `json:"stream"`
	Credit string       `json:"credit"`
}

// CostRow is what a message costs.
type CostRow struct {
	ItemHash message.Hash
	Owner    message.Address
	Payment  message.PaymentType
	Total    Costs // the sums of the rows
	Details  []CostDetail
}

const costColumns = `c.item_hash, c.owner, c.payment_type, c.cost_hold, c.cost_stream, c.cost_credit, c.details`

func scanCost(row scanner) (*CostRow, error) {
	var c CostRow
	var details string
	err := row.Scan(&c.ItemHash, &c.Owner, &c.Payment, &c.Total.Hold, &c.Total.Stream, &c.Total.Credit, &details)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(details), &c.Details); err != nil {
		return nil, fmt.Errorf("costs of %s: %w", c.ItemHash, err)
	}
	return &c, nil
}

const sqlCost = `SELECT ` + costColumns + ` FROM account_costs c WHERE c.item_hash = $1`

// Cost returns what a message costs, or [message.ErrNotFound] when it costs
// nothing.
func (r Reader) Cost(ctx context.Context, item message.Hash) (*CostRow, error) {
	if row, ok, err := recall(r.known.costs, item); ok {
		return row, err
	}
	rows, err := r.q.query(ctx, "cost.get", sqlCost, string(item))
	return one(rows, err, scanCost)
}

// PaidMessage is a live message that its owner pays for.
type PaidMessage struct {
	ItemHash  message.Hash
	Type      message.Type
	Time      message.Timestamp
	Status    message.Status
	Confirmed *int64 // lowest height of a confirmation; nil when there is none
	Total     Costs
	// FileSize is the size of the file of a STORE; nil when it is not known.
	FileSize *int64
}

const sqlPaid = `SELECT m.item_hash, m.type, m.time, m.status, m.first_confirmed_height, c.cost_hold, c.cost_stream, c.cost_credit, f.size
FROM account_costs c JOIN messages m ON m.item_hash = c.item_hash LEFT JOIN files f ON f.hash = m.content_item_hash
WHERE c.owner = $1 AND c.payment_type = $2 ORDER BY m.time, m.item_hash`

// PaidMessages returns the live messages that an owner pays for in that way,
// the oldest first.
func (r Reader) PaidMessages(ctx context.Context, owner message.Address, payment message.PaymentType) ([]PaidMessage, error) {
	rows, err := r.q.query(ctx, "cost.paid", sqlPaid, string(owner), string(payment))
	return all(rows, err, func(row scanner) (PaidMessage, error) {
		var p PaidMessage
		return p, row.Scan(&p.ItemHash, &p.Type, &p.Time, &p.Status, &p.Confirmed, &p.Total.Hold, &p.Total.Stream, &p.Total.Credit, &p.FileSize)
	})
}

// totalKey names the sum of what an owner pays for in one way.
type totalKey struct {
	owner   message.Address
	payment message.PaymentType
}

// total is such a sum.
type total struct {
	Costs
	resources int64
	changed   bool
}

const sqlTotal = `SELECT cost_hold, cost_stream, cost_credit, resources FROM account_totals WHERE owner = $1 AND payment_type = $2`

func (r Reader) total(ctx context.Context, key totalKey) (total, error) {
	rows, err := r.q.query(ctx, "cost.total", sqlTotal, string(key.owner), string(key.payment))
	t, err := one(rows, err, func(row scanner) (total, error) {
		var t total
		return t, row.Scan(&t.Hold, &t.Stream, &t.Credit, &t.resources)
	})
	if errors.Is(err, message.ErrNotFound) {
		return total{}, nil
	}
	return t, err
}

// CostTotal returns the sum of what an owner pays for in one way.
func (r Reader) CostTotal(ctx context.Context, owner message.Address, payment message.PaymentType) (Costs, error) {
	if tx, ok := r.q.(*Tx); ok {
		t, err := tx.total(totalKey{owner, payment})
		return t.Costs, err
	}
	t, err := r.total(ctx, totalKey{owner, payment})
	return t.Costs, err
}

// total returns a sum as the transaction has made it so far.
func (tx *Tx) total(key totalKey) (total, error) {
	if t, ok := tx.totals[key]; ok {
		return t, nil
	}
	t, err := tx.Reader.total(tx.ctx, key)
	if err == nil {
		tx.totals[key] = t
	}
	return t, err
}

// charge adds a message to the sum of its owner, or takes it off. The sums
// reach the database with the commit.
func (tx *Tx) charge(c *CostRow, minus bool) error {
	key := totalKey{c.Owner, c.Payment}
	t, err := tx.total(key)
	if err != nil {
		return err
	}
	if t.Costs, err = t.plus(c.Total, minus); err != nil {
		return fmt.Errorf("sum of the costs of %s: %w", c.Owner, err)
	}
	t.resources++
	if minus {
		t.resources -= 2
	}
	t.changed = true
	tx.totals[key] = t
	return nil
}

const (
	sqlSetTotal = `INSERT INTO account_totals (owner, payment_type, cost_hold, cost_stream, cost_credit, resources) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (owner, payment_type) DO UPDATE SET cost_hold = excluded.cost_hold, cost_stream = excluded.cost_stream,
cost_credit = excluded.cost_credit, resources = excluded.resources`
	sqlDropTotal = `DELETE FROM account_totals WHERE owner = $1 AND payment_type = $2`
)

func (tx *Tx) writeTotals() error {
	for key, t := range tx.totals {
		if !t.changed {
			continue
		}
		owner, payment := string(key.owner), string(key.payment)
		var err error
		if t.resources == 0 {
			err = tx.exec("total.drop", sqlDropTotal, owner, payment)
		} else {
			hold, stream, credit := t.texts()
			err = tx.exec("total.set", sqlSetTotal, owner, payment, hold, stream, credit, t.resources)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

const sqlInsertCost = `INSERT INTO account_costs (item_hash, owner, payment_type, cost_hold, cost_stream, cost_credit, details)
VALUES ($1, $2, $3, $4, $5, $6, $7)`

// InsertCost records what a message costs.
func (tx *Tx) InsertCost(c *CostRow) error {
	details, err := json.Marshal(c.Details)
	if err != nil {
		return fmt.Errorf("costs of %s: %w", c.ItemHash, err)
	}
	if _, ok := tx.known.costs[c.ItemHash]; ok {
		tx.known.costs[c.ItemHash] = c
	}
	hold, stream, credit := c.Total.texts()
	err = tx.exec("cost.insert", sqlInsertCost, string(c.ItemHash), string(c.Owner), string(c.Payment), hold, stream, credit, string(details))
	if err != nil {
		return err
	}
	return tx.charge(c, false)
}

const sqlDeleteCost = `DELETE FROM account_costs WHERE item_hash = $1`

// DeleteCost removes the record of what a message costs, if there is one.
func (tx *Tx) DeleteCost(item message.Hash) error {
	c, err := tx.Cost(tx.ctx, item)
	if errors.Is(err, message.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	tx.known.costs[item] = nil
	if err := tx.exec("cost.delete", sqlDeleteCost, string(item)); err != nil {
		return err
	}
	return tx.charge(c, true)
}

package store

import (
	"context"
	"math/big"
	"strings"

	"aleph/message"
)

// CreditFilter restricts the ledger of an address. Nil and empty members do not
// restrict. // spec ccn-http-api 8.8
type CreditFilter struct {
	Address message.Address

	TxHash, Token, Chain, Provider, Origin, OriginRef, PaymentMethod *string
	// Resource is what an entry is about: its origin, or else its reference.
	Resource *string
	// ResourceTypes are the types of the live messages that entries are about.
	ResourceTypes []message.Type
	// ExceptMethods drops entries that were paid so, and those that say nothing.
	ExceptMethods []string
	Expires       *bool
	From, To      *message.Timestamp // both inclusive
	Direction     CreditDirection
}

// CreditDirection is whether entries give or take.
type CreditDirection int

// The directions.
const (
	AnyDirection CreditDirection = iota
	Incoming
	Outgoing
)

// CreditOrder is the column that orders the ledger.
type CreditOrder string

// The orders. // spec ccn-http-api 8.8
const (
	ByTime       CreditOrder = "message_timestamp"
	ByExpiration CreditOrder = "expiration_date"
	ByMethod     CreditOrder = "payment_method"
	ByAmount     CreditOrder = "amount"
	ByOrigin     CreditOrder = "origin"
	ByTxHash     CreditOrder = "tx_hash"
	ByProvider   CreditOrder = "provider"
)

// column returns the column of an order and whether it may be absent.
func (o CreditOrder) column() (name string, nullable bool) {
	switch o {
	case ByExpiration:
		return "h.expiration_date", true
	case ByMethod:
		return "h.payment_method", true
	case ByAmount:
		return "h.amount", false
	case ByOrigin:
		return "h.origin", true
	case ByTxHash:
		return "h.tx_hash", true
	case ByProvider:
		return "h.provider", true
	case ByTime:
	}
	return "h.message_timestamp", false
}

// CreditList is one page of a ledger. Entries that are alike are ordered by
// message and place in it, in the direction of the list; those without a value
// come last in either.
type CreditList struct {
	CreditFilter
	Order     CreditOrder
	Ascending bool
	After     *AfterCredit
	Offset    int64
	// Limit is the most rows, 0 for all.
	Limit int64
}

// AfterCredit is the place in a ledger after which a page begins.
type AfterCredit struct {
	// Value is that of the column of the order: a text, a number of type int64, or
	// nil for none.
	Value any
	Ref   message.Hash
	Index int64
}

// AfterRow returns the place of an entry in an order.
func (o CreditOrder) AfterRow(c *CreditRow) *AfterCredit {
	after := &AfterCredit{Ref: c.Ref, Index: c.Index}
	switch o {
	case ByExpiration:
		after.Value = nullTime(c.Expiration)
	case ByMethod:
		after.Value = null(c.PaymentMethod)
	case ByAmount:
		after.Value = c.Amount
	case ByOrigin:
		after.Value = null(c.Origin)
	case ByTxHash:
		after.Value = null(c.TxHash)
	case ByProvider:
		after.Value = null(c.Provider)
	case ByTime:
		after.Value = int64(c.Time)
	}
	return after
}

// resourceOf is what an entry is about, of table h. // spec ccn-http-api 5.6
const resourceOf = `COALESCE(h.origin, h.origin_ref)`

func (f *CreditFilter) where() *where {
	w := new(where)
	w.and("h.address = ", string(f.Address))
	for _, same := range []struct {
		column string
		value  *string
	}{
		{"h.tx_hash", f.TxHash},
		{"h.token", f.Token},
		{"h.chain", f.Chain},
		{"h.provider", f.Provider},
		{"h.origin", f.Origin},
		{"h.origin_ref", f.OriginRef},
		{"h.payment_method", f.PaymentMethod},
		{resourceOf, f.Resource},
	} {
		if same.value != nil {
			w.and(same.column+" = ", *same.value)
		}
	}
	if len(f.ExceptMethods) > 0 {
		w.raw("h.payment_method NOT IN (" + list(w, f.ExceptMethods) + ")")
	}
	if f.Expires != nil && *f.Expires {
		w.raw("h.expiration_date IS NOT NULL")
	} else if f.Expires != nil {
		w.raw("h.expiration_date IS NULL")
	}
	if f.From != nil {
		w.and("h.message_timestamp >= ", int64(*f.From))
	}
	if f.To != nil {
		w.and("h.message_timestamp <= ", int64(*f.To))
	}
	switch f.Direction {
	case Incoming:
		w.raw("h.amount > 0")
	case Outgoing:
		w.raw("h.amount < 0")
	case AnyDirection:
	}
	if len(f.ResourceTypes) > 0 {
		w.raw("EXISTS (SELECT 1 FROM messages m WHERE m.item_hash = " + resourceOf + " AND m.type IN (" + list(w, unique(f.ResourceTypes)) + "))")
	}
	return w
}

func (l CreditList) statement() (string, []any) {
	w := l.where()
	column, nullable := l.Order.column()
	sign, way := " < ", " DESC"
	if l.Ascending {
		sign, way = " > ", ""
	}
	if a := l.After; a != nil {
		switch {
		case a.Value == nil:
			w.raw(column + " IS NULL AND (h.credit_ref, h.credit_index)" + sign + "(" + w.param(string(a.Ref)) + ", " + w.param(a.Index) + ")")
		case nullable:
			w.raw("(" + column + " IS NULL OR (" + column + ", h.credit_ref, h.credit_index)" + sign +
				"(" + w.param(a.Value) + ", " + w.param(string(a.Ref)) + ", " + w.param(a.Index) + "))")
		default:
			w.raw("(" + column + ", h.credit_ref, h.credit_index)" + sign +
				"(" + w.param(a.Value) + ", " + w.param(string(a.Ref)) + ", " + w.param(a.Index) + ")")
		}
	}
	order := " ORDER BY "
	if nullable {
		order += "CASE WHEN " + column + " IS NULL THEN 1 ELSE 0 END, "
	}
	order += column + way + ", h.credit_ref" + way + ", h.credit_index" + way
	return `SELECT ` + creditColumns + ` FROM credit_history h` + w.clause() + order + pageOf(l.Limit, l.Offset), w.args
}

// ListCredits returns a page of a ledger. In the order of time a page costs a
// page; in another one all that the address has is sorted.
func (r Reader) ListCredits(ctx context.Context, l CreditList) ([]CreditRow, error) {
	text, args := l.statement()
	rows, err := r.q.query(ctx, "", text, args...)
	return all(rows, err, scanCredit)
}

// CountCredits returns how many entries of a ledger the filter selects.
func (r Reader) CountCredits(ctx context.Context, f CreditFilter) (int64, error) {
	w := f.where()
	rows, err := r.q.query(ctx, "", `SELECT COUNT(*) FROM credit_history h`+w.clause(), w.args...)
	return one(rows, err, column[int64])
}

// CreditSums are what the entries of a ledger add up to.
type CreditSums struct {
	Entries            int64
	Incoming, Outgoing *big.Int // the second is not positive
}

// SumCredits adds up the entries of a ledger that the filter selects.
// // spec ccn-http-api 8.9
func (r Reader) SumCredits(ctx context.Context, f CreditFilter) (CreditSums, error) {
	w := f.where()
	var text strings.Builder
	text.WriteString(`SELECT COUNT(*)`)
	for _, part := range []string{
		"amount > 0 THEN h.amount / 4294967296", "amount > 0 THEN h.amount % 4294967296",
		"amount < 0 THEN h.amount / 4294967296", "amount < 0 THEN h.amount % 4294967296",
	} {
		text.WriteString(`, CAST(COALESCE(SUM(CASE WHEN h.` + part + ` END), 0) AS BIGINT)`)
	}
	rows, err := r.q.query(ctx, "", text.String()+` FROM credit_history h`+w.clause(), w.args...)
	return one(rows, err, func(row scanner) (CreditSums, error) {
		var s CreditSums
		var in, out wide
		err := row.Scan(&s.Entries, &in.high, &in.low, &out.high, &out.low)
		s.Incoming, s.Outgoing = in.int(), out.int()
		return s, err
	})
}

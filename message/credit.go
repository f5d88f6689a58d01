package message

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// The post types that move credits or report balances. They have power only on
// the owners and the channel that the [Network] names. // spec messages 7.7, 7.8
const (
	BalancesUpdateType     = "balances-update"
	CreditDistributionType = "aleph_credit_distribution"
	CreditExpenseType      = "aleph_credit_expense"
	CreditTransferType     = "aleph_credit_transfer"
)

// CreditDistribution gives credits that somebody has bought. // spec messages 7.8
type CreditDistribution struct {
	Token, Chain string
	Grants       []CreditGrant
}

// CreditGrant is one entry of a distribution. Texts may be empty.
type CreditGrant struct {
	Address       Address
	Amount        int64
	Price         string // a decimal
	TxHash        string
	Provider      string
	Expiration    *Timestamp // nil when the credits never expire
	Origin, Ref   string
	PaymentMethod string
	Bonus         string // a decimal, or empty
}

// CreditExpense takes credits that were used up.
type CreditExpense struct {
	Charges []CreditCharge
}

// CreditCharge is one entry of an expense. Texts may be empty.
type CreditCharge struct {
	Address                  Address
	Amount                   int64
	Ref, ExecutionID, NodeID string
	Price                    string // a decimal, or empty
	Count                    *int64
	Size                     string // MiB, a decimal, or empty
}

// CreditTransfer hands credits to others.
type CreditTransfer struct {
	Gifts []CreditGift
}

// CreditGift is one entry of a transfer.
type CreditGift struct {
	Address    Address
	Amount     int64
	Expiration *Timestamp // nil when the sender sets none
}

// ParseCreditDistribution reads the content of a post of that type. The error
// is a [*Rejection] with [CodeInvalidFormat].
func ParseCreditDistribution(content json.RawMessage) (*CreditDistribution, error) {
	var d decoder
	c := new(CreditDistribution)
	token, chain := slot{key: "token"}, slot{key: "chain"}
	d.credits(value(content), "distribution", func(v value) {
		c.Grants = append(c.Grants, d.creditGrant(v))
	}, &token, &chain)
	if len(d.errs) == 0 {
		d.enter(key("distribution"))
		c.Token, c.Chain = d.text(token, anyLength), d.text(chain, anyLength)
		d.leave()
	}
	return c, d.rejection()
}

// ParseCreditExpense is [ParseCreditDistribution] for expenses.
func ParseCreditExpense(content json.RawMessage) (*CreditExpense, error) {
	var d decoder
	c := new(CreditExpense)
	d.credits(value(content), "expense", func(v value) { c.Charges = append(c.Charges, d.creditCharge(v)) })
	return c, d.rejection()
}

// ParseCreditTransfer is [ParseCreditDistribution] for transfers.
func ParseCreditTransfer(content json.RawMessage) (*CreditTransfer, error) {
	var d decoder
	c := new(CreditTransfer)
	d.credits(value(content), "transfer", func(v value) { c.Gifts = append(c.Gifts, d.creditGift(v)) })
	seen := make(map[Address]bool, len(c.Gifts))
	for _, gift := range c.Gifts {
		if seen[gift.Address] {
			d.invalid(key("transfer"), nil, "%s receives twice", gift.Address)
			break
		}
		seen[gift.Address] = true
	}
	return c, d.rejection()
}

// credits reads {kind: {"credits": [entry, …], …more}}.
func (d *decoder) credits(v value, kind string, entry func(value), more ...*slot) {
	outer, list := slot{key: kind}, slot{key: "credits"}
	if !d.object(v, false, &outer) || !d.present(outer) {
		return
	}
	d.enter(key(kind))
	defer d.leave()
	if !d.object(outer.value, false, append(more, &list)...) || !d.present(list) || !d.list(list, anyLength) {
		return
	}
	d.enter(key("credits"))
	defer d.leave()
	n := 0
	for i, element := range list.value.elements {
		d.enter(index(i))
		entry(element)
		d.leave()
		n++
	}
	if n == 0 {
		d.fail(itself(), list.value, "too_short", "List should have at least 1 item")
	}
}

func (d *decoder) creditGrant(v value) (g CreditGrant) {
	address, amount, price := slot{key: "address"}, slot{key: "amount"}, slot{key: "price"}
	tx, provider, expiration := slot{key: "tx_hash"}, slot{key: "provider"}, slot{key: "expiration"}
	origin, ref, method, bonus := slot{key: "origin"}, slot{key: "ref"}, slot{key: "payment_method"}, slot{key: "bonus_amount"}
	if !d.object(v, false, &address, &amount, &price, &tx, &provider, &expiration, &origin, &ref, &method, &bonus) {
		return g
	}
	g.Address, g.Amount, g.Expiration = d.creditAddress(address), d.creditAmount(amount), d.expiration(expiration)
	if d.present(price) {
		g.Price = d.decimal(price, false)
	}
	g.TxHash, g.Provider = d.text(tx, anyLength), d.text(provider, anyLength)
	g.Origin, g.Ref, g.PaymentMethod = d.optText(origin, anyLength), d.optText(ref, anyLength), d.optText(method, anyLength)
	// Whatever counts as false in the reference's language is no bonus.
	switch string(bonus.value) {
	case "", "null", "false", `""`, "[]", "{}", "0", "0.0":
	default:
		g.Bonus = d.decimal(bonus, false)
	}
	return g
}

func (d *decoder) creditCharge(v value) (c CreditCharge) {
	address, amount, price := slot{key: "address"}, slot{key: "amount"}, slot{key: "price"}
	ref, execution, node := slot{key: "ref"}, slot{key: "execution_id"}, slot{key: "node_id"}
	seconds, count, size := slot{key: "time"}, slot{key: "count"}, slot{key: "size"}
	if !d.object(v, false, &address, &amount, &price, &ref, &execution, &node, &seconds, &count, &size) {
		return c
	}
	c.Address, c.Amount = d.creditAddress(address), d.creditAmount(amount)
	c.Ref, c.ExecutionID, c.NodeID = d.optText(ref, anyLength), d.optText(execution, anyLength), d.optText(node, anyLength)
	if price.value.given() {
		c.Price = d.decimal(price, false)
	}
	if seconds.value.given() { // checked and not kept
		d.anyNumber(seconds)
	}
	if count.value.given() {
		if n, ok := d.anyInteger(count); ok && !n.within(0, math.MaxInt64) {
			d.fail(key("count"), count.value, "greater_than_equal", "Input should be greater than or equal to 0")
		} else {
			whole := n.int64()
			c.Count = &whole
		}
	}
	if size.value.given() {
		c.Size = d.decimal(size, true)
	}
	return c
}

func (d *decoder) creditGift(v value) (g CreditGift) {
	address, amount, expiration := slot{key: "address"}, slot{key: "amount"}, slot{key: "expiration"}
	if d.object(v, false, &address, &amount, &expiration) {
		g.Address, g.Amount, g.Expiration = d.creditAddress(address), d.creditAmount(amount), d.expiration(expiration)
	}
	return g
}

func (d *decoder) creditAddress(s slot) Address {
	text := d.text(s, anyLength)
	if s.value != nil && strings.TrimSpace(text) == "" {
		d.invalid(key(s.key), s.value, "address must not be empty")
	}
	return Address(text)
}

// creditAmount reads a whole number above zero that is written as one.
func (d *decoder) creditAmount(s slot) int64 {
	if !d.present(s) {
		return 0
	}
	if s.value.kind() != kindNumber {
		d.invalid(key(s.key), s.value, "amount must be an integer")
		return 0
	}
	n, ok := s.value.integer()
	switch {
	case !ok:
		d.invalid(key(s.key), s.value, "amount must be an integer")
	case !n.within(1, math.MaxInt64):
		d.fail(key(s.key), s.value, "greater_than", "Input should be greater than 0 and less than 2^63")
	}
	return n.int64()
}

// latestTime is the end of the year 9999, the last that the network knows.
const latestTime = 253402300800

// expiration reads milliseconds since 1970; zero and null mean never. // Q-27
func (d *decoder) expiration(s slot) *Timestamp {
	if !s.value.given() {
		return nil
	}
	n, ok := d.anyInteger(s)
	if !ok || n.abs == 0 {
		return nil
	}
	if !n.within(-62135596800*1000, latestTime*1000-1) {
		d.invalid(key(s.key), s.value, "expiration is not between the years 1 and 9999, in milliseconds")
		return nil
	}
	at := Timestamp(n.int64() * 1000)
	return &at
}

// decimal reads a finite decimal: a text, or a number, which reads as the
// reference prints it.
func (d *decoder) decimal(s slot, notNegative bool) string {
	var text string
	switch s.value.kind() {
	case kindString:
		text = strings.TrimSpace(string(s.value.text()))
	case kindNumber:
		text = string(s.value)
		if _, ok := s.value.integer(); !ok {
			text = FormatSeconds(s.value.float())
		}
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) || strings.ContainsAny(text, "_xXpP") || len(text) > maxDecimal {
		d.invalid(key(s.key), s.value, "%s must be a decimal", s.key)
		return ""
	}
	if notNegative && f < 0 {
		d.fail(key(s.key), s.value, "greater_than_equal", "Input should be greater than or equal to 0")
	}
	return text
}

// maxDecimal is the longest text that is read as a decimal.
const maxDecimal = 100

// anyNumber checks that a member is a number, or something that counts as one.
func (d *decoder) anyNumber(s slot) {
	switch s.value.kind() {
	case kindNumber, kindTrue, kindFalse:
		return
	case kindString:
		if _, err := strconv.ParseFloat(strings.TrimSpace(string(s.value.text())), 64); err == nil {
			return
		}
	}
	d.fail(key(s.key), s.value, "float_type", "Input should be a valid number")
}

// BalancesUpdate reports balances of tokens on a chain. // spec messages 7.7
type BalancesUpdate struct {
	Chain  Chain
	Dapp   string // empty when the tokens are in nobody's contract
	Height int64
	// Balances are decimals by address, in the digits of their shortest form.
	Balances map[Address]string
}

// ParseBalancesUpdate reads the content of a post of that type. The error is a
// [*Rejection]: with [CodeInvalidFormat] when chain or height are missing, with
// [CodeInternal] when anything else is wrong, as other nodes answer.
func ParseBalancesUpdate(content json.RawMessage) (*BalancesUpdate, error) {
	var d decoder
	chain, height, dapp, balances := slot{key: "chain"}, slot{key: "main_height"}, slot{key: "dapp"}, slot{key: "balances"}
	if !d.object(value(content), false, &chain, &height, &dapp, &balances) || chain.value == nil || height.value == nil {
		return nil, Reject(CodeInvalidFormat, "Missing field(s) chain and/or main_height for balance post")
	}
	b := &BalancesUpdate{Chain: Chain(d.text(chain, anyLength)), Dapp: d.optText(dapp, anyLength), Balances: map[Address]string{}}
	if !b.Chain.Valid() {
		d.invalid(key("chain"), chain.value, "unknown chain")
	}
	if n, ok := d.anyInteger(height); ok {
		if !n.within(math.MinInt64, math.MaxInt64) {
			d.invalid(key("main_height"), height.value, "main_height is too large")
		}
		b.Height = n.int64()
	}
	if !d.object(balances.value, false) {
		d.invalid(key("balances"), balances.value, "balances must be an object")
	}
	d.enter(key("balances"))
	for address, amount := range balances.value.members {
		b.Balances[Address(address)] = d.decimal(slot{key: string(address), value: amount}, false)
	}
	d.leave()
	if err := d.rejection(); err != nil {
		return nil, &Rejection{Code: CodeInternal, Err: err}
	}
	return b, nil
}

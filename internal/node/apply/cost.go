package apply

import (
	"bytes"
	"encoding/json"
	"errors"

	"github.com/cockroachdb/apd/v3"

	"aleph/internal/node/pricing"
	"aleph/internal/node/store"
	"aleph/message"
)

// The aggregates that say what things cost. // spec messages 7.2
const (
	pricingKey  = "pricing"
	settingsKey = "settings"
)

// tariff is what the network has published about costs, and its text.
type tariff struct {
	pricingText, settingsText []byte // nil when it has published nothing
	prices                    *pricing.Prices
	settings                  *pricing.Settings
}

// priced reports whether the network has an economy at all.
func (r *Rules) priced() bool { return r.Network.Authorities.Settings != "" }

// tariff returns the current prices. // spec messages 7.2
func (s *Session) tariff() (*tariff, error) {
	if s.published != nil {
		return s.published, nil
	}
	var t tariff
	var err error
	if t.pricingText, err = s.document(pricingKey); err != nil {
		return nil, err
	}
	if t.settingsText, err = s.document(settingsKey); err != nil {
		return nil, err
	}
	if known := s.rules.tariff.Load(); known != nil && sameText(known.pricingText, t.pricingText) && sameText(known.settingsText, t.settingsText) {
		s.published = known
		return known, nil
	}
	t.prices, t.settings = pricing.DefaultPrices(), pricing.DefaultSettings()
	if t.pricingText != nil {
		if t.prices, err = pricing.ParsePrices(t.pricingText); err != nil {
			return nil, unpriced(err)
		}
	}
	if t.settingsText != nil {
		if t.settings, err = pricing.ParseSettings(t.settingsText); err != nil {
			return nil, unpriced(err)
		}
	}
	s.published = &t
	s.rules.tariff.Store(&t)
	return &t, nil
}

func sameText(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) }

// document returns the content of an aggregate of the network, nil when it
// does not exist.
func (s *Session) document(name string) (json.RawMessage, error) {
	key := store.AggregateKey{Owner: s.rules.Network.Authorities.Settings, Key: name}
	content, err := s.read.AggregateContent(s.ctx, key)
	if err != nil || len(content) > len(`{}`) {
		return content, err
	}
	_, err = s.read.Aggregate(s.ctx, key)
	if ok, err := found(err); err != nil || !ok {
		return nil, err
	}
	return content, nil
}

// unpriced is how a message fails that has no price: it is tried again, for the
// network may publish what is missing. // Q-25
func unpriced(err error) error { return &message.Rejection{Code: message.CodeInternal, Err: err} }

// repriced forgets the prices when an aggregate changes that holds them.
func (s *Session) repriced(key store.AggregateKey) {
	if key.Owner == s.rules.Network.Authorities.Settings && (key.Key == pricingKey || key.Key == settingsKey) {
		s.published = nil
	}
}

// sizes tells the pricing how large files are.
type sizes struct {
	s *Session
	// own is the file of the STORE that is being decided about.
	own  message.Hash
	size int64
}

// Size implements [pricing.Files].
func (f *sizes) Size(file message.Hash) (int64, bool, error) {
	if file == f.own {
		return f.size, true, nil
	}
	row, err := f.s.read.File(f.s.ctx, file)
	ok, err := found(err)
	return row.Size, ok, err
}

// SizeOf implements [pricing.Files].
func (f *sizes) SizeOf(ref message.Hash, latest bool) (int64, bool, error) {
	file, ok, err := f.s.resolve(ref, latest)
	if err != nil || !ok {
		return 0, false, err
	}
	return f.Size(file)
}

// bill is what a message costs.
type bill struct {
	payment message.PaymentType
	total   apd.Decimal    // by the way in which it is paid
	row     *store.CostRow // nil when there are no rows
}

// bill prices a message. // spec messages 7.4
func (s *Session) bill(m *message.Message, files *sizes) (*bill, error) {
	order, err := pricing.OrderOf(m.ItemHash, m.Content, files)
	if err != nil {
		return nil, err
	}
	return s.billOrder(m, order)
}

func (s *Session) billOrder(m *message.Message, order *pricing.Order) (*bill, error) {
	t, err := s.tariff()
	if err != nil {
		return nil, err
	}
	rows, err := t.prices.Rows(order, t.settings)
	if err != nil {
		return nil, unpriced(err)
	}
	b := &bill{payment: order.Payment}
	if b.total, err = pricing.Total(rows, order.Payment); err != nil {
		return nil, unpriced(err)
	}
	if len(rows) > 0 {
		b.row, err = costRow(m, order.Payment, rows)
	}
	return b, err
}

// costRow is the record of rows of costs.
func costRow(m *message.Message, payment message.PaymentType, rows []pricing.Row) (*store.CostRow, error) {
	record := &store.CostRow{ItemHash: m.ItemHash, Owner: m.Content.Owner(), Payment: payment}
	for i := range rows {
		r := &rows[i]
		record.Details = append(record.Details, store.CostDetail{
			Type: string(r.Type), Name: r.Name, Ref: r.Ref,
			Hold: r.Cost.Hold.Text('f'), Stream: r.Cost.Stream.Text('f'), Credit: r.Cost.Credit.Text('f'),
		})
		sum, cost := &record.Total, &r.Cost
		_, errHold := apd.BaseContext.Add(&sum.Hold, &sum.Hold, &cost.Hold)
		_, errStream := apd.BaseContext.Add(&sum.Stream, &sum.Stream, &cost.Stream)
		_, errCredit := apd.BaseContext.Add(&sum.Credit, &sum.Credit, &cost.Credit)
		if err := errors.Join(errHold, errStream, errCredit); err != nil {
			return nil, err
		}
	}
	return record, nil
}

// charge records what a message costs, also when it need not pay.
// // spec messages 4.3 step 8
func (s *Session) charge(b *bill) error {
	if b == nil || b.row == nil {
		return nil
	}
	return s.tx.InsertCost(b.row)
}

// forgetCosts removes what a message that goes has cost. // spec messages 4.7 effect 3
func (s *Session) forgetCosts(m *store.MessageRow) error {
	switch m.Message.Type {
	case message.TypeStore, message.TypeProgram, message.TypeInstance, message.TypeVProgram:
	default:
		return nil
	}
	if err := s.tx.DeleteCost(m.Message.ItemHash); err != nil || m.Status != message.StatusRemoving {
		return err
	}
	return s.tx.DropRemoved(m.Message.ItemHash)
}

// required demands that an owner has enough for one more cost. // spec messages 7.6
func (s *Session) required(owner message.Address, payment message.PaymentType, cost *apd.Decimal) error {
	running, err := s.read.CostTotal(s.ctx, owner, payment)
	if err != nil {
		return err
	}
	of := &running.Hold
	if payment == message.PaymentCredit {
		of = &running.Credit
	}
	needed, err := pricing.Required(of, cost, payment)
	if err != nil {
		return unpriced(err)
	}
	if payment == message.PaymentCredit {
		has, err := s.read.CreditBalance(s.ctx, owner, s.now)
		if err != nil || apd.New(has, 0).Cmp(&needed) >= 0 {
			return err
		}
		return &message.Rejection{Code: message.CodeCreditInsufficient, Errors: []any{
			&creditsMissing{Required: needed.String(), Account: apd.New(has, 0).String(), Days: 1},
		}}
	}
	has, err := s.read.Balance(s.ctx, owner)
	if err != nil || has.Cmp(&needed) >= 0 {
		return err
	}
	return &message.Rejection{Code: message.CodeBalanceInsufficient, Errors: []any{
		&tokensMissing{Required: needed.String(), Account: has.String()},
	}}
}

// tokensMissing is the detail of code 5, creditsMissing that of code 6.
// // spec messages 4.6
type tokensMissing struct {
	Account  string `json:"account_balance"`
	Required string `json:"required_balance"`
}

type creditsMissing struct {
	Account  string `json:"account_credits"`
	Days     int    `json:"min_runtime_days"`
	Required string `json:"required_credits"`
}

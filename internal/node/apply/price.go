package apply

import (
	"context"

	"github.com/cockroachdb/apd/v3"

	"aleph/internal/node/pricing"
	"aleph/internal/node/store"
	"aleph/message"
)

// Price is what a message costs or would cost.
type Price struct {
	Owner   message.Address
	Payment message.PaymentType
	Total   apd.Decimal // by the way in which it is paid
	Rows    []PricedRow
}

// PricedRow is a row of costs and how large the thing is that it is for.
type PricedRow struct {
	pricing.Row
	MiB *apd.Decimal // nil for what has no size
}

// FileSizes says how large files are, in place of what the node knows, by the
// hash that a content names.
type FileSizes map[message.Hash]int64

// Price returns what a message would cost by the prices of now, published or
// not. Files that the sizes do not name are those of the node. The error may be
// a [*message.Rejection], when there is no price. // spec ccn-http-api 9.2
func (r *Rules) Price(ctx context.Context, read store.Reader, m *message.Message, known FileSizes) (*Price, error) {
	s := &Session{rules: r, read: read, ctx: ctx}
	order, err := pricing.OrderOf(m.ItemHash, m.Content, &estimatedFiles{sizes{s: s}, known})
	if err != nil {
		return nil, err
	}
	return s.price(m.Content.Owner(), order)
}

// PriceFile returns what the STORE of a file of that size costs by the prices of
// now, for one whose content is gone. // spec ccn-http-api 9.1
func (r *Rules) PriceFile(ctx context.Context, read store.Reader, item message.Hash, owner message.Address, payment message.PaymentType, bytes int64) (*Price, error) {
	s := &Session{rules: r, read: read, ctx: ctx}
	c := &message.Store{Payment: &message.Payment{Type: payment}}
	return s.price(owner, pricing.StoreOrder(item, c, pricing.Mebibytes(bytes)))
}

func (s *Session) price(owner message.Address, order *pricing.Order) (*Price, error) {
	t, err := s.tariff()
	if err != nil {
		return nil, err
	}
	rows, err := t.prices.Rows(order, t.settings)
	if err != nil {
		return nil, unpriced(err)
	}
	p := &Price{Owner: owner, Payment: order.Payment}
	if p.Total, err = pricing.Total(rows, order.Payment); err != nil {
		return nil, unpriced(err)
	}
	for _, row := range rows {
		p.Rows = append(p.Rows, PricedRow{row, order.SizeOf(row.Type, row.Name)})
	}
	return p, nil
}

// Sizes returns how large the parts of a message are that have a size, by the
// type and the name of their rows. // spec ccn-http-api 9.1
func (r *Rules) Sizes(ctx context.Context, read store.Reader, m *message.Message) (func(pricing.RowType, string) *apd.Decimal, error) {
	s := &Session{rules: r, read: read, ctx: ctx}
	order, err := pricing.OrderOf(m.ItemHash, m.Content, &sizes{s: s})
	if err != nil {
		return nil, err
	}
	return order.SizeOf, nil
}

// estimatedFiles are files of which some need not be there yet.
type estimatedFiles struct {
	sizes
	known FileSizes
}

// Size implements [pricing.Files].
func (f *estimatedFiles) Size(file message.Hash) (int64, bool, error) {
	if bytes, ok := f.known[file]; ok {
		return bytes, true, nil
	}
	return f.sizes.Size(file)
}

// SizeOf implements [pricing.Files].
func (f *estimatedFiles) SizeOf(ref message.Hash, latest bool) (int64, bool, error) {
	if bytes, ok := f.known[ref]; ok {
		return bytes, true, nil
	}
	return f.sizes.SizeOf(ref, latest)
}

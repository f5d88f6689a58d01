package api

import (
	"context"
	"encoding/json"
	"math/big"
	"net/http"

	"github.com/cockroachdb/apd/v3"

	"aleph/internal/node/store"
	"aleph/message"
)

// creditHistory answers GET /api/v0/addresses/{address}/credit_history: the
// entries of the ledger of an address. Its two modes differ in the form of dates
// and decimals, and both answer 404 when there is nothing. // spec ccn-http-api 8.8
func (a *API) creditHistory(w http.ResponseWriter, r *http.Request) error {
	q := newQuery(r)
	list := store.CreditList{
		CreditFilter: q.creditFilter(message.Address(r.PathValue("address"))),
		Order: store.CreditOrder(q.choice(texts([]store.CreditOrder{
			store.ByTime, store.ByExpiration, store.ByMethod, store.ByAmount, store.ByOrigin, store.ByTxHash, store.ByProvider,
		}), "sort_by")),
		Ascending: q.ascending("sort_order"),
	}
	size := int64(0)
	if q.has("cursor") {
		size = 100 // spec ccn-http-api 13, quirk 13
	}
	p, err := q.paging(size, "")
	if err != nil {
		return err
	}
	if err := q.err(); err != nil {
		return err
	}
	if p.cursor {
		return a.listCreditsAfter(w, r, list, p)
	}
	return a.listCredits(w, r, list, p)
}

// creditSummary answers GET /api/v0/addresses/{address}/credit_history/summary.
// // spec ccn-http-api 8.9
func (a *API) creditSummary(w http.ResponseWriter, r *http.Request) error {
	q := newQuery(r)
	filter := q.creditFilter(message.Address(r.PathValue("address")))
	if err := q.err(); err != nil {
		return err
	}
	sums, err := a.Store.SumCredits(r.Context(), filter)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, compactJSON, object{
		{"address", filter.Address},
		{"entry_count", sums.Entries},
		{"total_amount", whole(new(big.Int).Add(sums.Incoming, sums.Outgoing))},
		{"total_incoming", whole(sums.Incoming)},
		{"total_outgoing", whole(sums.Outgoing)},
	})
}

// creditFilter reads the parameters that ledger and summary share.
func (q *query) creditFilter(address message.Address) store.CreditFilter {
	f := store.CreditFilter{
		Address: address,
		TxHash:  q.given("tx_hash"), Token: q.given("token"), Chain: q.given("chain"), Provider: q.given("provider"),
		Origin: q.given("origin"), OriginRef: q.given("origin_ref"), PaymentMethod: q.given("payment_method"),
		Resource: q.given("resource"), ExceptMethods: q.list("exclude_payment_method"),
		ResourceTypes: choicesOf(q, message.Types(), "resourceTypes", "resource_types"),
	}
	if expires := q.bool(false, "has_expiration"); q.has("has_expiration") {
		f.Expires = &expires
	}
	if from := q.date("startDate", "start_date"); q.has("startDate", "start_date") {
		f.From = &from
	}
	if to := q.date("endDate", "end_date"); q.has("endDate", "end_date") {
		f.To = &to
	}
	if f.From != nil && f.To != nil && *f.To < *f.From {
		q.fail("end date cannot be lower than start date.")
	}
	switch oneOf(q, []string{"incoming", "outgoing"}, "direction") {
	case "incoming":
		f.Direction = store.Incoming
	case "outgoing":
		f.Direction = store.Outgoing
	}
	return f
}

// given returns a parameter, nil when it is absent.
func (q *query) given(names ...string) *string {
	if value, ok := q.get(names...); ok {
		return &value
	}
	return nil
}

func (a *API) listCredits(w http.ResponseWriter, r *http.Request, list store.CreditList, p paging) error {
	list.Offset = p.offset()
	out := newListWriter(w, r, compactJSON, "credit_history", member{"address", list.Address})
	defer out.release()
	count, err := pages(r.Context(), p.size, func(ctx context.Context, limit int64) ([]store.CreditRow, error) {
		list.Limit = limit
		rows, err := a.Store.ListCredits(ctx, list)
		if len(rows) > 0 {
			list.After, list.Offset = list.Order.AfterRow(&rows[len(rows)-1]), 0
		}
		return rows, err
	}, func(c store.CreditRow) error {
		item, err := creditEntry(&c)
		if err != nil {
			return err
		}
		return out.add(item)
	})
	if err != nil {
		return err
	}
	if count == 0 {
		return failNoCredits()
	}
	total, known := p.total(count)
	if !known {
		total, err = a.totals.of(r.Context(), "credit_history", list.CreditFilter,
			func(ctx context.Context) (int64, error) { return a.Store.CountCredits(ctx, list.CreditFilter) })
		if err != nil {
			return err
		}
	}
	return out.end(object{{"pagination_page", p.number}, {"pagination_total", total}, {"pagination_per_page", p.size}})
}

func failNoCredits() error {
	return failText(http.StatusNotFound, "No credit history found for this address")
}

func (a *API) listCreditsAfter(w http.ResponseWriter, r *http.Request, list store.CreditList, p paging) error {
	list.Limit = p.size + 1
	var err error
	if p.token != "" {
		if list.After, err = decodeCreditCursor(p.token, list.Order, list.Ascending); err != nil {
			return err
		}
	}
	rows, err := a.Store.ListCredits(r.Context(), list)
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		return failNoCredits()
	}
	rows, last := cutPage(rows, p.size)
	var next any
	if last != nil {
		next = encodeCreditCursor(last, list.Order, list.Ascending)
	}
	items := make([]object, len(rows))
	for i := range rows {
		if items[i], err = creditEntryAfter(&rows[i]); err != nil {
			return err
		}
	}
	return writeJSON(w, http.StatusOK, spacedJSON, object{
		{"address", list.Address}, {"credit_history", items}, {"next_cursor", next}, {"pagination_per_page", p.size},
	})
}

// creditEntry is an entry in page mode: dates and decimals are texts.
func creditEntry(c *store.CreditRow) (object, error) {
	bonus, err := wholeText(c.Bonus)
	if err != nil {
		return nil, err
	}
	var expiration any
	if c.Expiration != nil {
		expiration = isoZ(*c.Expiration)
	}
	return object{
		{"amount", c.Amount},
		{"price", orNull(c.Price)},
		{"bonus_amount", bonus},
		{"tx_hash", orNull(c.TxHash)},
		{"token", orNull(c.Token)},
		{"chain", orNull(c.Chain)},
		{"provider", orNull(c.Provider)},
		{"origin", orNull(c.Origin)},
		{"origin_ref", orNull(c.OriginRef)},
		{"payment_method", orNull(c.PaymentMethod)},
		{"credit_ref", c.Ref},
		{"credit_index", c.Index},
		{"expiration_date", expiration},
		{"message_timestamp", isoZ(c.Time)},
		{"expense_count", c.ExpenseCount},
		{"expense_size_mib", orNull(c.ExpenseSize)},
	}, nil
}

// creditEntryAfter is an entry in cursor mode: dates and decimals are numbers,
// and the members are sorted.
func creditEntryAfter(c *store.CreditRow) (object, error) {
	bonus, err := wholeText(c.Bonus)
	if err != nil {
		return nil, err
	}
	price, err := floatText(c.Price)
	if err != nil {
		return nil, err
	}
	size, err := floatText(c.ExpenseSize)
	if err != nil {
		return nil, err
	}
	return object{
		{"amount", c.Amount},
		{"bonus_amount", bonus},
		{"chain", orNull(c.Chain)},
		{"credit_index", c.Index},
		{"credit_ref", c.Ref},
		{"expense_count", c.ExpenseCount},
		{"expense_size_mib", size},
		{"expiration_date", c.Expiration},
		{"message_timestamp", c.Time},
		{"origin", orNull(c.Origin)},
		{"origin_ref", orNull(c.OriginRef)},
		{"payment_method", orNull(c.PaymentMethod)},
		{"price", price},
		{"provider", orNull(c.Provider)},
		{"token", orNull(c.Token)},
		{"tx_hash", orNull(c.TxHash)},
	}, nil
}

// whole returns a whole number of any size.
func whole(n *big.Int) json.RawMessage { return json.RawMessage(n.String()) }

// wholeText returns the whole part of a decimal of the ledger as a number, null
// when there is none.
func wholeText(text string) (any, error) {
	if text == "" {
		return nil, nil
	}
	d, _, err := apd.NewFromString(text)
	if err != nil {
		return nil, err
	}
	c := apd.BaseContext.WithPrecision(1000) // more than any decimal of the ledger has
	c.Rounding = apd.RoundDown
	if _, err := c.Quantize(d, d, 0); err != nil {
		return nil, err
	}
	if d.IsZero() {
		d.Negative = false
	}
	return json.RawMessage(d.Text('f')), nil
}

// floatText returns a decimal of the ledger as a floating-point number.
func floatText(text string) (any, error) {
	if text == "" {
		return nil, nil
	}
	d, _, err := apd.NewFromString(text)
	if err != nil {
		return nil, err
	}
	return number(d), nil
}

package api

import (
	"errors"
	"net/http"
	"strings"

	"github.com/cockroachdb/apd/v3"

	"aleph/internal/node/apply"
	"aleph/internal/node/pricing"
	"aleph/internal/node/store"
	"aleph/message"
)

// price answers GET /api/v0/price/{item_hash}: what a message costs, and what a
// file that is gone would cost. // spec ccn-http-api 9.1
func (a *API) price(w http.ResponseWriter, r *http.Request) error {
	withSizes := strings.EqualFold(newQuery(r).text("include_size"), "true") // anything else is false
	status, err := a.priceable(r)
	if err != nil {
		return err
	}
	hash := status.ItemHash
	switch status.Status {
	case message.StatusProcessed, message.StatusRemoving:
		return a.livePrice(w, r, hash, withSizes)
	case message.StatusForgotten:
		row, err := a.Store.Forgotten(r.Context(), hash)
		if err != nil {
			return err
		}
		return a.gonePrice(w, r, row.Message, row.Owner, row.PaymentType, row.Size, withSizes, status.Status)
	case message.StatusRemoved:
		row, err := a.Store.Removed(r.Context(), hash)
		if errors.Is(err, message.ErrNotFound) {
			return failGone(hash, status.Status)
		}
		if err != nil {
			return err
		}
		return a.gonePrice(w, r, row.Message, row.Owner, row.PaymentType, row.Size, withSizes, status.Status)
	case message.StatusRejected, message.StatusPending:
	}
	return failDefault(http.StatusNotFound)
}

// priceable returns where the message of a path stands, if it is or was live.
// // spec ccn-http-api 9.1
func (a *API) priceable(r *http.Request) (store.StatusRow, error) {
	status, err := a.known(r)
	switch {
	case errors.Is(err, message.ErrNotFound):
		return status, failText(http.StatusNotFound, "Message not found with hash: %s", r.PathValue("item_hash"))
	case err != nil:
		return status, err
	case status.Status == message.StatusRejected:
		return status, failText(http.StatusNotFound, "This message was rejected: %s", status.ItemHash)
	case status.Status == message.StatusPending:
		return status, failText(http.StatusNotFound, "Message still pending: %s", status.ItemHash)
	}
	return status, nil
}

// costsNothing refuses a message that is never paid for.
func costsNothing(m *message.Message) error {
	switch m.Type {
	case message.TypePost, message.TypeAggregate, message.TypeForget:
		return failText(http.StatusBadRequest, "Message is not an executable or store message: %s", m.ItemHash)
	case message.TypeStore, message.TypeProgram, message.TypeInstance, message.TypeVProgram:
	}
	return nil
}

// failGone says that a message is forgotten or removed.
func failGone(hash message.Hash, status message.Status) error {
	return failText(http.StatusGone, "This message has been %s: %s", status, hash)
}

// livePrice answers from the rows that were written when the message was
// processed.
func (a *API) livePrice(w http.ResponseWriter, r *http.Request, hash message.Hash, withSizes bool) error {
	row, err := a.Store.Message(r.Context(), hash)
	if err != nil {
		return err
	}
	if err := costsNothing(&row.Message); err != nil {
		return err
	}
	p := &apply.Price{Owner: row.Owner, Payment: pricing.PaymentOf(&message.Payment{Type: row.PaymentType})}
	cost, err := a.Store.Cost(r.Context(), hash)
	if err != nil && !errors.Is(err, message.ErrNotFound) {
		return err
	}
	if err == nil {
		sized := row
		if !withSizes {
			sized = nil
		}
		if p, err = a.storedPrice(r, cost, sized); err != nil {
			return err
		}
	}
	return writePrice(w, p)
}

// storedPrice returns rows of costs as a price, with sizes if it is given their
// message.
func (a *API) storedPrice(r *http.Request, cost *store.CostRow, row *store.MessageRow) (*apply.Price, error) {
	p := &apply.Price{Owner: cost.Owner, Payment: cost.Payment}
	total := pricing.Amounts{Hold: cost.Total.Hold, Stream: cost.Total.Stream, Credit: cost.Total.Credit}
	p.Total = *total.Of(cost.Payment)
	size := func(pricing.RowType, string) *apd.Decimal { return nil }
	if row != nil {
		content, err := message.ParseContent(row.Message.Type, row.Content())
		if err != nil {
			return nil, err
		}
		m := row.Message
		m.Content = content
		if size, err = a.Rules.Sizes(r.Context(), a.Store.Reader, &m); err != nil {
			return nil, err
		}
	}
	for _, d := range cost.Details {
		priced := apply.PricedRow{Row: pricing.Row{Type: pricing.RowType(d.Type), Name: d.Name, Ref: d.Ref}}
		for _, amount := range []struct {
			into *apd.Decimal
			text string
		}{{&priced.Cost.Hold, d.Hold}, {&priced.Cost.Stream, d.Stream}, {&priced.Cost.Credit, d.Credit}} {
			if _, _, err := amount.into.SetString(amount.text); err != nil {
				return nil, err
			}
		}
		priced.MiB = size(priced.Type, priced.Name)
		p.Rows = append(p.Rows, priced)
	}
	return p, nil
}

// gonePrice answers for a message that is forgotten or removed: a STORE of which
// enough is left is priced by the prices of now.
func (a *API) gonePrice(
	w http.ResponseWriter, r *http.Request, m message.Message, owner message.Address, payment message.PaymentType, size *int64, withSizes bool, gone message.Status,
) error {
	if m.Type != message.TypeStore || owner == "" || size == nil || gone == message.StatusRemoved && m.Time == 0 {
		return failGone(m.ItemHash, gone)
	}
	p, err := a.Rules.PriceFile(r.Context(), a.Store.Reader, m.ItemHash, owner, payment, *size)
	if err != nil {
		return priceFailure(err)
	}
	if !withSizes {
		for i := range p.Rows {
			p.Rows[i].MiB = nil
		}
	}
	return writePrice(w, p)
}

// priceFailure answers when there is no price. // spec ccn-http-api 9.2
func priceFailure(err error) error {
	rejection, ok := errors.AsType[*message.Rejection](err)
	switch {
	case ok && rejection.Err != nil:
		return failReason(http.StatusNotFound, "%s", rejection.Err)
	case ok:
		return failReason(http.StatusNotFound, "%s", rejection)
	}
	return err
}

// writePrice writes the cost object. // spec ccn-http-api 9
func writePrice(w http.ResponseWriter, p *apply.Price) error {
	detail := make([]object, len(p.Rows))
	for i := range p.Rows {
		row := &p.Rows[i]
		detail[i] = object{
			{"cost_credit", cost18(&row.Cost.Credit)},
			{"cost_hold", cost18(&row.Cost.Hold)},
			{"cost_stream", cost18(&row.Cost.Stream)},
			{"name", row.Name},
			{"size_mib", numberOrNull(row.MiB)},
			{"type", string(row.Type)},
		}
	}
	return writeJSON(w, http.StatusOK, spacedJSON, object{
		{"charged_address", p.Owner},
		{"cost", cost18(&p.Total)},
		{"detail", detail},
		{"payment_type", string(p.Payment)},
		{"required_tokens", number(&p.Total)},
	})
}

// cost18 prints an amount with exactly 18 decimals, cut towards minus infinity.
// // spec ccn-http-api 2.6
func cost18(d *apd.Decimal) string {
	c := apd.BaseContext.WithPrecision(1000)
	c.Rounding = apd.RoundFloor
	var cut apd.Decimal
	if _, err := c.Quantize(&cut, d, -18); err != nil {
		return d.Text('f') // longer than any amount can be
	}
	if cut.IsZero() {
		cut.Negative = false
	}
	return cut.Text('f')
}

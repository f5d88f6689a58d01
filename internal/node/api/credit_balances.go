package api

import (
	"context"
	"net/http"

	"aleph/internal/node/store"
	"aleph/message"
)

// creditBalances answers GET /api/v0/credit_balances: what every address has in
// credits that ever had any. // spec ccn-http-api 8.5
func (a *API) creditBalances(w http.ResponseWriter, r *http.Request) error {
	q := newQuery(r)
	least := q.least("min_balance")
	p, err := q.paging(100, "")
	if err != nil {
		return err
	}
	if err := q.err(); err != nil {
		return err
	}
	owners := creditOwners{api: a, least: least, at: message.TimestampOf(a.Now())}
	if p.cursor {
		return owners.answerAfter(w, r, p)
	}
	out := newListWriter(w, r, spacedJSON, "credit_balances")
	defer out.release()
	var total int64
	if least == 0 {
		total, err = owners.page(r.Context(), p, out)
	} else {
		total, err = owners.richPage(r.Context(), p, out)
	}
	if err != nil {
		return err
	}
	return out.end(pageMembers("credit_balances", p, total))
}

func creditObject(b store.CreditBalance) object {
	return object{{"address", b.Address}, {"credits", b.Credits}}
}

// creditOwners goes through the addresses that have or had credits.
type creditOwners struct {
	api   *API
	least int64
	at    message.Timestamp
	after message.Address
}

// page writes a page of all addresses and returns how many there are.
func (o *creditOwners) page(ctx context.Context, p paging, out *listWriter) (int64, error) {
	skip := p.offset()
	count, err := pages(ctx, p.size, func(ctx context.Context, limit int64) ([]store.CreditBalance, error) {
		part, err := o.api.Store.ListCreditBalances(ctx, o.at, o.after, skip, limit)
		if len(part) > 0 {
			o.after, skip = part[len(part)-1].Address, 0
		}
		return part, err
	}, func(b store.CreditBalance) error { return out.add(creditObject(b)) })
	if err != nil {
		return 0, err
	}
	if total, known := p.total(count); known {
		return total, nil
	}
	return o.api.totals.of(ctx, "credit_balances", nil, o.api.Store.CountCreditOwners)
}

// richPage writes a page of the addresses that have enough and returns how many
// these are. Which they are follows from their lots, so it looks at all.
func (o *creditOwners) richPage(ctx context.Context, p paging, out *listWriter) (int64, error) {
	first, total := p.offset(), int64(0)
	err := o.each(ctx, fetchAt, func(b store.CreditBalance) (bool, error) {
		place := total - first
		total++
		if place < 0 || p.size > 0 && place >= p.size {
			return true, nil // counted only
		}
		return true, out.add(creditObject(b))
	})
	return total, err
}

// each calls use for each address that has enough, in order, until it returns
// false. It reads so many addresses at a time.
func (o *creditOwners) each(ctx context.Context, atOnce int64, use func(store.CreditBalance) (bool, error)) error {
	for {
		part, err := o.api.Store.ListCreditBalances(ctx, o.at, o.after, 0, atOnce)
		if err != nil {
			return err
		}
		for _, b := range part {
			o.after = b.Address
			if b.Credits < o.least {
				continue
			}
			if more, err := use(b); err != nil || !more {
				return err
			}
		}
		if int64(len(part)) < atOnce {
			return nil
		}
	}
}

func (o *creditOwners) answerAfter(w http.ResponseWriter, r *http.Request, p paging) error {
	if p.token != "" {
		v, err := decodeCursor(p.token, "a")
		if err != nil {
			return err
		}
		o.after = message.Address(v["a"])
	}
	atOnce := int64(fetchAt)
	if o.least == 0 {
		atOnce = p.size + 1 // every address has enough
	}
	var found []store.CreditBalance
	err := o.each(r.Context(), atOnce, func(b store.CreditBalance) (bool, error) {
		found = append(found, b)
		return int64(len(found)) <= p.size, nil
	})
	if err != nil {
		return err
	}
	found, last := cutPage(found, p.size)
	var next any
	if last != nil {
		next = encodeCursor(object{{"a", last.Address}})
	}
	items := make([]object, len(found))
	for i, b := range found {
		items[i] = creditObject(b)
	}
	return writeJSON(w, http.StatusOK, spacedJSON, object{{"credit_balances", items}, {"next_cursor", next}, {"pagination_per_page", p.size}})
}

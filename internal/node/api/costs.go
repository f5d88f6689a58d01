package api

import (
	"errors"
	"math/big"
	"net/http"

	"aleph/internal/node/apply"
	"aleph/internal/node/store"
	"aleph/message"
)

// How much of it GET /api/v0/costs lists. // spec ccn-http-api 9.5
const (
	costsSummary = iota
	costsByResource
	costsByRow
)

// costs answers GET /api/v0/costs: what resources cost and have used.
// // spec ccn-http-api 9.5
func (a *API) costs(w http.ResponseWriter, r *http.Request) error {
	q := newQuery(r)
	filter := store.CostFilter{
		Owner: message.Address(q.text("address")), ItemHash: message.Hash(q.text("item_hash")),
		Payment: message.PaymentType(q.choice(texts([]message.PaymentType{message.PaymentHold, message.PaymentSuperfluid, message.PaymentCredit}), "payment_type")),
	}
	if !q.has("payment_type") {
		filter.Payment = message.PaymentCredit
	}
	depth := q.intUpTo(costsSummary, costsSummary, costsByRow, "include_details")
	withSizes := q.bool(false, "include_size")
	p := paging{size: q.intUpTo(100, 10, 1000, "pagination"), number: q.int(1, 1, "page")}
	if err := q.err(); err != nil {
		return err
	}
	if depth == costsByRow && filter.Owner == "" && filter.ItemHash == "" {
		return failText(http.StatusUnprocessableEntity, "include_details=2 requires at least one of 'address' or 'item_hash' filters "+
			"to avoid fetching breakdowns for all resources")
	}
	sum, err := a.sums.of(r.Context(), filter, a.Store.SumCosts)
	if err != nil {
		return err
	}
	spent, err := a.Store.Spent(r.Context(), filter.Owner, string(filter.ItemHash))
	if err != nil {
		return err
	}
	head := object{
		{"summary", object{
			{"total_consumed_credits", whole(spent)},
			{"total_cost_hold", cost18(&sum.Hold)},
			{"total_cost_stream", cost18(&sum.Stream)},
			{"total_cost_credit", cost18(&sum.Credit)},
			{"resource_count", sum.Resources},
		}},
		{"filters", object{
			{"address", orNull(filter.Owner)}, {"item_hash", orNull(filter.ItemHash)}, {"payment_type", string(filter.Payment)},
		}},
	}
	if depth == costsSummary {
		return writeJSON(w, http.StatusOK, compactJSON, append(head, object{
			{"resources", nil}, {"pagination_page", nil}, {"pagination_total", nil}, {"pagination_per_page", nil}, {"pagination_item", nil},
		}...))
	}
	out := newListWriter(w, r, compactJSON, "resources", head...)
	defer out.release()
	list := store.CostList{CostFilter: filter, Offset: p.offset(), Limit: p.size}
	if err := a.listCosts(r, out, list, depth, withSizes); err != nil {
		return err
	}
	return out.end(object{
		{"pagination_page", p.number}, {"pagination_total", sum.Resources}, {"pagination_per_page", p.size}, {"pagination_item", "resources"},
	})
}

func (a *API) listCosts(r *http.Request, out *listWriter, list store.CostList, depth int64, withSizes bool) error {
	rows, err := a.Store.ListCosts(r.Context(), list)
	if err != nil {
		return err
	}
	hashes := make([]message.Hash, len(rows))
	for i, row := range rows {
		hashes[i] = row.ItemHash
	}
	spent, err := a.Store.SpentOnEach(r.Context(), hashes)
	if err != nil {
		return err
	}
	for _, row := range rows {
		used := spent[row.ItemHash]
		if used == nil {
			used = new(big.Int)
		}
		var detail any
		if depth == costsByRow {
			if detail, err = a.costDetail(r, row, withSizes); err != nil {
				return err
			}
		}
		err := out.add(object{
			{"item_hash", row.ItemHash},
			{"owner", row.Owner},
			{"payment_type", string(row.Payment)},
			{"consumed_credits", whole(used)},
			{"cost_hold", cost18(&row.Total.Hold)},
			{"cost_stream", cost18(&row.Total.Stream)},
			{"cost_credit", cost18(&row.Total.Credit)},
			{"detail", detail},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// costDetail is the rows of what a message costs.
func (a *API) costDetail(r *http.Request, cost *store.CostRow, withSizes bool) ([]object, error) {
	var row *store.MessageRow
	if withSizes {
		var err error
		row, err = a.Store.Message(r.Context(), cost.ItemHash)
		if err != nil && !errors.Is(err, message.ErrNotFound) { // it may go after its costs were read
			return nil, err
		}
	}
	p, err := a.storedPrice(r, cost, row)
	if err != nil {
		return nil, err
	}
	detail := make([]object, len(p.Rows))
	for i := range p.Rows {
		detail[i] = costRowObject(&p.Rows[i])
	}
	return detail, nil
}

func costRowObject(row *apply.PricedRow) object {
	return object{
		{"type", string(row.Type)},
		{"name", row.Name},
		{"cost_hold", cost18(&row.Cost.Hold)},
		{"cost_stream", cost18(&row.Cost.Stream)},
		{"cost_credit", cost18(&row.Cost.Credit)},
		{"size_mib", numberOrNull(row.MiB)},
	}
}

package api

import (
	"cmp"
	"math"
	"net/http"
	"slices"

	"github.com/cockroachdb/apd/v3"

	"aleph/internal/node/store"
	"aleph/message"
)

// balance answers GET /api/v0/addresses/{address}/balance: what an address has,
// and what of it its resources hold. // spec ccn-http-api 8.3
func (a *API) balance(w http.ResponseWriter, r *http.Request) error {
	q := newQuery(r)
	chain := oneOf(q, message.Chains(), "chain")
	withLots := q.bool(false, "include_credit_details")
	if err := q.err(); err != nil {
		return err
	}
	address := message.Address(r.PathValue("address"))
	rows, err := a.Store.Balances(r.Context(), address)
	if err != nil {
		return err
	}
	sum, details, err := balancesByChain(rows, chain)
	if err != nil {
		return err
	}
	locked, err := a.Store.CostTotal(r.Context(), address, message.PaymentHold)
	if err != nil {
		return err
	}
	lots, err := a.Store.Lots(r.Context(), address)
	if err != nil {
		return err
	}
	lots = slices.DeleteFunc(lots, func(l store.LotRow) bool { return !l.Lives(message.TimestampOf(a.Now())) })
	answer := object{
		{"address", address},
		{"balance", number(&sum)},
		{"details", details},
		{"locked_amount", number(&locked.Hold)},
		{"credit_balance", store.SumOfLots(lots)},
		{"credit_balance_details", nil},
	}
	if withLots {
		answer[len(answer)-1].value = lotObjects(lots)
	}
	return writeJSON(w, http.StatusOK, compactJSON, answer)
}

// balancesByChain adds up what is in nobody's contract: on one chain, or on each
// and on all of them.
func balancesByChain(rows []store.BalanceRow, chain message.Chain) (sum apd.Decimal, details object, err error) {
	details = object{}
	exact := apd.BaseContext // without a precision nothing is rounded
	for i := range rows {
		row := &rows[i]
		if row.Dapp != "" || chain != "" && row.Chain != chain {
			continue
		}
		if _, err := exact.Add(&sum, &sum, &row.Balance); err != nil {
			return sum, nil, err
		}
		if chain == "" { // one row for each chain, in the order of the codes
			details = append(details, member{string(row.Chain), number(&row.Balance)})
		}
	}
	return sum, details, nil
}

// lotObjects lists lots: those that never expire first, then by expiration.
func lotObjects(lots []store.LotRow) []object {
	end := func(l store.LotRow) message.Timestamp {
		if l.Expiration == nil {
			return math.MinInt64
		}
		return *l.Expiration
	}
	slices.SortStableFunc(lots, func(x, y store.LotRow) int { return cmp.Compare(end(x), end(y)) })
	list := make([]object, len(lots))
	for i, l := range lots {
		var expiration any
		if l.Expiration != nil {
			expiration = isoZ(*l.Expiration)
		}
		list[i] = object{{"expiration_date", expiration}, {"amount", l.Remaining}}
	}
	return list
}

// number returns a decimal as JSON numbers of the network are: the nearest
// floating-point number, at most the largest that there is. // spec ccn-http-api 2.6
func number(d *apd.Decimal) float64 {
	if f, err := d.Float64(); err == nil && !math.IsInf(f, 0) {
		return f
	}
	return math.Copysign(math.MaxFloat64, float64(d.Sign()))
}

// numberOrNull is [number] of a decimal that may be absent.
func numberOrNull(d *apd.Decimal) any {
	if d == nil {
		return nil
	}
	return number(d)
}

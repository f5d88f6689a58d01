package api

import (
	"context"
	"net/http"

	"aleph/internal/node/store"
	"aleph/message"
)

// balances answers GET /api/v0/balances: what every address holds on each chain.
// // spec ccn-http-api 8.4
func (a *API) balances(w http.ResponseWriter, r *http.Request) error {
	q := newQuery(r)
	list := store.BalanceList{Chains: q.chains(), Least: q.least("min_balance")}
	p, err := q.paging(100, "")
	if err != nil {
		return err
	}
	if err := q.err(); err != nil {
		return err
	}
	if p.cursor {
		return a.listBalancesAfter(w, r, list, p)
	}
	list.Offset = p.offset()
	out := newListWriter(w, r, spacedJSON, "balances")
	defer out.release()
	count, err := pages(r.Context(), p.size, func(ctx context.Context, limit int64) ([]store.BalanceRow, error) {
		list.Limit = limit
		rows, err := a.Store.ListBalances(ctx, list)
		if len(rows) > 0 {
			last := rows[len(rows)-1]
			list.After, list.Offset = &store.BalanceKey{Address: last.Address, Chain: last.Chain, Dapp: last.Dapp}, 0
		}
		return rows, err
	}, func(b store.BalanceRow) error { return out.add(balanceObject(&b)) })
	if err != nil {
		return err
	}
	total, known := p.total(count)
	if !known {
		total, err = a.totals.of(r.Context(), "balances", store.BalanceList{Chains: list.Chains, Least: list.Least},
			func(ctx context.Context) (int64, error) { return a.Store.CountBalances(ctx, list) })
		if err != nil {
			return err
		}
	}
	return out.end(pageMembers("balances", p, total))
}

func balanceObject(b *store.BalanceRow) object {
	return object{{"address", b.Address}, {"balance", number(&b.Balance)}, {"chain", b.Chain}}
}

func (a *API) listBalancesAfter(w http.ResponseWriter, r *http.Request, list store.BalanceList, p paging) error {
	list.Limit = p.size + 1
	if p.token != "" {
		after, err := decodeBalanceCursor(p.token)
		if err != nil {
			return err
		}
		list.After = after
	}
	rows, err := a.Store.ListBalances(r.Context(), list)
	if err != nil {
		return err
	}
	rows, last := cutPage(rows, p.size)
	var next any
	if last != nil {
		next = encodeCursor(object{{"a", last.Address}, {"c", last.Chain}, {"d", last.Dapp}})
	}
	items := make([]object, len(rows))
	for i := range rows {
		items[i] = balanceObject(&rows[i])
	}
	return writeJSON(w, http.StatusOK, spacedJSON, object{{"balances", items}, {"next_cursor", next}, {"pagination_per_page", p.size}})
}

// decodeBalanceCursor reads a token, also one of a node that knows only the
// address: then the list goes on with the next address.
func decodeBalanceCursor(token string) (*store.BalanceKey, error) {
	if v, err := decodeCursor(token, "a", "c", "d"); err == nil {
		return &store.BalanceKey{Address: message.Address(v["a"]), Chain: message.Chain(v["c"]), Dapp: v["d"]}, nil
	}
	v, err := decodeCursor(token, "a")
	if err != nil {
		return nil, err
	}
	return &store.BalanceKey{Address: message.Address(v["a"]), Chain: "\U0010FFFF"}, nil
}

// least returns a threshold of at least 1, 0 when there is none.
func (q *query) least(name string) int64 {
	if !q.has(name) {
		return 0
	}
	return q.int(1, 1, name)
}

package store

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/cockroachdb/apd/v3"
)

const (
	sqlRemovingWithoutRecord = `SELECT m.item_hash FROM messages m LEFT JOIN removed_messages r ON r.item_hash = m.item_hash
WHERE m.status = 'removing' AND (r.item_hash IS NULL OR r.removed_at IS NOT NULL)`
	sqlRemovedWithoutRecord = `SELECT s.item_hash FROM message_status s LEFT JOIN removed_messages r ON r.item_hash = s.item_hash
WHERE s.status = 'removed' AND r.removed_at IS NULL`
	sqlStrayRemoved = `SELECT r.item_hash FROM removed_messages r LEFT JOIN messages m ON m.item_hash = r.item_hash
LEFT JOIN message_status s ON s.item_hash = r.item_hash
WHERE (r.removed_at IS NULL AND COALESCE(m.status, '') <> 'removing') OR (r.removed_at IS NOT NULL AND COALESCE(s.status, '') <> 'removed')`
	sqlStrayCost = `SELECT c.item_hash FROM account_costs c LEFT JOIN messages m ON m.item_hash = c.item_hash WHERE m.item_hash IS NULL`
	sqlStrayLot  = `SELECT l.address || ' ' || l.credit_ref FROM credit_balances l LEFT JOIN credit_history h
ON h.credit_ref = l.credit_ref AND h.credit_index = l.credit_index
WHERE h.credit_ref IS NULL OR h.address <> l.address OR h.message_timestamp <> l.message_timestamp`
	sqlWrongLot = `SELECT l.address || ' ' || l.credit_ref FROM credit_balances l JOIN credit_history h
ON h.credit_ref = l.credit_ref AND h.credit_index = l.credit_index WHERE l.amount_remaining <= 0 OR l.amount_remaining > h.amount`

	// What is kept and, with the other sign, what is in the ledger.
	sqlWrongSpending = `SELECT 'of "' || k.address || '" for "' || k.resource || '"' FROM (
SELECT address, resource, high, low FROM credit_spending
UNION ALL SELECT address, COALESCE(origin, origin_ref, ''), -ABS(amount / 4294967296), -ABS(amount % 4294967296) FROM credit_history
WHERE payment_method = 'credit_expense'
UNION ALL SELECT '', '', -ABS(amount / 4294967296), -ABS(amount % 4294967296) FROM credit_history WHERE payment_method = 'credit_expense'
) k GROUP BY k.address, k.resource HAVING SUM(k.high) <> 0 OR SUM(k.low) <> 0`
)

// The totals of live messages, counted. // spec ccn-http-api 14.1
const (
	counted = `(SELECT '' AS sender, '' AS owner, '' AS type, status, COUNT(*) AS total FROM messages GROUP BY status
UNION ALL SELECT '', '', type, status, COUNT(*) FROM messages GROUP BY type, status
UNION ALL SELECT sender, '', '', status, COUNT(*) FROM messages GROUP BY sender, status
UNION ALL SELECT sender, '', type, status, COUNT(*) FROM messages GROUP BY sender, type, status
UNION ALL SELECT '', owner, '', status, COUNT(*) FROM messages GROUP BY owner, status)`
	sqlWrongCount = `SELECT c.sender || '/' || c.owner || '/' || c.type || ' counts ' || CAST(c.total AS TEXT) || ' ' || c.status || ', there are ' ||
CAST(COALESCE(n.total, 0) AS TEXT) FROM message_counts c LEFT JOIN ` + counted + ` n
ON n.sender = c.sender AND n.owner = c.owner AND n.type = c.type AND n.status = c.status WHERE c.total <> COALESCE(n.total, 0)`
	sqlNotCounted = `SELECT n.sender || '/' || n.owner || '/' || n.type || ' has ' || CAST(n.total AS TEXT) || ' ' || n.status FROM ` + counted + ` n
LEFT JOIN message_counts c ON n.sender = c.sender AND n.owner = c.owner AND n.type = c.type AND n.status = c.status WHERE c.total IS NULL`
)

const (
	sqlCostsByOwner = `SELECT owner, payment_type, cost_hold, cost_stream, cost_credit FROM account_costs ORDER BY owner, payment_type`
	sqlAllTotals    = `SELECT owner, payment_type, cost_hold, cost_stream, cost_credit, resources FROM account_totals`
)

// wrongCosts compares the kept sums of costs with the costs. Decimals are added
// here, exactly.
func (r Reader) wrongCosts(ctx context.Context) ([]string, error) {
	kept := map[totalKey]total{}
	rows, err := r.q.query(ctx, "", sqlAllTotals)
	_, err = all(rows, err, func(row scanner) (struct{}, error) {
		var key totalKey
		var t total
		err := row.Scan(&key.owner, &key.payment, &t.Hold, &t.Stream, &t.Credit, &t.resources)
		kept[key] = t
		return struct{}{}, err
	})
	if err != nil {
		return nil, err
	}
	rows, err = r.q.query(ctx, "", sqlCostsByOwner)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var key totalKey
		var c Costs
		if err := rows.Scan(&key.owner, &key.payment, &c.Hold, &c.Stream, &c.Credit); err != nil {
			return nil, err
		}
		t := kept[key]
		if t.Costs, err = t.plus(c, true); err != nil {
			return nil, err
		}
		t.resources--
		kept[key] = t
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	var broken []string
	byOwner := func(a, b totalKey) int {
		return cmp.Or(cmp.Compare(a.owner, b.owner), cmp.Compare(a.payment, b.payment))
	}
	for _, key := range slices.SortedFunc(maps.Keys(kept), byOwner) {
		t := kept[key]
		for _, rest := range []*apd.Decimal{&t.Hold, &t.Stream, &t.Credit, apd.New(t.resources, 0)} {
			if !rest.IsZero() {
				broken = append(broken, fmt.Sprintf("%s by %s is %s off", key.owner, key.payment, rest.Text('f')))
				break
			}
		}
	}
	return broken, nil
}

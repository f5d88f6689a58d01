package store

import (
	"cmp"
	"context"
	"slices"

	"github.com/cockroachdb/apd/v3"

	"aleph/message"
)

// BalanceRow is what an address has on a chain.
type BalanceRow struct {
	Address    message.Address
	Chain      message.Chain
	Dapp       string // empty: in nobody's contract
	Balance    apd.Decimal
	Height     int64
	LastUpdate message.Timestamp
}

const balanceColumns = `address, chain, dapp, balance, eth_height, last_update`

const sqlBalances = `SELECT ` + balanceColumns + ` FROM balances WHERE address = $1 ORDER BY chain, dapp`

// Balances returns what an address has, chain by chain.
func (r Reader) Balances(ctx context.Context, address message.Address) ([]BalanceRow, error) {
	if list, ok := r.known.balances[address]; ok {
		return list, nil
	}
	rows, err := r.q.query(ctx, "balance.list", sqlBalances, string(address))
	return all(rows, err, scanBalance)
}

func scanBalance(row scanner) (BalanceRow, error) {
	var b BalanceRow
	return b, row.Scan(&b.Address, &b.Chain, &b.Dapp, &b.Balance, &b.Height, &b.LastUpdate)
}

// Balance returns the sum of what an address has on all chains in nobody's
// contract, which is what it can pay with. // spec messages 7.6
func (r Reader) Balance(ctx context.Context, address message.Address) (apd.Decimal, error) {
	list, err := r.Balances(ctx, address)
	if err != nil {
		return apd.Decimal{}, err
	}
	var sum apd.Decimal
	for i := range list {
		if list[i].Dapp != "" {
			continue
		}
		if _, err := apd.BaseContext.Add(&sum, &sum, &list[i].Balance); err != nil {
			return apd.Decimal{}, err
		}
	}
	return sum, nil
}

// Only a later report counts, and the time of the change moves only when the
// balance does. // spec messages 7.7
const sqlSetBalance = `INSERT INTO balances (` + balanceColumns + `) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (address, chain, dapp) DO UPDATE SET balance = excluded.balance, eth_height = excluded.eth_height,
last_update = CASE WHEN excluded.balance <> balances.balance THEN excluded.last_update ELSE balances.last_update END
WHERE excluded.eth_height > balances.eth_height`

// SetBalance records a balance unless a report of the same or a greater height
// is there.
func (tx *Tx) SetBalance(b *BalanceRow) error {
	var short apd.Decimal
	short.Reduce(&b.Balance) // equal amounts are equal texts
	if list, ok := tx.known.balances[b.Address]; ok {
		tx.known.balances[b.Address] = reported(list, b)
	}
	return tx.exec("balance.set", sqlSetBalance, string(b.Address), string(b.Chain), b.Dapp, short.Text('f'), b.Height, int64(b.LastUpdate))
}

// reported returns the balances of an address after a report, as sqlSetBalance
// leaves them.
func reported(list []BalanceRow, b *BalanceRow) []BalanceRow {
	list = slices.Clone(list)
	for i := range list {
		row := &list[i]
		if row.Chain != b.Chain || row.Dapp != b.Dapp {
			continue
		}
		if b.Height > row.Height {
			at := row.LastUpdate
			if b.Balance.Cmp(&row.Balance) != 0 {
				at = b.LastUpdate
			}
			*row = *b
			row.LastUpdate = at
		}
		return list
	}
	list = append(list, *b)
	slices.SortFunc(list, func(x, y BalanceRow) int { return cmp.Or(cmp.Compare(x.Chain, y.Chain), cmp.Compare(x.Dapp, y.Dapp)) })
	return list
}

const sqlBalancesSince = `SELECT DISTINCT b.address FROM balances b
JOIN account_totals t ON t.owner = b.address AND t.payment_type = 'hold'
WHERE b.last_update >= $1 AND b.address > $2 ORDER BY b.address LIMIT $3`

// BalancesSince returns addresses after the given one that hold for something
// and whose balance has changed since then, in order.
func (r Reader) BalancesSince(ctx context.Context, since message.Timestamp, after message.Address, limit int) ([]message.Address, error) {
	rows, err := r.q.query(ctx, "balance.since", sqlBalancesSince, int64(since), string(after), limit)
	return all(rows, err, column[message.Address])
}

const sqlLastRun = `SELECT last_run FROM cron_jobs WHERE id = $1`

// LastRun returns when a job last ran to its end, or [message.ErrNotFound].
func (r Reader) LastRun(ctx context.Context, job string) (message.Timestamp, error) {
	rows, err := r.q.query(ctx, "job.get", sqlLastRun, job)
	return one(rows, err, column[message.Timestamp])
}

const sqlSetLastRun = `INSERT INTO cron_jobs (id, last_run) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET last_run = excluded.last_run`

// SetLastRun records that a job has run to its end.
func (tx *Tx) SetLastRun(job string, at message.Timestamp) error {
	return tx.exec("job.set", sqlSetLastRun, job, int64(at))
}

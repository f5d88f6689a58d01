package apply

import (
	"fmt"
	"maps"
	"slices"

	"github.com/cockroachdb/apd/v3"

	"aleph/internal/node/store"
	"aleph/message"
)

// planReport decides about what a POST does besides being one: it reports
// balances or measurements, or moves credits. The effect is nil when it does
// nothing. // spec messages 7.7, 7.8, 8.3
func (s *Session) planReport(m Received, p *message.Post) (Effect, error) {
	a := &s.rules.Network.Authorities
	if empty(p.Content) {
		return nil, nil
	}
	if p.Type == message.BalancesUpdateType {
		if !slices.Contains(a.Balances, p.Address) {
			return nil, nil
		}
		return s.planBalances(p)
	}
	if p.Type == message.NodeMetricsType {
		return s.planNodeMetrics(m, p), nil
	}
	if a.CreditChannel == "" || m.Channel == nil || *m.Channel != a.CreditChannel {
		return nil, nil
	}
	return s.planCredits(m, p, slices.Contains(a.Credits, p.Address))
}

// empty reports whether a content counts as false in the reference's language,
// and so has no effect.
func empty(content []byte) bool { return !truthy(content) }

// planBalances decides about a report of balances. // spec messages 7.7
func (s *Session) planBalances(p *message.Post) (Effect, error) {
	update, err := message.ParseBalancesUpdate(p.Content)
	if err != nil {
		return nil, err
	}
	rows := make([]store.BalanceRow, 0, len(update.Balances))
	for _, address := range slices.Sorted(maps.Keys(update.Balances)) {
		row := store.BalanceRow{Address: address, Chain: update.Chain, Dapp: update.Dapp, Height: update.Height, LastUpdate: s.now}
		if _, _, err := row.Balance.SetString(update.Balances[address]); err != nil {
			return nil, &message.Rejection{Code: message.CodeInternal, Err: fmt.Errorf("balance of %s: %w", address, err)}
		}
		if row.Balance.Form != apd.Finite {
			return nil, &message.Rejection{Code: message.CodeInternal, Err: fmt.Errorf("balance of %s is no number", address)}
		}
		rows = append(rows, row)
	}
	return func() error {
		for i := range rows {
			if err := s.tx.SetBalance(&rows[i]); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

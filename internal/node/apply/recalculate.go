package apply

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"aleph/internal/node/pricing"
	"aleph/internal/node/store"
	"aleph/message"
)

// PriceHistory is what things cost in the course of time. // spec ccn-http-api 9.4
type PriceHistory struct {
	lists    []priceList // the oldest first; that of the program is always there
	settings *pricing.Settings
}

// priceList holds from an instant on. Err says what it lacks.
type priceList struct {
	from   message.Timestamp
	prices *pricing.Prices
	err    error
}

// PriceHistory returns the price lists that the network has published and still
// keeps, behind those of the program. Settings are those of now.
func (r *Rules) PriceHistory(ctx context.Context, read store.Reader) (*PriceHistory, error) {
	s := &Session{rules: r, read: read, ctx: ctx}
	h := &PriceHistory{settings: pricing.DefaultSettings(), lists: []priceList{{prices: pricing.DefaultPrices()}}}
	text, err := s.document(settingsKey)
	if err != nil {
		return nil, err
	}
	if text != nil {
		if h.settings, err = pricing.ParseSettings(text); err != nil {
			return nil, unpriced(err)
		}
	}
	merged := map[string]json.RawMessage{}
	key := store.AggregateKey{Owner: r.Network.Authorities.Settings, Key: pricingKey}
	err = s.eachElement(key, func(e *store.ElementRow, content json.RawMessage) error {
		var members map[string]json.RawMessage
		if err := json.Unmarshal(content, &members); err != nil {
			return fmt.Errorf("content of aggregate element %s: %w", e.ItemHash, err)
		}
		maps.Copy(merged, members)
		text, err := json.Marshal(merged)
		if err != nil {
			return fmt.Errorf("prices of %s: %w", e.ItemHash, err)
		}
		list := priceList{from: e.Created}
		list.prices, list.err = pricing.ParsePrices(text)
		h.lists = append(h.lists, list)
		return nil
	})
	return h, err
}

// Changes returns how many price lists there are, with that of the program.
func (h *PriceHistory) Changes() int { return len(h.lists) }

// at returns the list that held at an instant.
func (h *PriceHistory) at(t message.Timestamp) *priceList {
	i, _ := slices.BinarySearchFunc(h.lists[1:], t, func(l priceList, t message.Timestamp) int {
		if l.from <= t {
			return -1
		}
		return 1
	})
	return &h.lists[i]
}

// Priced reports whether the network has an economy at all.
func (r *Rules) Priced() bool { return r.priced() }

// Reprice records what a live message costs by the prices that held at the time
// of its envelope. The error is a [*message.Rejection] when there is no price:
// then its costs stay as they are. // spec ccn-http-api 9.4
func (s *Session) Reprice(row *store.MessageRow, h *PriceHistory) error {
	content, err := message.ParseContent(row.Message.Type, row.Content())
	if err != nil {
		return err
	}
	m := row.Message
	m.Content = content
	order, err := pricing.OrderOf(m.ItemHash, m.Content, &sizes{s: s})
	if err != nil {
		return err
	}
	list := h.at(m.Time)
	if list.err != nil {
		return unpriced(list.err)
	}
	rows, err := list.prices.Rows(order, h.settings)
	if err != nil {
		return unpriced(err)
	}
	was, err := s.read.Cost(s.ctx, m.ItemHash)
	if err != nil && !errors.Is(err, message.ErrNotFound) {
		return err
	}
	if len(rows) == 0 {
		return s.tx.DeleteCost(m.ItemHash)
	}
	is, err := costRow(&m, order.Payment, rows)
	if err != nil {
		return unpriced(err)
	}
	if was != nil && was.Owner == is.Owner && was.Payment == is.Payment && slices.Equal(was.Details, is.Details) {
		return nil
	}
	if err := s.tx.DeleteCost(m.ItemHash); err != nil {
		return err
	}
	return s.tx.InsertCost(is)
}

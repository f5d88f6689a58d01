package apply

import (
	"encoding/json"
	"fmt"
	"slices"

	"aleph/internal/node/store"
	"aleph/message"
)

// planAggregate decides about an AGGREGATE. // spec messages 6.1
func (s *Session) planAggregate(m Received, a *message.Aggregate) (Effect, error) {
	if err := s.permit(m.Sender, a.Address, subjectOf(m.Message)); err != nil {
		return nil, err
	}
	element := &store.ElementRow{
		AggregateKey: store.AggregateKey{Owner: a.Address, Key: a.Key}, ItemHash: m.ItemHash, Created: a.Time,
	}
	return func() error {
		if err := s.tx.InsertElement(element); err != nil {
			return err
		}
		return s.merge(element, a.Content)
	}, nil
}

// merge adds an element to its aggregate. The result is the shallow merge of
// all elements ordered by (time, item hash), whatever the order of arrival:
// each top-level member keeps the value of the newest element that has it.
// Neither a rebuild nor a dirty mark is ever needed. // spec messages 6.1
func (s *Session) merge(e *store.ElementRow, content json.RawMessage) error {
	if slices.Contains(s.rules.NoAggregates, e.Owner) { // step 1
		return nil
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(content, &members); err != nil {
		return fmt.Errorf("content of aggregate element %s: %w", e.ItemHash, err)
	}
	if e.Key == securityKey {
		delete(s.auth, e.Owner)
	}
	s.repriced(e.AggregateKey)
	return s.tx.MergeElement(e, members)
}

// rebuildAggregate builds an aggregate again from the elements that are left;
// without any it disappears. // spec messages 6.1
func (s *Session) rebuildAggregate(key store.AggregateKey) error {
	delete(s.auth, key.Owner)
	s.repriced(key)
	if err := s.tx.DeleteAggregate(key); err != nil {
		return err
	}
	return s.eachElement(key, s.merge)
}

// eachElement calls use for the elements of an aggregate and their contents, the
// oldest first.
func (s *Session) eachElement(key store.AggregateKey, use func(*store.ElementRow, json.RawMessage) error) error {
	elements, err := s.read.Elements(s.ctx, key)
	if err != nil {
		return err
	}
	for part := range slices.Chunk(elements, 100) {
		hashes := make([]message.Hash, len(part))
		for i, e := range part {
			hashes[i] = e.ItemHash
		}
		rows, err := s.read.Messages(s.ctx, hashes)
		if err != nil {
			return err
		}
		for _, e := range part {
			row, ok := rows[e.ItemHash]
			if !ok {
				return fmt.Errorf("aggregate element %s has no message", e.ItemHash)
			}
			var body struct {
				Content json.RawMessage `json:"content"`
			}
			if err := json.Unmarshal(row.Content(), &body); err != nil {
				return fmt.Errorf("content of aggregate element %s: %w", e.ItemHash, err)
			}
			if err := use(&e, body.Content); err != nil {
				return err
			}
		}
	}
	return nil
}

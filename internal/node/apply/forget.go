package apply

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"aleph/internal/node/store"
	"aleph/message"
)

// forgetting is a FORGET while it takes effect.
type forgetting struct {
	by message.Hash
	at message.Timestamp // envelope time of the FORGET
	// rows are the live messages that it names, without their contents, and gone
	// those of all messages that went.
	rows map[message.Hash]*store.MessageRow
	gone map[message.Hash]bool
}

// planForget decides about a FORGET, which is all or nothing. // spec messages 4.7
func (s *Session) planForget(m Received, f *message.Forget) (Effect, error) {
	keys, elements, err := s.elementsOf(f)
	if err != nil {
		return nil, err
	}
	targets := slices.Concat(f.Hashes, elements)
	rows, err := s.permitForget(m, unique(targets))
	if err != nil {
		return nil, err
	}
	if err := s.checkForget(f, unique(f.Hashes), rows, keys); err != nil {
		return nil, err
	}
	return func() error {
		return s.forget(&forgetting{by: m.ItemHash, at: m.Message.Time, rows: rows, gone: map[message.Hash]bool{}}, targets, keys)
	}, nil
}

// elementsOf returns the aggregates that a FORGET names and their elements.
func (s *Session) elementsOf(f *message.Forget) ([]store.AggregateKey, []message.Hash, error) {
	var keys []store.AggregateKey
	var hashes []message.Hash
	for _, name := range unique(f.Aggregates) {
		key := store.AggregateKey{Owner: f.Address, Key: string(name)}
		elements, err := s.read.Elements(s.ctx, key)
		if err != nil {
			return nil, nil, err
		}
		keys = append(keys, key)
		for _, e := range elements {
			hashes = append(hashes, e.ItemHash)
		}
	}
	return keys, hashes, nil
}

// permitForget decides, target by target, whether the sender may forget it,
// and returns the live ones. The content.address of the FORGET plays no part. // Q-33
func (s *Session) permitForget(m Received, targets []message.Hash) (map[message.Hash]*store.MessageRow, error) {
	rows, err := s.read.MessageHeads(s.ctx, targets)
	if err != nil {
		return nil, err
	}
	var others []message.Hash
	for _, hash := range targets {
		if rows[hash] == nil {
			others = append(others, hash)
		}
	}
	statuses, err := s.read.Statuses(s.ctx, others)
	if err != nil {
		return nil, err
	}
	for _, hash := range targets {
		row, live := rows[hash]
		if !live {
			switch statuses[hash].Status {
			case message.StatusForgotten, message.StatusRejected, message.StatusRemoved:
				continue
			default: // unknown or pending
				return nil, targetNotFound(hash)
			}
		}
		if row.Message.Type == message.TypeForget {
			return nil, &message.Rejection{Code: message.CodeForgetForget, Errors: []any{map[string]any{"message": hash}}}
		}
		if err := s.permit(m.Sender, row.Owner, subjectOfRow(row)); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

func targetNotFound(hash message.Hash) error {
	return missing(hash, message.CodeForgetTargetNotFound, map[string]any{"message": hash})
}

// checkForget demands that there is something to forget, that all of it is
// there, and that no machine uses it. // spec messages 4.7 "Dependencies"
func (s *Session) checkForget(f *message.Forget, hashes []message.Hash, rows map[message.Hash]*store.MessageRow, keys []store.AggregateKey) error {
	if len(f.Hashes) == 0 && len(f.Aggregates) == 0 {
		return &message.Rejection{Code: message.CodeForgetNoTarget}
	}
	users, err := s.read.VMsUsing(s.ctx, hashes)
	if err != nil {
		return err
	}
	for _, hash := range hashes {
		if rows[hash] == nil { // forgotten, rejected or removed. // Q-11
			return targetNotFound(hash)
		}
		if vm, used := users[hash]; used {
			return message.Reject(message.CodeForgetNotAllowed, "File %s used on vm %s", hash, vm)
		}
	}
	for _, key := range keys {
		_, err := s.read.Aggregate(s.ctx, key)
		if ok, err := found(err); err != nil {
			return err
		} else if !ok {
			return missing("", message.CodeForgetTargetNotFound, map[string]any{"aggregate": key.Key})
		}
	}
	return nil
}

// forget removes the targets. // spec messages 4.7 "Effects"
func (s *Session) forget(f *forgetting, targets []message.Hash, keys []store.AggregateKey) error {
	rebuild := map[store.AggregateKey]bool{}
	for _, key := range keys {
		rebuild[key] = true
	}
	again := map[message.Hash]int{}
	for _, hash := range targets {
		row := f.rows[hash]
		if row == nil || f.gone[hash] { // not live, named twice, or went with its original a moment ago
			again[hash]++
			continue
		}
		if row.Message.Type == message.TypeAggregate && row.ContentKey != nil {
			rebuild[store.AggregateKey{Owner: row.Owner, Key: *row.ContentKey}] = true
		}
		if err := s.forgetOne(f, row); err != nil {
			return err
		}
	}
	for _, hash := range slices.Sorted(maps.Keys(again)) {
		if err := s.alsoForgottenBy(hash, slices.Repeat([]message.Hash{f.by}, again[hash])); err != nil {
			return err
		}
	}
	for _, key := range slices.SortedFunc(maps.Keys(rebuild), compareKeys) {
		if err := s.rebuildAggregate(key); err != nil {
			return err
		}
	}
	return nil
}

// forgetOne undoes a message by its type and removes it.
func (s *Session) forgetOne(f *forgetting, row *store.MessageRow) error {
	hash := row.Message.ItemHash
	var size *int64
	var err error
	switch row.Message.Type {
	case message.TypePost:
		err = s.forgetPost(f, row)
	case message.TypeAggregate:
		err = s.tx.DeleteElement(hash)
	case message.TypeStore:
		if size, err = s.fileSize(row.ContentItemHash); err == nil {
			err = s.forgetStore(row)
		}
	case message.TypeProgram, message.TypeInstance, message.TypeVProgram:
		err = s.tx.DeleteVM(hash)
	case message.TypeForget:
		err = fmt.Errorf("a FORGET cannot be forgotten: %s", hash)
	}
	if err != nil {
		return err
	}
	return s.removeSized(f, row, size)
}

func (s *Session) fileSize(file message.Hash) (*int64, error) {
	row, err := s.read.File(s.ctx, file)
	if ok, err := found(err); err != nil || !ok {
		return nil, err
	}
	return &row.Size, nil
}

func (s *Session) remove(f *forgetting, row *store.MessageRow) error {
	return s.removeSized(f, row, nil)
}

// removeSized turns a live message into a forgotten one.
func (s *Session) removeSized(f *forgetting, row *store.MessageRow, size *int64) error {
	if err := s.forgetBody(row); err != nil {
		return err
	}
	forgotten := &store.ForgottenRow{
		Message: row.Message, Owner: row.Owner, PaymentType: row.PaymentType, Size: size,
		ForgottenBy: []message.Hash{f.by}, ForgottenAt: &f.at,
	}
	if forgotten.PaymentType == "" {
		forgotten.PaymentType = message.PaymentHold
	}
	if err := s.tx.InsertForgotten(forgotten); err != nil {
		return err
	}
	if err := s.forgetCosts(row); err != nil {
		return err
	}
	if err := s.tx.DeleteMessage(row); err != nil {
		return err
	}
	f.gone[row.Message.ItemHash] = true
	s.forgotten = append(s.forgotten, row.Message.ItemHash)
	return s.tx.SetStatus(row.Message.ItemHash, message.StatusForgotten, row.ReceptionTime)
}

// TakeForgotten returns the messages that were forgotten in this session since it
// was asked last.
func (s *Session) TakeForgotten() []message.Hash {
	list := s.forgotten
	s.forgotten = nil
	return list
}

// alsoForgottenBy notes each time that a FORGET names a message which is
// forgotten already. // spec messages 4.7
func (s *Session) alsoForgottenBy(hash message.Hash, by []message.Hash) error {
	row, err := s.read.Forgotten(s.ctx, hash)
	if ok, err := found(err); err != nil || !ok {
		return err
	}
	return s.tx.SetForgottenBy(hash, append(row.ForgottenBy, by...))
}

func compareKeys(a, b store.AggregateKey) int {
	return cmp.Or(cmp.Compare(a.Owner, b.Owner), cmp.Compare(a.Key, b.Key))
}

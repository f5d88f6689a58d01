package ingest

import (
	"slices"

	"aleph/internal/node/store"
	"aleph/message"
)

// record saves the transaction that a copy came from.
func (b *batch) record(j *job) error { return b.tx.InsertChainTx(j.tx) }

// remember keeps in mind that a transaction carried this copy of a message which
// is not processed. // Q-10
func (b *batch) remember(j *job) error {
	if j.tx == nil {
		return nil
	}
	if err := b.record(j); err != nil {
		return err
	}
	return b.tx.RememberConfirmation(j.msg, j.tx.Hash)
}

// confirmKnown lets the transactions that carried this copy confirm the live
// message, and tells who listens when that is news. // spec messages 4.10
func (b *batch) confirmKnown(j *job, status message.Status) error {
	news := false
	if j.tx != nil {
		if err := b.record(j); err != nil {
			return err
		}
		added, err := b.tx.Confirm(j.hash, j.tx)
		if err != nil {
			return err
		}
		news = added
	}
	if news {
		found, err := b.tx.Confirmations(b.ctx, []message.Hash{j.hash})
		if err != nil {
			return err
		}
		j.event = Event{Kind: EventConfirmed, Hash: j.hash, Status: status, Message: j.msg, Confirmations: found[j.hash]}
	}
	return nil
}

// confirmProcessed lets the transactions that carried this copy confirm the
// message that has just been processed: the one it came from, and those that
// came while it was not processed. // spec messages 4.3 step 7, Q-10
func (b *batch) confirmProcessed(j *job, known bool) error {
	var txs []*store.ChainTx
	if known {
		var err error
		if txs, err = b.tx.RememberedConfirmations(b.ctx, j.msg); err != nil {
			return err
		}
		if err := b.tx.DropRemembered(j.hash); err != nil {
			return err
		}
	}
	if j.tx != nil {
		if err := b.record(j); err != nil {
			return err
		}
		if !slices.ContainsFunc(txs, func(t *store.ChainTx) bool { return t.Hash == j.tx.Hash }) {
			txs = append(txs, j.tx)
		}
	}
	if len(txs) == 0 {
		return nil
	}
	for _, tx := range txs {
		if _, err := b.tx.Confirm(j.hash, tx); err != nil {
			return err
		}
	}
	found, err := b.tx.Confirmations(b.ctx, []message.Hash{j.hash})
	j.confirmed = found[j.hash]
	return err
}

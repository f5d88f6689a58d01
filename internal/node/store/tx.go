package store

import (
	"context"
	"errors"
	"maps"
	"time"

	"aleph/message"
)

// Tx is a transaction of the writer. It reads its own changes through the
// embedded [Reader]. It is owned by the function given to [DB.Update] and must
// not be kept.
type Tx struct {
	Reader
	w      *writer
	ctx    context.Context //nolint:containedctx // one transaction, one context: the writer's calls are never cancelled half-way
	counts map[countKey]int64
	totals map[totalKey]total
	values map[valueKey]int64
	hours  map[hourKey]int64
	// spending are the expenses of the transaction.
	spending map[spendingKey]wide
	// authorizing are the owners whose lists of authorizations have changed.
	authorizing map[message.Address]struct{}
	// last is the message inserted last, highest the highest number given.
	last    numbered
	highest int64
}

// writer runs transactions on the only connection that changes the database.
// Tests make its statements fail by name.
type writer struct {
	ctx     context.Context //nolint:containedctx // never ends: closing is not cancelled half-way
	session session
	fault   func(name string) error
}

func (w *writer) update(ctx context.Context, do func(tx *Tx) error) (err error) {
	tx := &Tx{
		w: w, ctx: ctx, counts: map[countKey]int64{}, values: map[valueKey]int64{}, hours: map[hourKey]int64{},
		totals: map[totalKey]total{}, spending: map[spendingKey]wide{},
	}
	tx.Reader = Reader{q: tx, known: newKnown()}
	if err := w.inject("begin"); err != nil {
		return err
	}
	if err := w.session.begin(ctx); err != nil {
		return err
	}
	done := false
	defer func() {
		if done {
			return
		}
		// A failed commit may leave the transaction open or have ended it; only
		// the first case needs, and allows, a rollback.
		if rollback := w.session.rollback(ctx); rollback != nil && err == nil {
			err = rollback
		}
	}()
	if err := do(tx); err != nil {
		return err
	}
	if err := tx.writeCounts(); err != nil {
		return err
	}
	if err := tx.writeValues(); err != nil {
		return err
	}
	if err := tx.writeHours(); err != nil {
		return err
	}
	if err := tx.writeTotals(); err != nil {
		return err
	}
	if err := tx.writeSpending(); err != nil {
		return err
	}
	if err := tx.writeAuthorizations(); err != nil {
		return err
	}
	if err := w.inject("commit"); err != nil {
		return err
	}
	if err := w.session.commit(ctx); err != nil {
		return err
	}
	done = true
	return nil
}

// inject is where tests let a statement fail.
func (w *writer) inject(name string) error {
	if w.fault == nil {
		return nil
	}
	if err := w.fault(name); err != nil {
		return named(name, causeOther, err)
	}
	return nil
}

// exec runs a statement that changes rows. Its error may be the result of a
// later call.
func (tx *Tx) exec(name, text string, args ...any) error {
	if err := tx.w.inject(name); err != nil {
		return err
	}
	return tx.w.session.exec(tx.ctx, name, text, args)
}

// changed runs a statement and returns how many rows it changed.
func (tx *Tx) changed(name, text string, args ...any) (int64, error) {
	if err := tx.w.inject(name); err != nil {
		return 0, err
	}
	return tx.w.session.changed(tx.ctx, name, text, args)
}

// query implements querier on the writer's connection. The caller's context is
// not used: a transaction is never cancelled half-way.
func (tx *Tx) query(_ context.Context, name, text string, args ...any) (rows, error) {
	if err := tx.w.inject(name); err != nil {
		return nil, err
	}
	return tx.w.session.query(tx.ctx, name, text, args) //nolint:contextcheck // a transaction is never cancelled half-way
}

// ask lets lookups travel together.
func (tx *Tx) ask(list []lookup) error {
	for _, l := range list {
		if err := tx.w.inject(l.name); err != nil {
			return err
		}
	}
	if len(list) == 0 {
		return nil
	}
	return tx.w.session.ask(tx.ctx, list)
}

// Nested runs do and, when it fails, takes back only what do changed. It costs
// a savepoint, so it is for replaying after an unexpected failure.
func (tx *Tx) Nested(do func() error) error {
	counts, totals, values, hours, spending := maps.Clone(tx.counts), maps.Clone(tx.totals), maps.Clone(tx.values), maps.Clone(tx.hours), maps.Clone(tx.spending)
	if err := tx.w.inject("savepoint"); err != nil {
		return err
	}
	if err := tx.w.session.save(tx.ctx); err != nil {
		return err
	}
	err := do()
	if err == nil {
		err = tx.w.inject("release")
	}
	if err == nil {
		err = tx.w.session.release(tx.ctx)
	}
	if err == nil {
		return nil
	}
	tx.counts, tx.totals, tx.values, tx.hours, tx.spending = counts, totals, values, hours, spending
	tx.last, tx.highest = numbered{}, 0
	tx.known.forget()
	return errors.Join(err, tx.w.session.undo(tx.ctx))
}

// Probe writes a row, so that the commit shows whether the disk takes it.
func (tx *Tx) Probe() error { return tx.exec("check", sqlCheck, time.Now().UnixMicro()) }

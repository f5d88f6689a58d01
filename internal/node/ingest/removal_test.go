package ingest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"aleph/internal/node/ingest"
	"aleph/internal/node/store"
	"aleph/message"
)

func onNetwork(m *market) option {
	return func(_ *ingest.Config, _ *store.Config, d *ingest.Deps) {
		d.Rules.Network = m.network
		d.Now = func() time.Time { return time.Unix(m.clock.Load(), 0) }
	}
}

func (m *market) review() {
	m.t.Helper()
	if err := errors.Join(m.ReviewBalances(context.Background()), m.ReviewCredits(context.Background())); err != nil {
		m.t.Fatal(err)
	}
}

func (m *market) clean() {
	m.t.Helper()
	if err := m.Clean(context.Background()); err != nil {
		m.t.Fatal(err)
	}
}

func (m *market) stands(what string, msg *message.Message, want message.Status) {
	m.t.Helper()
	if got := m.status(m.t, msg.ItemHash); got != want {
		m.t.Errorf("%s: %s, want %s", what, got, want)
	}
}

func (m *market) count(status message.Status) int64 {
	m.t.Helper()
	n, err := m.db.Count(context.Background(), store.CountFilter{Status: status})
	if err != nil {
		m.t.Fatal(err)
	}
	return n
}

// A file whose owner sells the tokens goes, unless the tokens come back in
// time. // spec messages 4.8
func TestUnpaidFile(t *testing.T) {
	t.Parallel()
	m := openMarket(t, june2026)
	ctx := context.Background()
	owner := newKey(t)
	m.balances(map[message.Address]float64{owner.Address(): 30})
	large, small := m.upload(26<<20), m.file(t, "small")
	var stored [3]*message.Message
	for i := range stored { // 8.67 tokens each; the third is the newest
		m.advance(time.Second)
		stored[i] = m.sign(owner, message.TypeStore, "", storeOf(large, map[string]any{"ref": "name"}))
		m.accept(stored[i])
	}
	little := m.sign(owner, message.TypeStore, "", storeOf(small, nil))
	m.accept(little)
	m.review()
	m.stands("paid", stored[2], message.StatusProcessed)

	m.advance(time.Minute)
	m.balances(map[message.Address]float64{owner.Address(): 18})
	m.review()
	m.stands("the oldest", stored[0], message.StatusProcessed)
	m.stands("the second", stored[1], message.StatusProcessed)
	m.stands("the newest", stored[2], message.StatusRemoving)
	m.stands("a small file", little, message.StatusProcessed)
	if n := m.count(message.StatusRemoving); n != 1 {
		t.Errorf("%d messages are counted as removing", n)
	}
	tag, err := m.db.Tag(ctx, string(owner.Address())+"/name")
	if err != nil || tag.ItemHash != stored[1].ItemHash {
		t.Errorf("the name means %+v, %v", tag, err)
	}
	if got := m.costsOf(owner.Address(), message.PaymentHold); got[:3] != "26." {
		t.Errorf("costs %s: what is removing still counts", got)
	}

	m.advance(24 * time.Hour)
	m.clean()
	m.balances(map[message.Address]float64{owner.Address(): 27})
	m.review()
	m.stands("paid again", stored[2], message.StatusProcessed)
	if tag, err = m.db.Tag(ctx, string(owner.Address())+"/name"); err != nil || tag.ItemHash != stored[2].ItemHash {
		t.Errorf("the name means %+v, %v", tag, err)
	}
	if _, err := m.db.Removed(ctx, stored[2].ItemHash); !errors.Is(err, message.ErrNotFound) {
		t.Errorf("a record of the removal is left: %v", err)
	}

	m.balances(map[message.Address]float64{owner.Address(): 0})
	m.review()
	m.advance(25 * time.Hour)
	m.clean()
	m.stands("an hour too early", stored[0], message.StatusRemoving)
	m.advance(time.Second)
	m.clean()
	for i, msg := range stored {
		m.stands("gone", msg, message.StatusRemoved)
		row, err := m.db.Removed(ctx, msg.ItemHash)
		if err != nil || row.Size == nil || *row.Size != 26<<20 || row.PaymentType != message.PaymentHold || row.Owner != owner.Address() {
			t.Errorf("record %d: %+v, %v", i, row, err)
		}
		if res := m.put(t, msg); !res.Known || res.Status != message.StatusRemoved {
			t.Errorf("a copy of what was removed: %+v", res)
		}
	}
	if m.blobs.Has(large) || !m.blobs.Has(small) {
		t.Error("the wrong file is gone")
	}
	if got := m.costsOf(owner.Address(), message.PaymentHold); got[:6] != "0.0000" {
		t.Errorf("costs %s of a small file", got)
	}
	if n := m.count(message.StatusRemoving); n != 0 {
		t.Errorf("%d messages are counted as removing", n)
	}
	forget := m.sign(owner, message.TypeForget, "", map[string]any{"hashes": []any{stored[0].ItemHash}})
	if res := m.put(t, forget); res.Status != message.StatusPending { // 501, tried again. // Q-11
		t.Errorf("forgetting what was removed: %+v", res)
	}
}

// A machine whose owner's credits expire is found without any message, in 2027
// and in 2030; one that is removed no longer keeps its image.
func TestExpiredCredits(t *testing.T) {
	t.Parallel()
	for _, year := range []int{2027, 2030} {
		t.Run(time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC).Format("2006"), func(t *testing.T) {
			t.Parallel()
			begin := time.Date(year, 2, 1, 0, 0, 0, 0, time.UTC)
			m := openMarket(t, begin)
			ctx := context.Background()
			owner := newKey(t)
			m.accept(m.grant(m.authority.Address(), 1e9, time.Time{}))
			image := m.sign(m.authority, message.TypeStore, "", storeOf(m.file(t, "image"), payBy("credit")))
			m.accept(image)
			m.accept(m.grant(owner.Address(), 500_000, begin.Add(10*24*time.Hour)))
			machine := m.sign(owner, message.TypeInstance, "", machineOf(image.ItemHash, payBy("credit")))
			m.accept(machine)
			m.review()
			m.stands("paid", machine, message.StatusProcessed)
			m.advance(10*24*time.Hour + time.Hour)
			m.review()
			m.stands("expired", machine, message.StatusRemoving)

			m.advance(time.Hour)
			m.accept(m.grant(owner.Address(), 342_000, begin.Add(20*24*time.Hour)))
			m.review()
			m.stands("paid again", machine, message.StatusProcessed)
			m.accept(m.expense(owner.Address(), 10))
			m.review()
			m.stands("used up", machine, message.StatusRemoving)
			m.clean()
			m.stands("just now", machine, message.StatusRemoving)

			m.advance(26 * time.Hour)
			m.clean()
			m.stands("unpaid for a day", machine, message.StatusRemoved)
			if _, err := m.db.VM(ctx, machine.ItemHash); !errors.Is(err, message.ErrNotFound) {
				t.Errorf("the machine is still there: %v", err)
			}
			if got := m.costsOf(owner.Address(), message.PaymentCredit); got != "0" {
				t.Errorf("costs %s", got)
			}
			m.accept(m.sign(m.authority, message.TypeForget, "", map[string]any{"hashes": []any{image.ItemHash}}))
		})
	}
}

// What is removing can be forgotten, with its body where it has one.
func TestForgetWhatIsRemoving(t *testing.T) {
	t.Parallel()
	m := openMarket(t, june2026)
	owner := newKey(t)
	m.balances(map[message.Address]float64{owner.Address(): 100})
	msg := m.sign(owner, message.TypeStore, "", storeOf(m.upload(26<<20), nil))
	m.accept(msg)
	m.advance(time.Minute)
	m.balances(map[message.Address]float64{owner.Address(): 1})
	m.review()
	m.stands("unpaid", msg, message.StatusRemoving)
	m.accept(m.sign(owner, message.TypeForget, "", map[string]any{"hashes": []any{msg.ItemHash}}))
	m.stands("forgotten", msg, message.StatusForgotten)
	m.balances(map[message.Address]float64{owner.Address(): 100})
	m.review()
	m.advance(48 * time.Hour)
	m.clean()
	m.stands("after the clean-up", msg, message.StatusForgotten)
}

// The jobs run at their intervals by the clock of the node, over restarts.
func TestReviewRunsByItself(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	m := &market{t: t, authority: newKey(t)}
	m.network = message.PublicNetwork().GovernedBy(m.authority.Address())
	m.clock.Store(june2026.Unix())
	quick := func(c *ingest.Config, s *store.Config, d *ingest.Deps) {
		onNetwork(m)(c, s, d)
		c.BalanceInterval, c.CreditInterval = time.Millisecond, time.Millisecond
	}
	m.testNode = startIn(t, dir, quick)
	owner := newKey(t)
	m.balances(map[message.Address]float64{owner.Address(): 100})
	msg := m.sign(owner, message.TypeStore, "", storeOf(m.upload(26<<20), nil))
	m.accept(msg)
	m.advance(time.Minute)
	m.height = 5
	m.balances(map[message.Address]float64{owner.Address(): 1})
	m.stop()
	m.advance(time.Minute)
	m.testNode = startIn(t, dir, quick)
	deadline := time.Now().Add(20 * time.Second)
	for m.status(t, msg.ItemHash) != message.StatusRemoving {
		if time.Now().After(deadline) {
			t.Fatalf("the message is %s", m.status(t, msg.ItemHash))
		}
		m.advance(time.Second)
		time.Sleep(10 * time.Millisecond)
	}
}

// Where messages are confirmed by a chain, only those count for holding that
// have a confirmation.
func TestUnconfirmedIsNotReviewed(t *testing.T) {
	t.Parallel()
	m := openMarket(t, june2026, func(n *message.Network) { n.Contracts.EthereumSync = "0xSync" })
	owner := newKey(t)
	m.balances(map[message.Address]float64{owner.Address(): 100})
	msg := m.sign(owner, message.TypeStore, "", storeOf(m.upload(26<<20), nil))
	m.accept(msg)
	m.advance(time.Minute)
	m.balances(map[message.Address]float64{owner.Address(): 1})
	m.review()
	m.stands("unconfirmed", msg, message.StatusProcessed)
}

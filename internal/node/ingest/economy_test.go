package ingest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aleph/account"
	"aleph/internal/node/ingest"
	"aleph/internal/node/store"
	"aleph/message"
)

// The clock of these tests: after the cut-off of machines, before that of
// everything else.
var june2026 = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// market is a node with an economy and a clock that only the test moves.
type market struct {
	*testNode
	t         *testing.T
	clock     atomic.Int64 // Unix seconds
	authority *account.Key
	network   message.Network
	height    int
}

func openMarket(t *testing.T, now time.Time, change ...func(*message.Network)) *market {
	t.Helper()
	m := &market{t: t, authority: newKey(t), height: 1}
	m.clock.Store(now.Unix())
	m.network = message.PublicNetwork().GovernedBy(m.authority.Address())
	for _, c := range change {
		c(&m.network)
	}
	m.testNode = start(t, func(_ *ingest.Config, _ *store.Config, d *ingest.Deps) {
		d.Rules.Network = m.network
		d.Now = func() time.Time { return time.Unix(m.clock.Load(), 0) }
	})
	return m
}

func (m *market) advance(d time.Duration) { m.clock.Add(int64(d / time.Second)) }

// sign returns a message of the present, or of another time when content has one.
func (m *market) sign(k account.Account, typ message.Type, channel string, content map[string]any) *message.Message {
	m.t.Helper()
	full := map[string]any{"address": k.Address(), "time": float64(m.clock.Load())}
	maps.Copy(full, content)
	raw, err := json.Marshal(full)
	if err != nil {
		m.t.Fatal(err)
	}
	msg := &message.Message{
		Type: typ, ItemHash: message.HashOf(raw), ItemType: message.ItemInline, ItemContent: string(raw),
		Time: message.TimestampFromSeconds(full["time"].(float64)),
	}
	if channel != "" {
		msg.Channel = &channel
	}
	return seal(m.t, k, msg)
}

// balances reports what addresses hold.
func (m *market) balances(of map[message.Address]float64) {
	m.t.Helper()
	m.height++
	m.accept(m.sign(m.authority, message.TypePost, "", map[string]any{"type": "balances-update", "content": map[string]any{
		"chain": "ETH", "main_height": m.height, "balances": of,
	}}))
}

// credit posts on the channel of credits.
func (m *market) credit(k account.Account, kind string, content any) *message.Message {
	m.t.Helper()
	return m.sign(k, message.TypePost, "ALEPH_CREDIT", map[string]any{"type": "aleph_credit_" + kind, "content": content})
}

// grant gives credits that expire, never when expires is zero.
func (m *market) grant(to message.Address, amount int64, expires time.Time) *message.Message {
	m.t.Helper()
	entry := map[string]any{"address": to, "amount": amount, "price": "0.5", "tx_hash": "0xab", "provider": "ALEPH"}
	if !expires.IsZero() {
		entry["expiration"] = expires.UnixMilli()
	}
	return m.credit(m.authority, "distribution", map[string]any{"distribution": map[string]any{
		"token": "ALEPH", "chain": "ETH", "credits": []any{entry},
	}})
}

func (m *market) accept(msg *message.Message) {
	m.t.Helper()
	if res := m.put(m.t, msg); res.Status != message.StatusProcessed {
		m.t.Fatalf("%s %s: %s %v", msg.Type, msg.ItemHash, res.Status, res.Rejection)
	}
}

// refuse demands that a message is refused with a code and returns the details.
func (m *market) refuse(msg *message.Message, code message.Code) string {
	m.t.Helper()
	res := m.put(m.t, msg)
	if res.Rejection == nil || res.Rejection.Code != code {
		m.t.Fatalf("%s %s: %s %v, want code %d", msg.Type, msg.ItemHash, res.Status, res.Rejection, code)
	}
	return string(res.Rejection.Details())
}

func (m *market) creditsOf(address message.Address) int64 {
	m.t.Helper()
	n, err := m.db.CreditBalance(context.Background(), address, message.TimestampOf(time.Unix(m.clock.Load(), 0)))
	if err != nil {
		m.t.Fatal(err)
	}
	return n
}

func (m *market) costsOf(address message.Address, payment message.PaymentType) string {
	m.t.Helper()
	c, err := m.db.CostTotal(context.Background(), address, payment)
	if err != nil {
		m.t.Fatal(err)
	}
	if payment == message.PaymentCredit {
		return c.Credit.Text('f')
	}
	return c.Hold.Text('f')
}

// upload puts a file of that many bytes into the blob store.
func (m *market) upload(size int64) message.Hash {
	m.t.Helper()
	info, err := m.blobs.Put(context.Background(), io.LimitReader(zeros{}, size), size)
	if err != nil {
		m.t.Fatal(err)
	}
	return info.Hash
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func storeOf(file message.Hash, more map[string]any) map[string]any {
	content := map[string]any{"item_type": "storage", "item_hash": file}
	maps.Copy(content, more)
	return content
}

// function is a function of a code that somebody has stored.
func functionOf(code message.Hash, more map[string]any) map[string]any {
	content := map[string]any{
		"type": "vm-function", "allow_amend": false, "environment": map[string]any{}, "resources": map[string]any{},
		"code":    map[string]any{"encoding": "zip", "entrypoint": "main:app", "ref": code},
		"runtime": map[string]any{"ref": knownRuntime, "comment": ""}, "on": map[string]any{"http": true},
	}
	maps.Copy(content, more)
	return content
}

func machineOf(parent message.Hash, more map[string]any) map[string]any {
	content := map[string]any{
		"allow_amend": false, "environment": map[string]any{}, "resources": map[string]any{"vcpus": 1, "memory": 2048},
		"rootfs": map[string]any{"parent": map[string]any{"ref": parent}, "persistence": "host", "size_mib": 20480},
	}
	maps.Copy(content, more)
	return content
}

func payBy(how string) map[string]any { return map[string]any{"payment": map[string]any{"type": how}} }

// image stores a small file for machines to refer to.
func (m *market) image() message.Hash {
	m.t.Helper()
	msg := m.sign(m.authority, message.TypeStore, "", storeOf(m.file(m.t, "image"), nil))
	m.accept(msg)
	return msg.ItemHash
}

// A hundred orders at once against a balance that covers one: one is accepted.
func TestOneBalanceOneOrder(t *testing.T) {
	t.Parallel()
	m := openMarket(t, june2026)
	code := m.image()
	buyer := newKey(t)
	m.balances(map[message.Address]float64{buyer.Address(): 399.5})
	orders := make([]*message.Message, 100)
	for i := range orders {
		orders[i] = m.sign(buyer, message.TypeProgram, "", functionOf(code, map[string]any{"metadata": map[string]any{"n": i}}))
	}
	var accepted, refused atomic.Int64
	var wg sync.WaitGroup
	for _, order := range orders {
		wg.Go(func() {
			res, err := m.Submit(context.Background(), order, ingest.OriginP2P)
			switch {
			case err != nil:
				t.Error(err)
			case res.Status == message.StatusProcessed:
				accepted.Add(1)
			case res.Rejection != nil && res.Rejection.Code == message.CodeBalanceInsufficient:
				refused.Add(1)
			}
		})
	}
	wg.Wait()
	if accepted.Load() != 1 || refused.Load() != 99 {
		t.Errorf("%d accepted and %d refused", accepted.Load(), refused.Load())
	}
	if got := m.costsOf(buyer.Address(), message.PaymentHold); !strings.HasPrefix(got, "200.0000") {
		t.Errorf("costs %s", got)
	}
}

// Who pays how, and when. // spec messages 7.6
func TestPayments(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	before := time.Date(2025, 4, 4, 13, 57, 58, 0, time.UTC) // the last second of free storage
	free, paid := before, before.Add(time.Second)
	machines := time.Date(2026, 3, 11, 0, 0, 0, 0, time.UTC)
	credits := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name string
		at   time.Time
		rich bool // has tokens and credits
		typ  message.Type
		more map[string]any
		size int64 // of the file of a STORE
		code message.Code
	}{
		{"large file, free", free, false, message.TypeStore, nil, 26 << 20, 0},
		{"large file, poor", paid, false, message.TypeStore, nil, 26 << 20, message.CodeBalanceInsufficient},
		{"large file, rich", paid, true, message.TypeStore, nil, 26 << 20, 0},
		{"small file, poor", paid, false, message.TypeStore, nil, 25 << 20, 0},
		{"small file, poor, credit", paid, false, message.TypeStore, payBy("credit"), 10, message.CodeCreditInsufficient},
		{"small file, rich, credit", paid, true, message.TypeStore, payBy("credit"), 10, 0},
		{"small file by hold, last day", credits.Add(-time.Second), false, message.TypeStore, nil, 10, 0},
		{"small file by hold, too late", credits, true, message.TypeStore, nil, 10, message.CodeInvalidPaymentMethod},
		{"small file by credit, 2030", credits.Add(3 * 365 * day), true, message.TypeStore, payBy("credit"), 10, 0},
		{"function, free", free, false, message.TypeProgram, nil, 0, 0},
		{"function, poor", paid, false, message.TypeProgram, nil, 0, message.CodeBalanceInsufficient},
		{"function, rich", paid, true, message.TypeProgram, nil, 0, 0},
		{"function by stream", paid, false, message.TypeProgram, payBy("superfluid"), 0, 0},
		{"function by hold, 2030", credits.Add(3 * 365 * day), true, message.TypeProgram, nil, 0, message.CodeInvalidPaymentMethod},
		{"persistent function is never free", free, false, message.TypeProgram, map[string]any{"on": map[string]any{"http": true, "persistent": true}}, 0, message.CodeBalanceInsufficient},
		{"persistent function by hold, late", machines, true, message.TypeProgram, map[string]any{"on": map[string]any{"http": true, "persistent": true}}, 0, message.CodeInvalidPaymentMethod},
		{"instance is never free", free, false, message.TypeInstance, nil, 0, message.CodeBalanceInsufficient},
		{"instance by hold", machines.Add(-time.Second), true, message.TypeInstance, nil, 0, 0},
		{"instance by hold, late", machines, true, message.TypeInstance, nil, 0, message.CodeInvalidPaymentMethod},
		{"instance by stream, late", machines, true, message.TypeInstance, payBy("superfluid"), 0, message.CodeInvalidPaymentMethod},
		{"instance by credit", machines, true, message.TypeInstance, payBy("credit"), 0, 0},
		{"instance by credit, poor", machines, false, message.TypeInstance, payBy("credit"), 0, message.CodeCreditInsufficient},
		{"instance by credit, 2027", credits, true, message.TypeInstance, payBy("credit"), 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			m := openMarket(t, june2026)
			ref := m.image()
			buyer := newKey(t)
			if test.rich {
				m.balances(map[message.Address]float64{buyer.Address(): 1e6})
				m.accept(m.grant(buyer.Address(), 1e9, time.Time{}))
			}
			m.clock.Store(test.at.Unix())
			var content map[string]any
			switch test.typ {
			case message.TypeStore:
				content = storeOf(m.upload(test.size), test.more)
			case message.TypeProgram:
				content = functionOf(ref, test.more)
			default:
				content = machineOf(ref, test.more)
			}
			order := m.sign(buyer, test.typ, "", content)
			if test.code != 0 {
				m.refuse(order, test.code)
				if _, err := m.db.Cost(context.Background(), order.ItemHash); err == nil {
					t.Error("what was refused has costs")
				}
				return
			}
			m.accept(order)
			// Costs are recorded also when nothing has to be paid.
			if c, err := m.db.Cost(context.Background(), order.ItemHash); err != nil || c.Owner != buyer.Address() || len(c.Details) == 0 {
				t.Errorf("costs: %+v, %v", c, err)
			}
		})
	}
}

// What codes 5 and 6 tell. // spec messages 4.6
func TestWhatIsMissing(t *testing.T) {
	t.Parallel()
	m := openMarket(t, june2026)
	ref := m.image()
	buyer := newKey(t)
	m.balances(map[message.Address]float64{buyer.Address(): 12.5})
	got := m.refuse(m.sign(buyer, message.TypeProgram, "", functionOf(ref, nil)), message.CodeBalanceInsufficient)
	if want := `{"errors":[{"account_balance":"12.5","required_balance":"200.000000000000000000"}]}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	m.accept(m.grant(buyer.Address(), 341999, time.Time{}))
	order := func(n int) *message.Message {
		return m.sign(buyer, message.TypeInstance, "", machineOf(ref, map[string]any{"payment": map[string]any{"type": "credit"}, "metadata": map[string]any{"n": n}}))
	}
	got = m.refuse(order(1), message.CodeCreditInsufficient)
	if want := `{"errors":[{"account_credits":"341999","min_runtime_days":1,"required_credits":"341999.999999999999971200"}]}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	m.advance(time.Second)
	m.accept(m.grant(buyer.Address(), 1, time.Time{}))
	m.accept(order(1))
	m.refuse(order(2), message.CodeCreditInsufficient)
}

// Costs go with their message; the sum of an owner is exact.
func TestForgottenCosts(t *testing.T) {
	t.Parallel()
	m := openMarket(t, june2026)
	buyer := newKey(t)
	m.balances(map[message.Address]float64{buyer.Address(): 1000})
	var stored []*message.Message
	for i := range 3 {
		msg := m.sign(buyer, message.TypeStore, "", storeOf(m.file(t, fmt.Sprint("file", i)), nil))
		m.accept(msg)
		stored = append(stored, msg)
	}
	// Three files of five bytes.
	if got := m.costsOf(buyer.Address(), message.PaymentHold); got != "0.000004768371577260" {
		t.Errorf("costs %s", got)
	}
	for _, msg := range stored {
		m.accept(m.sign(buyer, message.TypeForget, "", map[string]any{"hashes": []any{msg.ItemHash}}))
	}
	if got := m.costsOf(buyer.Address(), message.PaymentHold); got != "0" {
		t.Errorf("costs %s of nothing", got)
	}
}

// Only a later report of balances counts, and only of those who may report.
func TestBalances(t *testing.T) {
	t.Parallel()
	m := openMarket(t, june2026)
	holder := newKey(t).Address()
	report := func(k account.Account, content map[string]any) *message.Message {
		m.advance(time.Second)
		return m.sign(k, message.TypePost, "", map[string]any{"type": "balances-update", "content": content})
	}
	balance := func() string {
		t.Helper()
		d, err := m.db.Balance(context.Background(), holder)
		if err != nil {
			t.Fatal(err)
		}
		return d.Text('f')
	}
	of := func(amount any) map[string]any { return map[string]any{string(holder): amount} }
	m.accept(report(m.authority, map[string]any{"chain": "ETH", "main_height": 10, "balances": of(1.5)}))
	m.accept(report(m.authority, map[string]any{"chain": "ETH", "main_height": 10, "balances": of(9)}))
	m.accept(report(m.authority, map[string]any{"chain": "ETH", "main_height": 9, "balances": of(8)}))
	m.accept(report(m.authority, map[string]any{"chain": "SOL", "main_height": 1, "balances": of(1e-7), "dapp": ""}))
	m.accept(report(m.authority, map[string]any{"chain": "ETH", "main_height": 99, "balances": of(500), "dapp": "SABLIER"}))
	m.accept(report(newKey(t), map[string]any{"chain": "ETH", "main_height": 99, "balances": of(1000)}))
	if got := balance(); got != "1.5000001" {
		t.Errorf("balance %s", got)
	}
	m.accept(report(m.authority, map[string]any{"chain": "ETH", "main_height": 11, "balances": of(0)}))
	if got := balance(); got != "0.0000001" {
		t.Errorf("balance %s after all was spent", got)
	}
	m.accept(report(m.authority, map[string]any{})) // empty: no effect
	m.refuse(report(m.authority, map[string]any{"chain": "ETH", "balances": of(1)}), message.CodeInvalidFormat)
	if res := m.put(t, report(m.authority, map[string]any{"chain": "ETC", "main_height": 1, "balances": of(1)})); res.Status != message.StatusPending {
		t.Errorf("unknown chain: %v", res)
	}
}

// Prices are what the network has published last, also within a transaction;
// what it has not published has no price. // Q-25
func TestPublishedPrices(t *testing.T) {
	t.Parallel()
	m := openMarket(t, june2026)
	buyer := newKey(t)
	m.balances(map[message.Address]float64{buyer.Address(): 1000})
	cost := func() string {
		m.advance(time.Second)
		msg := m.sign(buyer, message.TypeStore, "", storeOf(m.upload(26<<20), nil))
		if res := m.put(t, msg); res.Status != message.StatusProcessed {
			return string(res.Status)
		}
		c, err := m.db.Cost(context.Background(), msg.ItemHash)
		if err != nil {
			t.Fatal(err)
		}
		return c.Total.Hold.Text('f')
	}
	publish := func(content map[string]any) {
		m.advance(time.Second)
		m.accept(m.sign(m.authority, message.TypeAggregate, "", map[string]any{"key": "pricing", "content": content}))
	}
	for _, step := range []struct {
		publish map[string]any
		want    string
	}{
		{nil, "8.666666658000000000"},
		{map[string]any{"instance": 1}, "pending"}, // the list has no storage now
		{map[string]any{"storage": map[string]any{"price": map[string]any{"storage": map[string]any{"holding": "2"}}}}, "52.000000000000000000"},
		{map[string]any{"storage": map[string]any{"price": map[string]any{"storage": map[string]any{"holding": 3}}}}, "78.000000000000000000"},
	} {
		if step.publish != nil {
			publish(step.publish)
		}
		if got := cost(); got != step.want {
			t.Errorf("after %v: %s, want %s", step.publish, got, step.want)
		}
	}
}
